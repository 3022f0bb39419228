"""The alleles that scores are matched with, and the forms in which a score may write its own.

A site is what a record says of one place: a reference allele, and the alternate ones that replace
just that. As written, a record is one site. The normalised alleles of a record with several
alternates, or with bases that they have in common, are sites of their own: `CAT CT,C` at 1000 holds
`CA C` and `CAT C`. Not here: which allele of a site a variant of a score is, see `score_match`.
"""

import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.alleles.allele import trim
from medplatform.modalities.genomics.alleles.normalise import left_align
from medplatform.modalities.genomics.reference.catalogue import Genomes
from medplatform.modalities.genomics.reference.genome import Genome, Standing
from medplatform.modalities.genomics.tables import ALLELE

PLACE = ("genome_build", "chromosome", "position")
SITE = (
    *PLACE,
    *("delivery", "cohort_id", "variant_id"),
    *("reference_allele", "alternate_alleles", "allele_numbers"),
    *("record_position", "record_reference", "record_alternates"),
)
"""Columns of a site.

`allele_numbers` says which alleles of the record `alternate_alleles` are; `record_…` is how the
record writes all of its alleles.
"""

_RECORD = ["delivery", "cohort_id", "variant_id"]
BASES = "^[A-Za-z]+$"
_TEXTS = {
    "record_position": "position",
    "record_reference": "reference_allele",
    "record_alternates": "alternate_alleles",
}


def find_sites(lake: Lake, records: pl.LazyFrame, places: pl.DataFrame) -> list[pl.LazyFrame]:
    """The sites at wanted places, as written and as normalised.

    Parameters
    ----------
    records
        Columns of genomics_variant, and cohort_id.
    places
        Wanted places: `PLACE`, which may repeat.

    Returns
    -------
    Frames of `SITE`.
    """
    wanted = places.lazy().select(PLACE).unique()
    texts = records.select("genome_build", "chromosome", *_RECORD, **_TEXTS)
    written = (
        texts.with_columns(position="record_position")
        .join(wanted, on=PLACE, how="semi")
        .with_columns(
            reference_allele="record_reference",
            alternate_alleles="record_alternates",
            allele_numbers=pl.int_ranges(
                1, pl.col("record_alternates").list.len() + 1, dtype=pl.Int32
            ),
        )
    )
    normalised = (
        _scan_normalised(lake, wanted)
        .join(texts, on=[*_RECORD, "chromosome"])
        .join(wanted, on=PLACE, how="semi")
    )
    return [written.select(SITE), normalised.select(SITE)]


def _scan_normalised(lake: Lake, wanted: pl.LazyFrame) -> pl.LazyFrame:
    """The normalised alleles of bases that their records do not write so, by what they replace."""
    contig = ["chromosome", "position"]
    # Most records have one alternate allele in its normal form, and by that they are named.
    return (
        lake.scan(ALLELE)
        .filter(pl.col("allele_id") != pl.col("variant_id"))
        .filter(pl.col("alternate_allele").str.contains(BASES))
        .join(wanted.select(contig), on=contig, how="semi")
        .with_columns(cohort_id="source_id")
        .group_by(*_RECORD, *contig, "reference_allele")
        .agg(alternate_alleles="alternate_allele", allele_numbers="allele_number")
    )


def trim_forms(variants: pl.DataFrame) -> pl.DataFrame:
    """Variants of scores as they are trimmed: `AT` and `GT` at 2000 are `A` and `G`.

    Parameters
    ----------
    variants
        With position, effect_allele and other_allele; without the latter they stay.
    """
    columns = ["position", "effect_allele", "other_allele"]
    lengths = [pl.col(name).str.len_bytes() for name in columns[1:]]
    is_long = pl.min_horizontal(lengths) > 1
    is_long = (is_long & pl.col("other_allele").is_not_null()).fill_null(False)
    long, others = variants.filter(is_long), variants.filter(~is_long)
    rows = [trim(*row) for row in long.select(columns).iter_rows()]
    trimmed = pl.DataFrame(rows, schema=long.select(columns).schema, orient="row")
    return pl.concat([others, long.with_columns(trimmed.get_columns())])


def normal_forms(variants: pl.DataFrame, genomes: Genomes | None) -> pl.DataFrame:
    """Variants of scores as they are trimmed, and as they are then shifted left.

    Parameters
    ----------
    variants
        With PLACE, effect_allele and other_allele.
    genomes
        The reference sequences; in a build that has none, nothing is shifted.
    """
    trimmed = trim_forms(variants)
    if genomes is None:
        return trimmed
    can_shift = (pl.col("effect_allele") != pl.col("other_allele")) & (
        pl.col("effect_allele").str.tail(1) == pl.col("other_allele").str.tail(1)
    )
    movable = trimmed.filter(can_shift).partition_by("genome_build", as_dict=True)
    shifted = [
        _shift(rows, genome)
        for (build,), rows in movable.items()
        if (genome := genomes.get(build)) is not None
    ]
    return pl.concat([trimmed, *shifted]).unique()


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


def written_forms(variants: pl.DataFrame, genomes: Genomes | None) -> pl.DataFrame:
    """Variants of scores as they are written and in their normal forms, where those differ.

    A record that writes the alleles of a score as the score does is of that variant, also where
    the normalised allele begins further left.
    """
    return pl.concat([variants, normal_forms(variants, genomes)]).unique()


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
