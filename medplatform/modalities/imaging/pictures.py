"""Reads the PNG and JPEG pictures of a delivery, with their masks and label table."""

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath

from medplatform.modalities.delivery import Delivery, Source
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
        self._table: LabelTable | None = None
        self._stems: Counter[str] = Counter()
        self._images: dict[tuple[PurePath, str], Image | None] = {}
        self._masks: Counter[tuple[PurePath, str]] = Counter()
        self._accepted: set[str] = set()

    def read(self, tables: list[Source], pictures: list[Source], masks: list[Source]) -> None:
        """Read all of them: a picture needs its label row, a mask its picture."""
        label_source = self._read_tables(tables)
        self._stems.update(stem_of(source.path) for source in pictures)
        for number, source in enumerate(pictures, 1):
            self._read_picture(source)
            self.progress("pictures", number, len(pictures))
        self._masks.update(pairing_key(self._relative(source)) for source in masks)
        for number, source in enumerate(masks, 1):
            self._read_mask(source)
            self.progress("masks", number, len(masks))
        if label_source:
            self._settle_labels(label_source)

    def _read_tables(self, tables: list[Source]) -> Record | None:
        """Read the declared label table; other CSV files stay in landing with their rows."""
        found = None
        for source in tables:
            if self._relative(source).as_posix() != self.options.labels:
                rows = count_label_rows(source.path)
                self.account.keep(source, Kind.TABLE.unit, "table", {LABEL_UNIT: rows})
                continue
            self._table = read_labels(source.path, self.options)
            found = self.account.open_file(source, Kind.TABLE.unit)
            if self._table.is_readable:
                self.account.accept(found)
            else:
                self.account.refuse(found, "label.unreadable")
        return found

    def _settle_labels(self, record: Record) -> None:
        """Accept the rows whose image was accepted, refuse the others."""
        assert self._table
        source = record.source
        self.account.stage.count(source.source_id, LABEL_UNIT, delivered=self._table.delivered)
        for number, code in self._table.refused:
            self.account.refuse(Record(source, LABEL_UNIT, number), code)
        for row in self._table.rows.values():
            label = Record(source, LABEL_UNIT, row.number)
            if not row.is_used:
                self.account.refuse(label, "label.no_image")
                continue
            if row.is_too_long:
                self.account.remark(label, Problem("label.too_long"))
            self.account.accept(label)

    def _read_picture(self, source: Source) -> None:
        record = self.account.open_file(source, Kind.PICTURE.unit)
        if source.sha256 in self._accepted:
            self.account.refuse(record, "record.duplicate")
            return
        relative = self._relative(source)
        row, code = self._label_row(relative)
        subject = self._subject(relative, row)
        if code or subject is None:
            self.account.refuse(record, code or "subject.missing")
            return
        opened = self.process.read("picture", source.path)
        if isinstance(opened, Failure):
            self.account.refuse(record, opened.code)
            return
        opened.header.columns |= {
            "modality": self.options.image_modality,
            "label": row.label if row else None,
        }
        image = self._write(record, opened, subject)
        if row:
            row.is_used = True
        self._accepted.add(source.sha256)
        key = pairing_key(relative)
        self._images[key] = None if key in self._images else image
        self.account.accept(record)

    def _write(self, record: Record, opened: Opened, subject: Subject) -> Image:
        stage, sha256 = self.account.stage, record.source.sha256
        instance_id = self.identity.uid(f"picture:{sha256}")
        row = instance_row(record, opened.header, instance_id, subject, self.identity)
        stage.write(IMAGING_INSTANCE, [row])
        frames = [c for c in opened.cells if isinstance(c, FrameCell)]
        stage.write(IMAGING_FRAME, [frame_row(record, c, instance_id, subject) for c in frames])
        return Image(sha256, instance_id, subject.patient_id, row["rows"], row["columns"])

    def _read_mask(self, source: Source) -> None:
        record = self.account.open_file(source, Kind.MASK.unit)
        key = pairing_key(self._relative(source))
        image = self._images.get(key)
        if self._masks[key] > 1:
            self.account.refuse(record, "mask.ambiguous")
            return
        if image is None:
            is_ambiguous = key in self._images
            self.account.refuse(record, "mask.ambiguous_image" if is_ambiguous else "mask.no_image")
            return
        opened = self.process.read("mask", source.path)
        if isinstance(opened, Failure):
            self.account.refuse(record, opened.code)
            return
        cell = next(opened.cells)
        assert isinstance(cell, MaskCell)
        if (cell.height, cell.width) != (image.height, image.width):
            self.account.refuse(record, "mask.other_size")
            return
        mask_id = self.identity.token("mask", f"{image.sha256}/{source.sha256}")
        row = mask_row(record, cell, mask_id, image.instance_id, image.patient_id)
        self.account.stage.write(IMAGING_MASK, [row])
        self.account.accept(record)

    def _label_row(self, path: PurePath) -> tuple[LabelRow | None, str | None]:
        """The label row of a picture, or the code of what makes it doubtful."""
        if self._table is None:
            return None, "label.no_table" if self.options.labels else None
        row, is_by_stem = self._table.find(path)
        if row and is_by_stem and self._stems[stem_of(path)] > 1:
            return None, "label.ambiguous"
        return row, None

    def _subject(self, path: PurePath, row: LabelRow | None) -> Subject | None:
        try:
            if row and row.patient:
                return self.identity.subject(None, row.patient)
            if self.options.subjects == "per_record":
                return self.identity.subject(PER_RECORD_SYSTEM, stem_of(path))
        except UnresolvedSubject:
            return None
        return None

    def _relative(self, source: Source) -> PurePath:
        return source.path.relative_to(self.delivery.root)
