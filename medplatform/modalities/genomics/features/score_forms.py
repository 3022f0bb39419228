"""The forms of a variant of a score: as it is written, as trimmed, and as then shifted left.

Rows that are one variant may be written apart: `TG`/`TGCA` at 99 is `G`/`GCA` at 100, and so is
`A`/`ACA` at the end of a repeat of `CA` that begins there. Not here: in which of its forms a record
has a variant, see `score_match`.
"""

import polars as pl

from medplatform.modalities.genomics.alleles.allele import trim
from medplatform.modalities.genomics.alleles.normalise import left_align
from medplatform.modalities.genomics.reference.genome import Genome, Standing

VARIANT = ("chromosome", "position", "effect_allele", "other_allele")
FORM = ("row", *VARIANT, "is_normal")
"""Columns of a form.

`row` is that of the variant. `is_normal` is false of what can be trimmed: as it is written, a
variant is of a record that writes it so, but has bases that are not its own.
"""


def find_forms(variants: pl.DataFrame, genome: Genome | None) -> pl.DataFrame:
    """All forms of variants.

    Parameters
    ----------
    variants
        row, and the columns of VARIANT.
    genome
        The reference sequence; without it, nothing is shifted.

    Returns
    -------
    Columns of FORM. The last form of a variant is the one that all rows of that variant share.
    """
    written = variants.select("row", *VARIANT).with_columns(is_normal=~_can_be_trimmed())
    trimmed = _trim(written.filter(~pl.col("is_normal")))
    normal = pl.concat([written.filter("is_normal"), trimmed])
    shifted = [] if genome is None else [_shift(normal.filter(_can_be_shifted()), genome)]
    return pl.concat([written, trimmed, *shifted]).unique(maintain_order=True)


def share_forms(variants: pl.DataFrame, forms: pl.DataFrame) -> pl.DataFrame:
    """The forms of variants, those of one variant and effect under the first of its rows alone.

    Parameters
    ----------
    variants
        row, and effect.
    forms
        As `find_forms` gives them.
    """
    shared = (
        forms.unique("row", keep="last", maintain_order=True)
        .join(variants.select("row", "effect"), on="row")
        .select("row", first_row=pl.col("row").min().over("effect", *VARIANT))
    )
    return forms.join(shared, on="row").with_columns(row="first_row").select(FORM).unique()


def with_complements(variants: pl.DataFrame) -> pl.DataFrame:
    """The variants and, for single bases that are not palindromic, their other strand."""
    bases, complements = ["A", "C", "G", "T"], ["T", "G", "C", "A"]
    alleles = pl.col("effect_allele", "other_allele")
    flipped = variants.filter(
        pl.col("effect_allele").is_in(bases),
        pl.col("other_allele").is_in(bases),
        pl.col("effect_allele").replace(bases, complements) != pl.col("other_allele"),
    ).with_columns(alleles.replace(bases, complements))
    return pl.concat(
        [
            variants.with_columns(is_complement=pl.lit(False)),
            flipped.with_columns(is_complement=pl.lit(True)),
        ]
    )


def _can_be_trimmed() -> pl.Expr:
    """Whether the alleles have a base in common beside the one that is left of either."""
    effect, other = pl.col("effect_allele"), pl.col("other_allele")
    is_long = pl.min_horizontal(effect.str.len_bytes(), other.str.len_bytes()) > 1
    ends = (effect.str.tail(1) == other.str.tail(1)) | (effect.str.head(1) == other.str.head(1))
    return (is_long & ends).fill_null(False)


def _trim(variants: pl.DataFrame) -> pl.DataFrame:
    columns = list(VARIANT[1:])
    rows = [trim(*row) for row in variants.select(columns).iter_rows()]
    trimmed = pl.DataFrame(rows, schema=variants.select(columns).schema, orient="row")
    return variants.with_columns(*trimmed.get_columns(), is_normal=pl.lit(True))


def _can_be_shifted() -> pl.Expr:
    effect, other = pl.col("effect_allele"), pl.col("other_allele")
    return (effect != other) & (effect.str.tail(1) == other.str.tail(1))


def _shift(variants: pl.DataFrame, genome: Genome) -> pl.DataFrame:
    """The variants of which an allele is the reference sequence, as far left as that allows.

    Where both are, one repeats the other, and it does not matter which is taken for it.
    """
    alleles = ("effect_allele", "other_allele")
    shifted, rest = [variants.clear()], variants
    for names in (alleles, alleles[::-1]):
        standing = genome.compare(
            rest["chromosome"].to_numpy(), rest["position"].to_numpy(), rest[names[0]].to_list()
        )
        is_reference = pl.Series(standing == Standing.EQUAL, dtype=pl.Boolean)
        texts: dict[str, str] = {names[0]: "reference_allele", names[1]: "alternate_allele"}
        found, rest = rest.filter(is_reference).rename(texts), rest.filter(~is_reference)
        if len(found):
            moved = left_align(found.with_columns(sv_end=pl.lit(None, pl.Int64)), genome)
            shifted.append(moved.rename({v: k for k, v in texts.items()}).select(variants.columns))
    return pl.concat(shifted)
