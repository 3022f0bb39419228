"""Tables in text, one record a line: cells between commas, semicolons or tabs (RFC 4180).

A line break within a quoted cell is not read, so that a quote that nobody closed damages one line
and not all that follow.
"""

import csv

DELIMITERS = ("\t", ",", ";")


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
