"""What to say of a file whose mitochondrion is not MT, or may not be."""

from collections.abc import Sequence

import polars as pl

from medplatform.modalities.genomics.reference.build import OTHER_MITOCHONDRION, Build
from medplatform.modalities.genomics.rules import Rule

OTHER = Rule(
    "contig.other_mitochondrion",
    "CHROM",
    "By its length in the header (16,571 bases) the mitochondrion of this file is NC_001807 of "
    "hg18 and hg19, where positions are not those of MT (NC_012920). Its records were read with "
    f"the chromosome {OTHER_MITOCHONDRION}, and nothing that is known of MT applies to them. To "
    "use them, call variants against a reference with NC_012920.",
)
UNCLEAR = Rule(
    "contig.unclear_mitochondrion",
    "CHROM",
    "The header does not say how long chrM is, so it was read as MT (NC_012920, 16,569 bases). In "
    "UCSC's hg19 it is another sequence (NC_001807, 16,571 bases), where positions differ. If that "
    "was the reference, write ##contig=<ID=chrM,length=16571> into the header.",
)


def remark_on_mitochondria(contigs: Sequence[str], build: Build) -> list[tuple[Rule, pl.Series]]:
    """What there is to say of the contigs of a file: remarks, each with its contigs (bool)."""
    is_other = [build.chromosome(contig) == OTHER_MITOCHONDRION for contig in contigs]
    is_unclear = [_is_unclear(contig, build) for contig in contigs]
    return [
        (rule, pl.Series(mask, dtype=pl.Boolean))
        for rule, mask in ((OTHER, is_other), (UNCLEAR, is_unclear))
        if any(mask)
    ]


def _is_unclear(contig: str, build: Build) -> bool:
    # As UCSC names it: MT and chrMT are NC_012920 in all files of GRCh37.
    is_of_ucsc = build.name == "GRCh37" and contig.lower() == "chrm"
    return is_of_ucsc and contig not in build.mitochondria
