"""The file `labels.csv` of a delivery: which sequence of the FASTA files has which label."""

from dataclasses import dataclass, field
from pathlib import Path

from medplatform.modalities.delimited import DelimitedLines, plain_name
from medplatform.modalities.genomics.sequences.records import Label
from medplatform.modalities.text import Bad, Blank, TextLines

COLUMNS = ("sequence_id", "label", "split", "task")
MAX_ROWS = 2_000_000
"""Rows of a file; each takes some 250 bytes while the sequences are read."""
MAX_ROW_BYTES = 4096


class LabelsError(ValueError):
    """The file cannot be used at all. `code` names the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Labels:
    """Label and line by the name of a sequence, and the lines that say nothing, with a code."""

    rows: dict[str, tuple[Label, int]] = field(default_factory=dict)
    remarks: list[tuple[int, str]] = field(default_factory=list)


def read_labels(path: Path) -> Labels:
    """Read a label file; a sequence with two labels has none.

    Memory is bounded: by the rows that are read, and by the length of each.

    Raises
    ------
    LabelsError
        It is damaged, not UTF-8, lacks a column or has too many rows.
    """
    labels = Labels()
    ambiguous: set[str] = set()
    known: dict[Label, Label] = {}  # one object for all sequences of a class
    with TextLines(path) as lines:
        table = DelimitedLines(lines, MAX_ROW_BYTES)
        names = [plain_name(name) for name in table.header]
        if any(names.count(name) != 1 for name in COLUMNS[:2]):
            raise LabelsError("labels.unreadable")
        rows = ((line.number, table.read_cells(line)) for line in lines)
        delivered = ((number, cells) for number, cells in rows if not isinstance(cells, Blank))
        for count, (number, cells) in enumerate(delivered, 1):
            if count > MAX_ROWS:
                raise LabelsError("labels.too_many")
            if isinstance(cells, Bad) and cells.code in ("record.encoding", "record.cut"):
                raise LabelsError("labels.unreadable")
            row = {} if isinstance(cells, Bad) else dict(zip(names, cells, strict=False))
            name, label, split, task = (row.get(column) or None for column in COLUMNS)
            if name is None or label is None:
                labels.remarks.append((number, "labels.malformed"))
                continue
            said = Label(label, split, task)
            if labels.rows.setdefault(name, (known.setdefault(said, said), number))[0] != said:
                ambiguous.add(name)
                labels.remarks.append((number, "labels.ambiguous"))
        if lines.failure is not None:
            raise LabelsError("labels.unreadable")
    for name in ambiguous:
        del labels.rows[name]
    return labels
