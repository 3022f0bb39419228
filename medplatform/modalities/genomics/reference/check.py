"""REF against the reference sequence: a rule on records, and whether a file is of another build."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from medplatform.modalities.genomics.header.header import Header, HeaderError
from medplatform.modalities.genomics.records.sites import Sites
from medplatform.modalities.genomics.reference.build import Build
from medplatform.modalities.genomics.reference.genome import Genome, Standing
from medplatform.modalities.genomics.rules import Rule
from medplatform.modalities.genomics.sources.lines import LineReader

MISMATCH = Rule(
    "reference.mismatch",
    "REF",
    "REF is not what the reference sequence of the genome build has at POS (VCF specification, "
    "section 1.6.1). Correct it with bcftools +fixref, or export the file again.",
)
MAX_MISMATCHES = 0.1
"""Larger parts of mismatching records mean another build: where positions belong to another, about
two of three mismatch; in files of the right build it is less than one in a thousand."""
PROBE_RECORDS = 1000
"""How many records of a file are looked at before it is read."""
MIN_COMPARED = 20
"""Fewer records than that say nothing of the build."""


class ReferenceRule:
    """Refuses records whose REF does not match; see `sites.SiteRule`."""

    def __init__(self, genome: Genome) -> None:
        self._genome = genome

    def __call__(self, sites: Sites) -> Iterable[tuple[Rule, np.ndarray]]:
        """The rule, with the records that break it."""
        yield MISMATCH, compare_sites(sites.frame, self._genome) == Standing.MISMATCH


def refuse_other_build(path: Path, header: Header, genome: Genome) -> None:
    """Compare the first records of a file with the reference of the build that it is of.

    Raises
    ------
    HeaderError
        They are of another build.
    """
    if is_of_other_build(_read_places(path, header.build), genome):
        raise HeaderError(
            "build.conflict",
            f"REF of more than {MAX_MISMATCHES:.0%} of the first records is not what the reference "
            f"sequence of {header.build.name} has there, so the positions belong to another build. "
            "Find out which, then correct the header or genome_build in delivery.json.",
            len(header.samples),
        )


def is_of_other_build(frame: pl.DataFrame, genome: Genome) -> bool:
    """Whether so many records mismatch that their positions must belong to another build."""
    standing = compare_sites(frame, genome)
    compared = int(np.count_nonzero(standing != Standing.UNKNOWN))
    mismatches = int(np.count_nonzero(standing == Standing.MISMATCH))
    return compared >= MIN_COMPARED and mismatches > MAX_MISMATCHES * compared


def _read_places(path: Path, build: Build) -> pl.DataFrame:
    """Where the first records of a file are and their REF, of those that are written properly."""
    rows: list[tuple[str, int, str]] = []
    with LineReader(path) as lines:
        records = (line for line in iter(lines.read_line, None) if not line.startswith(b"#"))
        for line in islice(records, PROBE_RECORDS):
            contig, position, _, reference, *_ = *line.split(b"\t", 4), b"", b"", b"", b""
            if position.isdigit() and len(position) < 10 and reference.isalpha():
                chromosome = build.chromosome(contig.decode(errors="replace"))
                rows.append((chromosome, int(position), reference.decode()))
    schema = {"chromosome": pl.String, "position": pl.Int64, "reference_allele": pl.String}
    return pl.DataFrame(rows, schema, orient="row")


def compare_sites(frame: pl.DataFrame, genome: Genome) -> np.ndarray:
    """The standing (int8, `Standing`) of REF of each record."""
    return genome.compare(
        frame["chromosome"].to_numpy(),
        frame["position"].to_numpy(),
        frame["reference_allele"].to_list(),
    )
