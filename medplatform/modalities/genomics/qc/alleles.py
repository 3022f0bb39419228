"""Alternate alleles of the lake, by a key that is the same in every file.

Files cut to their own samples list other alternate alleles, so that a record of one is not a record
of another. A normalised allele is (`medplatform.modalities.genomics.alleles.allele`).
"""

from enum import IntEnum

import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.qc.regions import region
from medplatform.modalities.genomics.tables import ALLELE

PLACE = ("genome_build", "chromosome", "position", "reference_allele", "alternate_allele")
"""What an allele is, beside its `allele_id`."""

_REF, _ALT, _TYPE = (
    pl.col(name) for name in ("reference_allele", "alternate_allele", "allele_type")
)


class Kind(IntEnum):
    """What an alternate allele is to its reference."""

    TRANSITION = 0
    """A base for the other purine or the other pyrimidine."""
    TRANSVERSION = 1
    INDEL = 2
    """Bases for another number of bases."""
    OTHER = 3
    """Several bases for as many, symbolic alleles, breakends, `*`."""


def _are_both(bases: list[str]) -> pl.Expr:
    return _REF.is_in(bases) & _ALT.is_in(bases)


_KIND = (
    pl.when(_are_both(["A", "G"]) | _are_both(["C", "T"]))
    .then(int(Kind.TRANSITION))
    .when(_are_both(["A", "C", "G", "T"]))
    .then(int(Kind.TRANSVERSION))
    .when(_TYPE.is_in(["insertion", "deletion", "indel"]))
    .then(int(Kind.INDEL))
    .otherwise(int(Kind.OTHER))
    .cast(pl.UInt8)
)


def scan_alleles(lake: Lake) -> pl.LazyFrame:
    """One row per alternate allele of a record.

    Columns: allele_id, those of `PLACE`, allele_number (from 1), delivery, cohort_id,
    record_number, kind (`Kind`), region (`regions.Region`).
    """
    build = pl.col("allele_id").str.extract("^([^-]+)-")
    return lake.scan(ALLELE).select(
        *("allele_id", "allele_number", "delivery", "record_number", *PLACE[1:]),
        build.alias("genome_build"),
        pl.col("source_id").alias("cohort_id"),
        _KIND.alias("kind"),
        region(pl.col("chromosome"), pl.col("position"), build).alias("region"),
    )
