"""Reads the images of a delivery that name no patient: pictures and volumes, with their masks."""

from collections import Counter, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import islice
from math import dist
from pathlib import PurePath

from medplatform.modalities.delivery import Delivery
from medplatform.modalities.imaging.account import Account, Record
from medplatform.modalities.imaging.deidentify import undescribed_treatment
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.labelling import Found, Labelling, labelled_image
from medplatform.modalities.imaging.layout import Kind, pairing_key, stem_of
from medplatform.modalities.imaging.records import (
    Extent,
    Failure,
    FrameCell,
    MaskCell,
    Plane,
    Problem,
)
from medplatform.modalities.imaging.rows import frame_row, instance_row, mask_row
from medplatform.modalities.imaging.sources import Contents, Held, Item
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE, IMAGING_MASK
from medplatform.modalities.modality import Progress
from medplatform.modalities.options import PER_RECORD_SYSTEM
from medplatform.privacy import Identity, Subject, UnresolvedSubject

CELLS_PER_WRITE = 64
_TASKS = {
    Kind.PICTURE: "picture",
    Kind.MASK: "mask",
    Kind.VOLUME: "volume",
    Kind.LABEL_MAP: "label_map",
}
_TOLERANCE = 0.1
"""How far, in parts of a pixel, a mask may lie off its image."""


@dataclass(frozen=True, slots=True)
class Image:
    """What a mask needs to know of its image."""

    sha256: str
    instance_id: str
    patient_id: str
    height: int
    width: int
    frames: int
    extent: Extent | None


