"""Tables in text, one record a line: cells between commas, semicolons or tabs (RFC 4180).

A line break within a quoted cell is not read, so that a quote that nobody closed damages one line
and not all that follow.
"""

import csv

from medplatform.modalities.text import MAX_LINE_BYTES, Bad, Blank, Line, TextLines, read_text

DELIMITERS = ("\t", ",", ";")


class DelimitedLines:
    """A table whose first line is read: it tells the delimiter and how many columns there are.

    `first` is that line, None of an empty file; `header` are its cells without the empty ones that
    a comma at the end of each line makes.
    """

    def __init__(self, lines: TextLines, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_bytes = max_bytes
        self.first = next(lines, None)
        text = self.first.text[:max_bytes].decode("utf-8", "replace") if self.first else ""
        self._delimiter = delimiter_of(text)
        self.header = split_line(text, self._delimiter) or []
        while self.header and not self.header[-1]:
            self.header.pop()

    def read_cells(self, line: Line) -> list[str] | Bad | Blank:
        """The cells of a line, one per column of the header or more, those then empty."""
        text = read_text(line, self._max_bytes)
        if not isinstance(text, str):
            return text
        cells, count = split_line(text, self._delimiter), len(self.header)
        if cells is None or len(cells) < count or any(cells[count:]):
            return Bad(line.number, line.offset, "table.malformed")
        return cells


def delimiter_of(header: str) -> str:
    """What separates the cells of a table, by its first line: what occurs most often there."""
    return max(DELIMITERS, key=lambda mark: (header.count(mark), mark == ","))


def split_line(line: str, delimiter: str) -> list[str] | None:
    """The cells of a line without outer blanks; None where its quotes do not add up."""
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        (cells,) = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        return None
    return [cell.strip() for cell in cells]


def plain_name(column: str) -> str:
    """The name of a column as it is compared: lower case, words joined by underscores."""
    return "_".join("".join(c if c.isalnum() else " " for c in column.lower()).split())
