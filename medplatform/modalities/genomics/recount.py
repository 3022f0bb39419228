"""Counts the records of a delivered file without parsing any: lines behind #CHROM, its columns.

Deliberately another, simpler way than the reader's, so that the two can be held against each
other.
"""

from functools import lru_cache
from typing import NamedTuple

from medplatform.modalities.content import Failure, find_failure
from medplatform.modalities.delivery import Source
from medplatform.modalities.genomics.samples.crosswalk import CROSSWALK
from medplatform.modalities.genomics.sequences.layout import kind_of
from medplatform.modalities.genomics.sequences.recount import count_sequences
from medplatform.modalities.genomics.sources.bcf import is_bcf, measure
from medplatform.modalities.genomics.sources.lines import LineReader

FIXED_COLUMNS = 8
FIRST_SAMPLE_COLUMN = 9
_NO_VCF = {"file": 1}
_MOST_REMEMBERED = 1 << 16


class Survey(NamedTuple):
    """What inflating a whole file tells before anything of it is believed."""

    counts: dict[str, int]
    is_corrupt: bool


def count_records(source: Source) -> dict[str, int]:
    """Lines as `header` and `variant`, sample columns as `sample`, or the file itself as `file`.

    Of sets of sequences, their records as `sequence`.
    """
    if kind := kind_of(source.path):
        return count_sequences(source.path, kind)
    if source.path.name == CROSSWALK:
        return _NO_VCF
    return survey(source).counts


@lru_cache(_MOST_REMEMBERED)
def survey(source: Source) -> Survey:
    """Count the records of a VCF or BCF file, and verify its checksums, in one go.

    A file is read after this and counted again after that. A source is one content, so that what
    was found of it is remembered: large files are inflated twice, not three times.
    """
    if is_bcf(source.path):
        return _survey_bcf(source)
    with LineReader(source.path) as lines:
        counts = _count_lines(lines)
        is_at_end = counts is not None and lines.failure is not Failure.LINE_TOO_LONG
        failure = lines.failure if is_at_end else find_failure(source.path)
    if counts is None or failure is Failure.CORRUPT:
        return Survey(_NO_VCF, failure is Failure.CORRUPT)
    return Survey(counts, is_corrupt=False)


def _count_lines(lines: LineReader) -> dict[str, int] | None:
    """None where no header line comes before what else there is."""
    while (line := lines.read_line()) is not None:
        if line.startswith(b"#CHROM"):
            columns = line.rstrip(b"\t").count(b"\t") + 1
            header = lines.number
            variants = lines.count_rest()
            samples = max(0, columns - FIRST_SAMPLE_COLUMN)
            counts = {"header": header, "variant": variants, "sample": samples}
            return counts if lines.failure is None else counts | _NO_VCF
        is_foreign = line.strip() and not line.startswith(b"##")
        if is_foreign and (lines.number == 1 or line.count(b"\t") >= FIXED_COLUMNS - 1):
            break
    return None


def _survey_bcf(source: Source) -> Survey:
    if find_failure(source.path) is Failure.CORRUPT:
        return Survey(_NO_VCF, is_corrupt=True)
    extent = measure(source.path)
    if extent.samples is None:
        return Survey(_NO_VCF, is_corrupt=False)
    counts = {"variant": extent.records, "sample": extent.samples}
    return Survey(counts if extent.is_whole else counts | _NO_VCF, is_corrupt=False)
