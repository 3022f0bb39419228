"""Which files of a genomics delivery are sequences: by their names, tables by their columns too."""

from enum import StrEnum
from pathlib import Path

from medplatform.modalities.genomics.samples.crosswalk import CROSSWALK
from medplatform.modalities.genomics.sequences.tabular import TableFile
from medplatform.modalities.text import TextLines

LABELS = "labels.csv"
"""Labels of the sequences of FASTA files."""
_COMPRESSED = (".gz", ".bgz")
_FASTA = (".fa", ".fasta", ".fna", ".fas", ".ffn", ".faa", ".mfa")
_TABLE = (".csv", ".tsv", ".tab", ".data")


class Kind(StrEnum):
    """What a file holds."""

    FASTA = "FASTA"
    TABLE = "table"
    LABELS = "labels"


def kind_of(path: Path) -> Kind | None:
    """The kind of a file of sequences, None of any other; compression does not matter."""
    if path.name == LABELS:
        return Kind.LABELS
    name = path.name.lower()
    if name == CROSSWALK:
        return None
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    if name.endswith(_FASTA):
        return Kind.FASTA
    return Kind.TABLE if name.endswith(_TABLE) and _has_sequences(path) else None


def _has_sequences(path: Path) -> bool:
    with TextLines(path) as lines:
        return TableFile(lines).columns is not None
