"""The label table of a picture delivery: a CSV file with one row per image and line."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from medplatform.modalities.delivery import DeliveryError, DeliveryOptions
from medplatform.modalities.imaging.layout import stem_of

LABEL_COLUMN = "label"
FILE_COLUMN = "file"
MAX_LABEL_CHARACTERS = 64


@dataclass(slots=True)
class LabelRow:
    """One row: the image it names, its patient and its class. `number` counts rows from 1."""

    number: int
    name: str
    label: str | None = None
    patient: str | None = None
    is_too_long: bool = False
    is_used: bool = False


@dataclass(slots=True)
class LabelTable:
    """The rows of a table, those that could not be read as (number, code), and the total."""

    rows: dict[str, LabelRow] = field(default_factory=dict)
    refused: list[tuple[int, str]] = field(default_factory=list)
    delivered: int = 0
    is_readable: bool = True

    def find(self, path: PurePosixPath) -> LabelRow | None:
        """The row that names an image by a path, with or without its suffix."""
        return self.rows.get(path.with_name(stem_of(path)).as_posix())


def check_labels(folder: Path | None, options: DeliveryOptions) -> None:
    """Look whether the label table that a delivery names can be used.

    Parameters
    ----------
    folder
        The root of the delivery; None where it is a single file.

    Raises
    ------
    DeliveryError
        There is no such file, or its first line lacks a column. The line is not quoted.
    """
    if options.labels is None:
        if options.label_file_column or options.label_patient_column:
            raise DeliveryError("Columns of a label table are named, but no table: give labels.")
        return
    path = folder / options.labels if folder else None
    if path is None or not path.is_file():
        raise DeliveryError(
            f"There is no label table {options.labels} in the delivery. Name it by its path within "
            f"the folder. Nothing was copied."
        )
    if _columns(path, options) is None:
        wanted = ", ".join(sorted(_wanted_columns(options)))
        raise DeliveryError(
            f"The first line of the label table {options.labels} does not name the columns that "
            f"are needed ({wanted}), or is no CSV in UTF-8. Name its own columns with "
            f"label_file_column and label_patient_column. Nothing was copied."
        )


def read_labels(path: Path, options: DeliveryOptions) -> LabelTable:
    """Read the label table that `delivery.json` names; never raises for what is in it.

    Rows that name the same image differently are all refused: one of them is of another patient.
    """
    table = LabelTable(delivered=count_label_rows(path))
    columns = _columns(path, options)
    if columns is None:
        table.is_readable = False
        table.refused = [(number, "label.unreadable") for number in range(1, table.delivered + 1)]
        return table
    found: dict[str, list[LabelRow]] = defaultdict(list)
    for number, line in enumerate(_body(path), 1):
        row = _row(number, line, columns)
        if row is None:
            table.refused.append((number, "label.malformed"))
        else:
            found[row.name].append(row)
    for name, rows in found.items():
        if len({(row.label, row.patient) for row in rows}) > 1:
            table.refused += [(row.number, "record.conflict") for row in rows]
        else:
            table.rows[name] = rows[0]
            table.refused += [(row.number, "record.duplicate") for row in rows[1:]]
    return table


def count_label_rows(path: Path) -> int:
    """Lines below the header that are not blank."""
    return sum(1 for _ in _body(path))


@dataclass(frozen=True, slots=True)
class _Columns:
    count: int
    file: int
    patient: int | None
    label: int | None


def _columns(path: Path, options: DeliveryOptions) -> _Columns | None:
    with path.open("rb") as stream:
        header = _cells(next((line for line in stream if line.strip()), b""))
    if header is None or not _wanted_columns(options) <= set(header):
        return None
    file_column = options.label_file_column or FILE_COLUMN
    positions = {name: index for index, name in enumerate(header)}
    return _Columns(
        count=len(header),
        file=positions[file_column],
        patient=positions.get(options.label_patient_column or ""),
        label=positions.get(LABEL_COLUMN),
    )


def _wanted_columns(options: DeliveryOptions) -> set[str]:
    """The columns that a label table must have."""
    named = {options.label_file_column or FILE_COLUMN, options.label_patient_column}
    return {name for name in named if name}


def _body(path: Path) -> Iterator[bytes]:
    """The lines below the header that are not blank."""
    with path.open("rb") as stream:
        lines = (line for line in stream if line.strip())
        next(lines, None)
        yield from lines


def _row(number: int, line: bytes, columns: _Columns) -> LabelRow | None:
    cells = _cells(line)
    if cells is None or len(cells) != columns.count or not cells[columns.file]:
        return None
    name = PurePosixPath(cells[columns.file].replace("\\", "/"))
    label = cells[columns.label] if columns.label is not None else ""
    is_too_long = len(label) > MAX_LABEL_CHARACTERS
    return LabelRow(
        number,
        name.with_name(stem_of(name)).as_posix() if name.name else "",
        label=None if is_too_long else label or None,
        patient=cells[columns.patient] or None if columns.patient is not None else None,
        is_too_long=is_too_long,
    )


def _cells(line: bytes) -> list[str] | None:
    """The cells of a line; None where it is not UTF-8 or a quoted cell does not end on it."""
    try:
        rows = list(csv.reader([line.decode("utf-8-sig").rstrip("\r\n")], strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    return [cell.strip() for cell in rows[0]] if rows else None
