"""Tables of sequences: a line per record, with columns for the sequence, its label and its name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medplatform.modalities.delimited import DelimitedLines, plain_name
from medplatform.modalities.genomics.sequences.alphabet import is_dna
from medplatform.modalities.genomics.sequences.records import Delivered, Label, Record
from medplatform.modalities.text import Line, TextLines

SEQUENCE_NAMES = ("sequence", "seq", "dna", "dna_sequence", "sequences")
LABEL_NAMES = ("label", "class", "target", "labels", "y")
NAME_NAMES = ("sequence_id", "seq_id", "id", "name", "instance_name")
SPLIT_NAMES = ("split", "set", "subset", "fold")
TASK_NAMES = ("task",)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row everything stands; without a header the first line is a record too."""

    sequence: int
    label: int | None
    name: int | None
    split: int | None
    task: int | None
    has_header: bool


class TableFile:
    """The records of a table. `columns` is None where none is known to hold sequences."""

    def __init__(self, lines: TextLines) -> None:
        self._lines = lines
        self._table = DelimitedLines(lines)
        self.columns = find_columns(self._table.header)

    def records(self) -> Iterator[Delivered]:
        """One record per line."""
        assert self.columns is not None  # else it is no file of sequences
        if self._table.first is not None and not self.columns.has_header:
            yield self._record(self._table.first, self.columns)
        for line in self._lines:
            yield self._record(line, self.columns)

    def _record(self, line: Line, columns: Columns) -> Delivered:
        cells = self._table.read_cells(line)
        if not isinstance(cells, list):
            return cells
        label, split, task, name = (
            None if index is None else cells[index] or None
            for index in (columns.label, columns.split, columns.task, columns.name)
        )
        sequence = "".join(cells[columns.sequence].split()).encode()
        place = line.number, line.offset
        return Record(*place, name or "", sequence, Label(label, split, task))


def find_columns(first: Sequence[str]) -> Columns | None:
    """The roles of the columns, by the first line; None where no column holds sequences.

    A first line that has a sequence is no header: then the columns are label, name and sequence, as
    in the files of UCI, or sequence and label.
    """
    names = [plain_name(cell) for cell in first]
    sequence, label, name, split, task = (
        next((names.index(one) for one in wanted if one in names), None)
        for wanted in (SEQUENCE_NAMES, LABEL_NAMES, NAME_NAMES, SPLIT_NAMES, TASK_NAMES)
    )
    if sequence is not None:
        return Columns(sequence, label, name, split, task, True)
    found = [index for index, cell in enumerate(first) if is_dna("".join(cell.split()))]
    if len(found) != 1 or len(first) > 3:
        return None
    others = [index for index in range(len(first)) if index != found[0]]
    label, name = [*others, None, None][:2]
    return Columns(found[0], label, name, None, None, False)
