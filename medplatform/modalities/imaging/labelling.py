"""The label tables of a delivery: which row is of which image, and what becomes of each row.

A row gives its image a class, and a patient where the image names none; a box of a row becomes an
annotation of the image.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from medplatform.modalities.imaging.account import Account, Record
from medplatform.modalities.imaging.labels import (
    Box,
    ImageLabels,
    LabelledImage,
    LabelRow,
    LabelTable,
    count_label_rows,
    read_labels,
)
from medplatform.modalities.imaging.layout import Kind, stem_of
from medplatform.modalities.imaging.records import Header, Problem
from medplatform.modalities.imaging.rows import label_row
from medplatform.modalities.imaging.sources import Contents, Item
from medplatform.modalities.imaging.sources.container import NO_ROOT
from medplatform.modalities.imaging.tables import IMAGING_ANNOTATION
from medplatform.modalities.options import DeliveryOptions
from medplatform.privacy import Identity

LABEL_UNIT = "label"


@dataclass(slots=True)
class _Table:
    """A label table with the images that its rows were found to be of."""

    record: Record
    content: LabelTable
    images: dict[str, LabelledImage] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of an image."""

    labels: ImageLabels
    table: _Table

    @property
    def name(self) -> str:
        """What the table calls the image."""
        return self.labels.rows[0].name


class Labelling:
    """The label tables of one delivery."""

    def __init__(self, options: DeliveryOptions, account: Account, identity: Identity) -> None:
        self.options = options
        self.account = account
        self.identity = identity
        self._tables: dict[PurePosixPath, _Table] = {}
        # How many images of an archive, or of all, are called so.
        self._names: Counter[tuple[PurePosixPath, PurePosixPath]] = Counter()

    def read(self, contents: Contents) -> None:
        """Read the declared label table; other CSV files stay in landing with their rows.

        An archive may hold one of its own, which is for the images in it.
        """
        for kind in (Kind.DICOM, Kind.PICTURE, Kind.VOLUME):
            for item in contents.items(kind):
                for root in {NO_ROOT, item.root}:
                    self._names.update((root, name) for name in _short_names(item))
        for held in contents.fetch(contents.items(Kind.TABLE)):
            with held:
                item = held.item
                roots = [
                    root
                    for root, name in ((NO_ROOT, item.relative), (item.root, item.name))
                    if name.as_posix() == self.options.labels and root not in self._tables
                ]
                if not roots:
                    self.account.keep(item, {LABEL_UNIT: count_label_rows(held.path)})
                    continue
                table = _Table(self.account.open(item), read_labels(held.path, self.options))
                self._tables[roots[0]] = table
                if table.content.is_readable:
                    self.account.accept(table.record)
                else:
                    self.account.refuse(table.record, "label.unreadable")

    def find(self, item: Item) -> tuple[Found | None, str | None]:
        """The rows of an image, or the code of what makes them doubtful."""
        root = item.root if item.root in self._tables else NO_ROOT
        table = self._tables.get(root)
        if table is None:
            return None, "label.no_table" if self.options.labels else None
        if len(item.relative.parts) > 1 and (labels := table.content.find(item.relative)):
            return Found(labels, table), None
        for name in _short_names(item):
            if labels := table.content.find(name):
                if self._names[root, name] > 1:
                    table.refusals[labels.rows[0].name] = "label.ambiguous"
                    return None, "label.ambiguous"
                return Found(labels, table), None
        return None, None

    def attach(self, found: Found, image: LabelledImage) -> None:
        """Say which image the rows were found to be of; it was accepted."""
        found.table.images[found.name] = image

    def reject(self, found: Found, code: str) -> None:
        """Say why no image was read for the rows."""
        found.table.refusals[found.name] = code

    def settle(self) -> None:
        """Accept the rows whose image was accepted, with their boxes, and refuse the others."""
        for table in self._tables.values():
            source = table.record.source
            self.account.stage.count(
                source.source_id, LABEL_UNIT, delivered=table.content.delivered
            )
            for number, code in table.content.refused:
                self.account.refuse(Record(source, LABEL_UNIT, number), code)
            for name, labels in table.content.images.items():
                image = table.images.get(name)
                refusal = table.refusals.get(name, "label.no_image")
                self._settle_image(table.record, labels, image, refusal)

    def _settle_image(
        self, record: Record, labels: ImageLabels, image: LabelledImage | None, refusal: str
    ) -> None:
        boxes: list[dict[str, Any]] = []
        for row in labels.rows:
            label = Record(record.source, LABEL_UNIT, row.number)
            if image is None:
                self.account.refuse(label, refusal)
                continue
            if row.box and _is_outside(row.box, image):
                self.account.refuse(label, "label.box_outside")
                continue
            self._remark(label, row, image)
            if row.box:
                boxes.append(label_row(label, row, image, self.identity))
            self.account.accept(label)
        if boxes:
            self.account.stage.write(IMAGING_ANNOTATION, boxes)

    def _remark(self, record: Record, row: LabelRow, image: LabelledImage) -> None:
        if row.is_too_long:
            self.account.remark(record, Problem("label.too_long"))
        if row.box and image.width and image.height:
            x, y, right, bottom = row.box
            if x < 0 or y < 0 or right > image.width or bottom > image.height:
                self.account.remark(record, Problem("label.box_beyond"))


def labelled_image(header: Header, instance_id: str, patient_id: str) -> LabelledImage:
    """What a label needs to know of an image that was read."""
    columns = header.columns
    return LabelledImage(
        instance_id, patient_id, columns["rows"], columns["columns"], columns["frames"]
    )


def _is_outside(box: Box, image: LabelledImage) -> bool:
    """Whether no pixel of the image is in the box."""
    if not image.width or not image.height:
        return True
    x, y, right, bottom = box
    return x >= image.width or y >= image.height or right <= 0 or bottom <= 0


def _short_names(item: Item) -> list[PurePosixPath]:
    """What a label table may call an image beside its path in the delivery."""
    stem = PurePosixPath(stem_of(item.name))
    within = item.name.with_name(stem_of(item.name))
    return list(dict.fromkeys([within, stem] if item.root != NO_ROOT else [stem]))
