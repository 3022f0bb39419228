"""Tables of sequences: a line per record, with columns for the sequence, its label and its name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medplatform.modalities.delimited import delimiter_of, plain_name, split_line
from medplatform.modalities.genomics.sequences.alphabet import is_dna
from medplatform.modalities.genomics.sequences.records import Bad, Blank, Delivered, Label, Record
from medplatform.modalities.text import Line, TextLines

SEQUENCE_NAMES = ("sequence", "seq", "dna", "dna_sequence", "sequences")
LABEL_NAMES = ("label", "class", "target", "labels", "y")
NAME_NAMES = ("sequence_id", "seq_id", "id", "name", "instance_name")
SPLIT_NAMES = ("split", "set", "subset", "fold")
TASK_NAMES = ("task",)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row everything stands; without a header the first line is a record too."""

    count: int
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
        self._first = next(lines, None)
        header = self._first.text.decode("utf-8", "replace") if self._first else ""
        self._delimiter = delimiter_of(header)
        self.columns = find_columns(split_line(header, self._delimiter) or ())

    def records(self) -> Iterator[Delivered]:
        """One record per line."""
        assert self.columns is not None  # else it is no file of sequences
        if self._first is not None and not self.columns.has_header:
            yield self._record(self._first, self.columns)
        for line in self._lines:
            yield self._record(line, self.columns)

    def _record(self, line: Line, columns: Columns) -> Delivered:
        number, offset, text, is_cut = line
        if is_cut:
            return Bad(number, offset, "record.cut")
        if not text.strip():
            return Blank(number)
        try:
            cells = split_line(text.decode(), self._delimiter)
        except UnicodeDecodeError:
            return Bad(number, offset, "record.encoding")
        if cells is None or len(cells) < columns.count or any(cells[columns.count :]):
            return Bad(number, offset, "table.malformed")
        label, split, task, name = (
            None if index is None else cells[index] or None
            for index in (columns.label, columns.split, columns.task, columns.name)
        )
        sequence = "".join(cells[columns.sequence].split()).encode()
        return Record(number, offset, name or "", sequence, Label(label, split, task))


def find_columns(first: Sequence[str]) -> Columns | None:
    """The roles of the columns, by the first line; None where no column holds sequences.

    A first line that has a sequence is no header: then the columns are label, name and sequence, as
    in the files of UCI, or sequence and label.
    """
    cells = list(first)
    while cells and not cells[-1]:
        cells.pop()  # a comma at the end of each line
    names = [plain_name(cell) for cell in cells]
    sequence, label, name, split, task = (
        next((names.index(one) for one in wanted if one in names), None)
        for wanted in (SEQUENCE_NAMES, LABEL_NAMES, NAME_NAMES, SPLIT_NAMES, TASK_NAMES)
    )
    if sequence is not None:
        return Columns(len(cells), sequence, label, name, split, task, True)
    found = [index for index, cell in enumerate(cells) if is_dna("".join(cell.split()))]
    if len(found) != 1 or len(cells) > 3:
        return None
    others = [index for index in range(len(cells)) if index != found[0]]
    label, name = [*others, None, None][:2]
    return Columns(len(cells), found[0], label, name, None, None, False)
