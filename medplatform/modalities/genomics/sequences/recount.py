"""Counts the sequences of a delivered file without looking at any: headers, or lines."""

from pathlib import Path

from medplatform.modalities.content import Failure, find_failure
from medplatform.modalities.genomics.sequences.fasta import HEADER, begins_with_header
from medplatform.modalities.genomics.sequences.layout import Kind
from medplatform.modalities.genomics.sequences.tabular import TableFile
from medplatform.modalities.text import TextLines


def count_sequences(path: Path, kind: Kind) -> dict[str, int]:
    """Records as `sequence`; a file that holds none, or breaks off, as `file`."""
    if kind is Kind.LABELS or find_failure(path) is Failure.CORRUPT:
        return {"file": 1}
    with TextLines(path) as lines:
        if kind is Kind.FASTA:
            count = sum(line.text.startswith(HEADER) for line in lines)
        else:
            columns = TableFile(lines).columns
            count = sum(1 for _ in lines) + (columns is not None and not columns.has_header)
        failure = lines.failure
    if kind is Kind.FASTA:
        with TextLines(path) as lines:
            count += not begins_with_header(lines)
    return {"sequence": count} if failure is None else {"sequence": count, "file": 1}
