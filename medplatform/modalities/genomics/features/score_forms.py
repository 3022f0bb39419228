"""The forms of a variant of a score: as it is written, as trimmed, and as then shifted left.

Rows that are one variant may be written apart: `TG`/`TGCA` at 99 is `G`/`GCA` at 100, and so is
`A`/`ACA` at the end of a repeat of `CA` that begins there. Not here: in which of its forms a record
has a variant, see `score_match`, and which rows of a score repeat others, see `score_repeats`.
"""

import numpy as np
import polars as pl

from medplatform.modalities.genomics.alleles.allele import trim
from medplatform.modalities.genomics.alleles.normalise import left_align
from medplatform.modalities.genomics.reference.genome import Genome, Standing

VARIANT = ("chromosome", "position", "effect_allele", "other_allele")
FORM = ("row", *VARIANT, "is_effect_reference", "is_normal")
"""Columns of a form.

`row` is that of the variant. `is_effect_reference` says whether the effect allele or the other one
is that of the reference, null where the sequence does not tell it: in a repeat, the two texts may
be an insertion or a deletion, and shifted left all are in the same place. `is_normal` is false of
what can be trimmed: as it is written, a variant is of a record that writes it so, but has bases
that are not its own.
"""
_ALLELES = ("effect_allele", "other_allele")


def find_forms(variants: pl.DataFrame, genome: Genome | None) -> pl.DataFrame:
    """All forms of variants.

    Parameters
    ----------
    variants
        row, and the columns of VARIANT.
    genome
        The reference sequence; without it, nothing is shifted, and no allele known to be its own.

    Returns
    -------
    Columns of FORM. The last form of a variant is the one that all rows of that variant share.
    """
    written = (
        variants.select("row", *VARIANT)
        .join(_find_references(variants, genome), on="row", how="left", maintain_order="left")
        .with_columns(is_normal=~_can_be_trimmed())
    )
    trimmed = _trim(written.filter(~pl.col("is_normal")))
    normal = pl.concat([written.filter("is_normal"), trimmed])
    shifted = [] if genome is None else [_shift(normal.filter(_can_be_shifted()), genome)]
    return pl.concat([written, trimmed, *shifted]).unique(maintain_order=True)


def with_complements(variants: pl.DataFrame) -> pl.DataFrame:
    """The variants and, for single bases that are not palindromic, their other strand."""
    bases, complements = ["A", "C", "G", "T"], ["T", "G", "C", "A"]
    alleles = pl.col(_ALLELES)
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


def _find_references(variants: pl.DataFrame, genome: Genome | None) -> pl.DataFrame:
    """The indels of which the sequence has one allele alone: row, is_effect_reference."""
    schema = {"row": variants.schema["row"], "is_effect_reference": pl.Boolean}
    if genome is None:
        return pl.DataFrame(schema=schema)
    effect_length, other_length = (pl.col(name).str.len_bytes() for name in _ALLELES)
    indels = variants.filter(effect_length != other_length)
    effect, other = (_compare(indels, name, genome) for name in _ALLELES)
    is_effect = (effect == Standing.EQUAL) & (other == Standing.MISMATCH)
    is_other = (other == Standing.EQUAL) & (effect == Standing.MISMATCH)
    told = pl.Series("is_effect_reference", is_effect, dtype=pl.Boolean)
    return indels.select("row", told).filter(pl.Series(is_effect | is_other, dtype=pl.Boolean))


def _compare(variants: pl.DataFrame, allele: str, genome: Genome) -> np.ndarray:
    """The standing of an allele of each variant."""
    chromosomes, positions = variants["chromosome"].to_numpy(), variants["position"].to_numpy()
    return genome.compare(chromosomes, positions, variants[allele].to_list())


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

    Where both are, one repeats the other, and either is shifted to the same place.
    """
    shifted, rest = [variants.clear()], variants
    for names in (_ALLELES, _ALLELES[::-1]):
        standing = _compare(rest, names[0], genome)
        is_reference = pl.Series(standing == Standing.EQUAL, dtype=pl.Boolean)
        texts: dict[str, str] = {names[0]: "reference_allele", names[1]: "alternate_allele"}
        found, rest = rest.filter(is_reference).rename(texts), rest.filter(~is_reference)
        if len(found):
            moved = left_align(found.with_columns(sv_end=pl.lit(None, pl.Int64)), genome)
            shifted.append(moved.rename({v: k for k, v in texts.items()}).select(variants.columns))
    return pl.concat(shifted)
