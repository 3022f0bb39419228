"""Reads the PNG and JPEG pictures of a delivery, with their masks and label table."""

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath

from medplatform.modalities.delivery import Delivery
from medplatform.modalities.imaging.account import Account, Record
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.labels import (
    LabelRow,
    LabelTable,
    count_label_rows,
    read_labels,
)
from medplatform.modalities.imaging.layout import Kind, pairing_key, stem_of
from medplatform.modalities.imaging.records import Failure, FrameCell, MaskCell, Problem
from medplatform.modalities.imaging.rows import frame_row, instance_row, mask_row
from medplatform.modalities.imaging.sources import Contents, Held, Item
from medplatform.modalities.imaging.sources.item import NO_ROOT
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE, IMAGING_MASK
from medplatform.modalities.modality import Progress
from medplatform.modalities.options import PER_RECORD_SYSTEM
from medplatform.privacy import Identity, Subject, UnresolvedSubject

LABEL_UNIT = "label"


@dataclass(frozen=True, slots=True)
class Image:
    """What a mask needs to know of its image."""

    sha256: str
    instance_id: str
    patient_id: str
    height: int
    width: int


class PictureReader:
    """The pictures of one delivery."""

    def __init__(
        self,
        delivery: Delivery,
        account: Account,
        identity: Identity,
        process: ReadingProcess,
        progress: Progress,
    ) -> None:
        self.delivery = delivery
        self.options = delivery.options
        self.account = account
        self.identity = identity
        self.process = process
        self.progress = progress
        self._tables: dict[PurePosixPath, tuple[Record, LabelTable]] = {}
        self._names: Counter[PurePosixPath] = Counter()
        self._images: dict[tuple[PurePath, str], Image | None] = {}
        self._masks: Counter[tuple[PurePath, str]] = Counter()
        self._accepted: set[str] = set()

    def read(self, contents: Contents) -> None:
        """Read all of them: a picture needs its label row, a mask its picture."""
        self._read_tables(contents)
        pictures, masks = contents.items(Kind.PICTURE), contents.items(Kind.MASK)
        for item in pictures:
            self._names.update(_short_names(item))
        for number, held in enumerate(contents.fetch(pictures), 1):
            with held:
                self._read_picture(held)
            self.progress("pictures", number, len(pictures))
        self._masks.update(pairing_key(item.relative) for item in masks)
        for number, held in enumerate(contents.fetch(masks), 1):
            with held:
                self._read_mask(held)
            self.progress("masks", number, len(masks))
        for record, table in self._tables.values():
            self._settle_labels(record, table)

    def _read_tables(self, contents: Contents) -> None:
        """Read the declared label table; other CSV files stay in landing with their rows.

        An archive may hold one of its own, which is for the pictures in it.
        """
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
                table = read_labels(held.path, self.options)
                record = self.account.open(item)
                self._tables[roots[0]] = record, table
                if table.is_readable:
                    self.account.accept(record)
                else:
                    self.account.refuse(record, "label.unreadable")

    def _settle_labels(self, record: Record, table: LabelTable) -> None:
        """Accept the rows whose image was accepted, refuse the others."""
        source = record.source
        self.account.stage.count(source.source_id, LABEL_UNIT, delivered=table.delivered)
        for number, code in table.refused:
            self.account.refuse(Record(source, LABEL_UNIT, number), code)
        for row in table.rows.values():
            label = Record(source, LABEL_UNIT, row.number)
            if not row.is_used:
                self.account.refuse(label, "label.no_image")
                continue
            if row.is_too_long:
                self.account.remark(label, Problem("label.too_long"))
            self.account.accept(label)

    def _read_picture(self, held: Held) -> None:
        item = held.item
        record = self.account.open(item)
        if item.sha256 in self._accepted:
            self.account.refuse(record, "record.duplicate")
            return
        row, code = self._label_row(item)
        subject = self._subject(item, row)
        if code or subject is None:
            self.account.refuse(record, code or "subject.missing")
            return
        opened = self.process.read("picture", held.path)
        if isinstance(opened, Failure):
            self.account.refuse(record, opened.code)
            return
        opened.header.columns |= {
            "modality": self.options.image_modality,
            "label": row.label if row else None,
        }
        image = self._write(record, item.sha256, opened, subject)
        if row:
            row.is_used = True
        self._accepted.add(item.sha256)
        key = pairing_key(item.relative)
        self._images[key] = None if key in self._images else image
        self.account.accept(record)

    def _write(self, record: Record, sha256: str, opened: Opened, subject: Subject) -> Image:
        stage = self.account.stage
        instance_id = self.identity.uid(f"picture:{sha256}")
        row = instance_row(record, opened.header, instance_id, subject, self.identity)
        stage.write(IMAGING_INSTANCE, [row])
        frames = [c for c in opened.cells if isinstance(c, FrameCell)]
        stage.write(IMAGING_FRAME, [frame_row(record, c, instance_id, subject) for c in frames])
        return Image(sha256, instance_id, subject.patient_id, row["rows"], row["columns"])

    def _read_mask(self, held: Held) -> None:
        record = self.account.open(held.item)
        key = pairing_key(held.item.relative)
        image = self._images.get(key)
        if self._masks[key] > 1:
            self.account.refuse(record, "mask.ambiguous")
            return
        if image is None:
            is_ambiguous = key in self._images
            self.account.refuse(record, "mask.ambiguous_image" if is_ambiguous else "mask.no_image")
            return
        opened = self.process.read("mask", held.path)
        if isinstance(opened, Failure):
            self.account.refuse(record, opened.code)
            return
        cell = next(opened.cells)
        assert isinstance(cell, MaskCell)
        if (cell.height, cell.width) != (image.height, image.width):
            self.account.refuse(record, "mask.other_size")
            return
        mask_id = self.identity.token("mask", f"{image.sha256}/{held.item.sha256}")
        row = mask_row(record, cell, mask_id, image.instance_id, image.patient_id)
        self.account.stage.write(IMAGING_MASK, [row])
        self.account.accept(record)

    def _label_row(self, item: Item) -> tuple[LabelRow | None, str | None]:
        """The label row of a picture, or the code of what makes it doubtful."""
        found = self._tables.get(item.root) or self._tables.get(NO_ROOT)
        if found is None:
            return None, "label.no_table" if self.options.labels else None
        _, table = found
        if len(item.relative.parts) > 1 and (row := table.find(item.relative)):
            return row, None
        for name in _short_names(item):
            if row := table.find(name):
                return (None, "label.ambiguous") if self._names[name] > 1 else (row, None)
        return None, None

    def _subject(self, item: Item, row: LabelRow | None) -> Subject | None:
        try:
            if row and row.patient:
                return self.identity.subject(None, row.patient)
            if self.options.subjects == "per_record":
                return self.identity.subject(PER_RECORD_SYSTEM, stem_of(item.name))
        except UnresolvedSubject:
            return None
        return None


def _short_names(item: Item) -> list[PurePosixPath]:
    """What a label table may call a picture beside its path in the delivery."""
    stem = PurePosixPath(stem_of(item.name))
    within = item.name.with_name(stem_of(item.name))
    return list(dict.fromkeys([within, stem] if item.root != NO_ROOT else [stem]))
