"""The alleles that scores are matched with.

A site is what a record says of one place: a reference allele, and the alternate ones that replace
just that. As written, a record is one site. The normalised alleles of a record with several
alternates, or with bases that they have in common, are sites of their own: `CAT CT,C` at 1000 holds
`CA C` and `CAT C`. Not here: which allele of a site a variant of a score is, see `score_match`, and
in which forms a score may write its own, see `score_forms`.
"""

import polars as pl

from medplatform.lake import Lake
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
