"""Counts the records of a delivered file without parsing any: lines behind #CHROM, its columns.

Deliberately another, simpler way than the reader's, so that the two can be held against each
other.
"""

from medplatform.modalities.content import Failure, find_failure
from medplatform.modalities.delivery import Source
from medplatform.modalities.genomics.samples.crosswalk import CROSSWALK
from medplatform.modalities.genomics.sequences.layout import kind_of
from medplatform.modalities.genomics.sequences.recount import count_sequences
from medplatform.modalities.genomics.sources.bcf import is_bcf, measure
from medplatform.modalities.genomics.sources.lines import LineReader

FIXED_COLUMNS = 8
FIRST_SAMPLE_COLUMN = 9


def count_records(source: Source) -> dict[str, int]:
    """Lines as `header` and `variant`, sample columns as `sample`, or the file itself as `file`.

    Of sets of sequences, their records as `sequence`.
    """
    if kind := kind_of(source.path):
        return count_sequences(source.path, kind)
    if source.path.name == CROSSWALK:
        return {"file": 1}
    if is_bcf(source.path):
        return _count_bcf(source)
    with LineReader(source.path) as lines:
        while (line := lines.read_line()) is not None:
            if line.startswith(b"#CHROM"):
                columns = line.rstrip(b"\t").count(b"\t") + 1
                header = lines.number
                variants = lines.count_rest()
                samples = max(0, columns - FIRST_SAMPLE_COLUMN)
                counts = {"header": header, "variant": variants, "sample": samples}
                if lines.failure is Failure.CORRUPT:
                    break
                return counts if lines.failure is None else {**counts, "file": 1}
            is_foreign = line.strip() and not line.startswith(b"##")
            if is_foreign and (lines.number == 1 or line.count(b"\t") >= FIXED_COLUMNS - 1):
                break
    return {"file": 1}


def _count_bcf(source: Source) -> dict[str, int]:
    if find_failure(source.path) is Failure.CORRUPT:
        return {"file": 1}
    extent = measure(source.path)
    if extent.samples is None:
        return {"file": 1}
    counts = {"variant": extent.records, "sample": extent.samples}
    return counts if extent.is_whole else {**counts, "file": 1}
