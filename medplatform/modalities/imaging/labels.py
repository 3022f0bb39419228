"""The label table of a delivery of images: a CSV file with one row per line.

An image has one row, or one per box where the table has columns for boxes.
"""

import csv
import math
import os
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from medplatform.modalities.delivery import DeliveryError, DeliveryOptions
from medplatform.modalities.files import record_files
from medplatform.modalities.imaging.layout import read_head, stem_of
from medplatform.modalities.imaging.sources.container import container_of

LABEL_COLUMN = "label"
FILE_COLUMN = "file"
MAX_LABEL_CHARACTERS = 64

Box = tuple[float, float, float, float]
"""The smallest x and y, then the largest, in pixels from the outer corner of the first pixel."""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row: the image it names, its patient, its class and its box. `number` counts from 1."""

    number: int
    name: str
    label: str | None = None
    patient: str | None = None
    box: Box | None = None
    is_too_long: bool = False


@dataclass(frozen=True, slots=True)
class ImageLabels:
    """All rows of one image, which are of one patient."""

    rows: list[LabelRow]

    @property
    def patient(self) -> str | None:
        """The patient, as delivered."""
        return self.rows[0].patient

    @property
    def label(self) -> str | None:
        """The class of the image; None where its boxes have different ones."""
        labels = {row.label for row in self.rows}
        return labels.pop() if len(labels) == 1 else None

    @property
    def statement(self) -> Hashable:
        """What the rows say, whatever they call the image."""
        return self.patient, frozenset((row.label, row.box) for row in self.rows)


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """What a label needs to know of its image. Boxes are of its only frame."""

    instance_id: str
    patient_id: str
    height: int | None
    width: int | None
    frames: int


@dataclass(slots=True)
class LabelTable:
    """The rows of each image, those that could not be read as (number, code), and the total."""

    images: dict[str, ImageLabels] = field(default_factory=dict)
    refused: list[tuple[int, str]] = field(default_factory=list)
    delivered: int = 0
    is_readable: bool = True

    def find(self, path: PurePosixPath) -> ImageLabels | None:
        """The rows that name an image by a path, with or without its suffix."""
        return self.images.get(path.with_name(stem_of(path)).as_posix())


def check_labels(delivered: Path, options: DeliveryOptions) -> None:
    """Look whether the label table that a delivery names can be used.

    One that may lie in an archive is looked at only when that is read.

    Parameters
    ----------
    delivered
        The file or folder that is delivered.

    Raises
    ------
    DeliveryError
        There is no such file, or its first line lacks a column. The line is not quoted.
    """
    if options.labels is None:
        if any(_named_columns(options)):
            raise DeliveryError("Columns of a label table are named, but no table: give labels.")
        return
    path = delivered / options.labels
    if not path.is_file():
        if _holds_archive(delivered):
            return
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


def _holds_archive(delivered: Path) -> bool:
    files = record_files(delivered) if delivered.is_dir() else [delivered]
    readable = (path for path in files if os.access(path, os.R_OK))
    return any(container_of(path, read_head(path)) for path in readable)


def read_labels(path: Path, options: DeliveryOptions) -> LabelTable:
    """Read the label table that `delivery.json` names; never raises for what is in it.

    Rows that give the same image to two patients, or without boxes to two classes, are all refused:
    one of them is of another image.
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
        if isinstance(row, str):
            table.refused.append((number, row))
        else:
            found[row.name].append(row)
    for name, rows in found.items():
        _take(table, name, rows)
    return table


def _take(table: LabelTable, name: str, rows: list[LabelRow]) -> None:
    if len({(row.patient, row.box is None and row.label) for row in rows}) > 1:
        table.refused += [(row.number, "record.conflict") for row in rows]
        return
    distinct: dict[tuple[str | None, Box | None], LabelRow] = {}
    for row in rows:
        if distinct.setdefault((row.label, row.box), row) is not row:
            table.refused.append((row.number, "record.duplicate"))
    table.images[name] = ImageLabels(list(distinct.values()))


def count_label_rows(path: Path) -> int:
    """Lines below the header that are not blank."""
    return sum(1 for _ in _body(path))


@dataclass(frozen=True, slots=True)
class _Columns:
    count: int
    file: int
    patient: int | None
    label: int | None
    box: tuple[int, ...] | None
    is_box_of_corners: bool


def _columns(path: Path, options: DeliveryOptions) -> _Columns | None:
    with path.open("rb") as stream:
        header = _cells(next((line for line in stream if line.strip()), b""))
    if header is None or not _wanted_columns(options) <= set(header):
        return None
    positions = {name: index for index, name in enumerate(header)}
    box = options.label_box_columns
    return _Columns(
        count=len(header),
        file=positions[options.label_file_column or FILE_COLUMN],
        patient=positions.get(options.label_patient_column or ""),
        label=positions.get(options.label_column or LABEL_COLUMN),
        box=tuple(positions[name] for name in box) if box else None,
        is_box_of_corners=options.label_box_form == "corners",
    )


def _wanted_columns(options: DeliveryOptions) -> set[str]:
    """The columns that a label table must have."""
    named = {*_named_columns(options), options.label_file_column or FILE_COLUMN}
    return {name for name in named if name}


def _named_columns(options: DeliveryOptions) -> tuple[str | None, ...]:
    return (
        options.label_file_column,
        options.label_patient_column,
        options.label_column,
        *(options.label_box_columns or ()),
    )


def _body(path: Path) -> Iterator[bytes]:
    """The lines below the header that are not blank."""
    with path.open("rb") as stream:
        lines = (line for line in stream if line.strip())
        next(lines, None)
        yield from lines


def _row(number: int, line: bytes, columns: _Columns) -> LabelRow | str:
    """A row, or the code of what is wrong with it."""
    cells = _cells(line)
    if cells is None or len(cells) != columns.count or not cells[columns.file]:
        return "label.malformed"
    name = PurePosixPath(cells[columns.file].replace("\\", "/"))
    label = cells[columns.label] if columns.label is not None else ""
    is_too_long = len(label) > MAX_LABEL_CHARACTERS
    corners = [cells[position] for position in columns.box or ()]
    try:
        box = _box(corners, columns.is_box_of_corners) if any(corners) else None
    except ValueError:
        return "label.bad_box"
    return LabelRow(
        number,
        name.with_name(stem_of(name)).as_posix() if name.name else "",
        label=None if is_too_long else label or None,
        patient=cells[columns.patient] or None if columns.patient is not None else None,
        box=box,
        is_too_long=is_too_long,
    )


def _box(cells: list[str], is_of_corners: bool) -> Box:
    x, y, third, fourth = map(float, cells)
    right, bottom = (third, fourth) if is_of_corners else (x + third, y + fourth)
    if not all(map(math.isfinite, (x, y, right, bottom))) or right <= x or bottom <= y:
        raise ValueError("no box")
    return x, y, right, bottom


def _cells(line: bytes) -> list[str] | None:
    """The cells of a line; None where it is not UTF-8 or a quoted cell does not end on it."""
    try:
        rows = list(csv.reader([line.decode("utf-8-sig").rstrip("\r\n")], strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    return [cell.strip() for cell in rows[0]] if rows else None