class PictureReader:
    """The pictures and volumes of one delivery."""

    def __init__(
        self,
        delivery: Delivery,
        account: Account,
        identity: Identity,
        process: ReadingProcess,
        labelling: Labelling,
        progress: Progress,
    ) -> None:
        self.options = delivery.options
        self.modality = delivery.options.image_modality
        self.account = account
        self.identity = identity
        self.process = process
        self.labelling = labelling
        self.progress = progress
        self._images: dict[tuple[PurePath, str], Image | None] = {}
        self._masks: Counter[tuple[PurePath, str]] = Counter()
        self._accepted: set[str] = set()
        self._contradicted: set[str] = set()

    def read(self, contents: Contents) -> None:
        """Read all of them: an image needs its label row, a mask its image."""
        images = [*contents.items(Kind.PICTURE), *contents.items(Kind.VOLUME)]
        masks = [*contents.items(Kind.MASK), *contents.items(Kind.LABEL_MAP)]
        self._contradicted = self._find_contradictions(images)
        for number, held in enumerate(contents.fetch(images), 1):
            with held:
                self._read_image(held)
            self.progress("pictures", number, len(images))
        self._masks.update(pairing_key(item.relative) for item in masks)
        for number, held in enumerate(contents.fetch(masks), 1):
            with held:
                self._read_mask(held)
            self.progress("masks", number, len(masks))

    def _find_contradictions(self, images: list[Item]) -> set[str]:
        """The contents that a label table gives to two patients, or labels in two ways."""
        said: dict[str, set[Hashable]] = defaultdict(set)
        for item in images:
            found, _ = self.labelling.find(item)
            if found:
                said[item.sha256].add(found.labels.statement)
        return {sha256 for sha256, statements in said.items() if len(statements) > 1}

    def _refuse_copy(self, record: Record, found: Found | None, code: str) -> None:
        """Refuse an image that came more than once, and its label rows."""
        self.account.refuse(record, code)
        if found:
            self.labelling.reject(found, code)

    def _read_image(self, held: Held) -> None:
        item = held.item
        record = self.account.open(item)
        found, code = self.labelling.find(item)
        if item.sha256 in self._contradicted:
            self._refuse_copy(record, found, "record.conflict")
            return
        if item.sha256 in self._accepted:
            self._refuse_copy(record, found, "record.duplicate")
            return
        subject = self._subject(item, found)
        if code or subject is None:
            self.account.refuse(record, code or "subject.missing")
            return
        opened = self._open(held)
        if isinstance(opened, Failure):
            self.account.refuse(record, opened.code)
            return
        opened.header.columns |= {
            "modality": self.modality,
            "label": found.labels.label if found else None,
        }
        image = self._write(record, item, opened, subject)
        if found:
            labelled = labelled_image(opened.header, image.instance_id, image.patient_id)
            self.labelling.attach(found, labelled)
        self._accepted.add(item.sha256)
        key = pairing_key(item.relative)
        self._images[key] = None if key in self._images else image
        for problem in opened.header.problems:
            self.account.remark(record, problem)
        self.account.accept(record)

    def _open(self, held: Held) -> Opened | Failure:
        """Read an image, unless the policy refuses all of its modality."""
        kind = held.item.kind
        is_volume = kind is Kind.VOLUME
        treatment = undescribed_treatment(self.modality, self.process.policy, is_volume=is_volume)
        if treatment.refusal:
            return Failure(treatment.refusal)
        task = _TASKS[kind]
        return self.process.read(
            task if treatment.words == "ignore" else f"screened {task}", held.path
        )

    def _write(self, record: Record, item: Item, opened: Opened, subject: Subject) -> Image:
        stage, header = self.account.stage, opened.header
        instance_id = self.identity.uid(f"{item.kind}:{item.sha256}")
        if item.kind is Kind.VOLUME:
            header.series_uid = f"series of volume:{item.sha256}"  # its slices are one of their own
        row = instance_row(record, header, instance_id, subject, self.identity)
        stage.write(IMAGING_INSTANCE, [row])
        frames = (cell for cell in opened.cells if isinstance(cell, FrameCell))
        while batch := list(islice(frames, CELLS_PER_WRITE)):
            stage.write(IMAGING_FRAME, [frame_row(record, c, instance_id, subject) for c in batch])
        return Image(
            item.sha256,
            instance_id,
            subject.patient_id,
            row["rows"],
            row["columns"],
            row["frames"],
            header.extent,
        )

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
        opened = self.process.read(_TASKS[held.item.kind], held.path)
        code = opened.code if isinstance(opened, Failure) else _misfit(opened, image)
        if isinstance(opened, Failure) or code:
            self.account.refuse(record, code or "mask.other_size")
            return
        if opened.header.columns["frames"] != image.frames:
            self.account.remark(record, Problem("mask.first_volume"))
        self._write_masks(record, held.item, opened, image)
        self.account.accept(record)

    def _write_masks(self, record: Record, item: Item, opened: Opened, image: Image) -> None:
        masks = (cell for cell in opened.cells if isinstance(cell, MaskCell))
        while batch := list(islice(masks, CELLS_PER_WRITE)):
            rows = []
            for cell in batch:
                name = f"{image.sha256}/{item.sha256}/{cell.number}"
                mask_id = self.identity.token("mask", name)
                rows.append(mask_row(record, cell, mask_id, image.instance_id, image.patient_id))
            self.account.stage.write(IMAGING_MASK, rows)

    def _subject(self, item: Item, found: Found | None) -> Subject | None:
        try:
            if found and found.labels.patient:
                return self.identity.subject(None, found.labels.patient)
            if self.options.subjects == "per_record":
                return self.identity.subject(PER_RECORD_SYSTEM, stem_of(item.name))
        except UnresolvedSubject:
            return None
        return None


def _misfit(opened: Opened, image: Image) -> str | None:
    """Why a mask is not of its image, as a code.

    One of a single volume is taken for the first of several, which share their slices.
    """
    columns, extent = opened.header.columns, opened.header.extent
    volumes = image.extent.volumes if image.extent else 1
    is_as_large = (columns["rows"], columns["columns"]) == (image.height, image.width)
    if not is_as_large or columns["frames"] not in (image.frames, image.frames / volumes):
        return "mask.other_size"
    if extent and image.extent:
        ends = ((extent.first, image.extent.first), (extent.last, image.extent.last))
        if any(_lie_apart(mine, other) for mine, other in ends):
            return "mask.other_place"
    return None


def _lie_apart(mask: Plane, image: Plane) -> bool:
    """Whether two planes lie in different places, where both say where they lie."""
    pixel = min(image.pixel_spacing_row_mm or 1.0, image.pixel_spacing_column_mm or 1.0)
    for mine, other, most in (
        (mask.image_position_mm, image.image_position_mm, _TOLERANCE * pixel),
        (mask.image_orientation, image.image_orientation, _TOLERANCE / 10),
    ):
        if mine and other and dist(mine, other) > most:
            return True
    return False
