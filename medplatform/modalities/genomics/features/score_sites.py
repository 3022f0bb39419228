"""The alleles that scores are matched with, and the forms in which a score may write its own.

A site is what a record says of one place: a reference allele, and the alternate ones that replace
just that. As written, a record is one site. The normalised alleles of a record with several
alternates, or with bases that they have in common, are sites of their own: `CAT CT,C` at 1000 holds
`CA C` and `CAT C`. Not here: which allele of a site a variant of a score is, see `score_match`.
"""

import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.alleles.allele import trim
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


def written_forms(variants: pl.DataFrame) -> pl.DataFrame:
    """Variants of scores as they are written and as they are trimmed, where that differs.

    A record that writes the alleles of a score as the score does is of that variant, also where
    the normalised allele begins further left.
    """
    return pl.concat([variants, trim_forms(variants)]).unique()


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
