"""Reads an imaging delivery into a stage, item by item, in bounded memory.

DICOM files are looked through twice: first for their UIDs alone, so that of two files that claim
the same SOP Instance UID with different content neither is read. What another delivery has
published under a UID stays.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery
from medplatform.modalities.imaging.account import Account, Record
from medplatform.modalities.imaging.batches import batches
from medplatform.modalities.imaging.configuration import Configuration
from medplatform.modalities.imaging.deidentify import pseudonymous_uid
from medplatform.modalities.imaging.deidentify.policy import load_policy
from medplatform.modalities.imaging.directories import DirectoryReader
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.labelling import Labelling, labelled_image
from medplatform.modalities.imaging.layout import Kind
from medplatform.modalities.imaging.pictures import PictureReader
from medplatform.modalities.imaging.pool import ReadingPool
from medplatform.modalities.imaging.published import PublishedImages
from medplatform.modalities.imaging.records import (
    Annotation,
    Failure,
    FrameCell,
    Header,
    Identified,
    MaskCell,
)
from medplatform.modalities.imaging.refusals import HELD_BY_OTHER_DELIVERY
from medplatform.modalities.imaging.rows import (
    annotation_row,
    frame_row,
    instance_row,
    segment_mask_row,
)
from medplatform.modalities.imaging.sources import Contents, Held, Refused
from medplatform.modalities.imaging.tables import (
    IMAGING_ANNOTATION,
    IMAGING_FRAME,
    IMAGING_INSTANCE,
    IMAGING_MASK,
)
from medplatform.modalities.modality import Progress
from medplatform.modalities.options import PER_RECORD_SYSTEM
from medplatform.privacy import Identity, Subject, UnresolvedSubject


def read_delivery(
    delivery: Delivery,
    stage: Stage,
    identity: Identity,
    progress: Progress,
    configuration: Configuration,
) -> None:
    """Read DICOM files, and pictures with their masks and labels. Never raises for bad input."""
    policy = load_policy(configuration.policy)
    stage.facts["deidentification_policy"] = f"{policy.name} {policy.digest[:16]}"
    processes = [
        ReadingProcess(folder=stage.folder, policy=policy) for _ in range(configuration.workers)
    ]
    with ReadingPool(processes) as pool:
        read_files(delivery, stage, identity, pool, progress)


def read_files(
    delivery: Delivery,
    stage: Stage,
    identity: Identity,
    pool: ReadingPool,
    progress: Progress,
) -> None:
    """Read a delivery with reading processes that may serve others too."""
    account = Account(stage)
    labelling = Labelling(delivery.options, account, identity)
    is_per_record = delivery.options.subjects == "per_record"
    dicom = DicomReader(account, identity, pool, labelling, progress, is_per_record=is_per_record)
    pictures = PictureReader(delivery, account, identity, pool.processes[0], labelling, progress)
    directories = DirectoryReader(account, pool.processes[0])
    with Contents(delivery, stage.folder) as contents:
        for held, found in pool.identify(_survey(contents, account)):
            with held:
                dicom.note(held, found)
            progress("headers", contents.surveyed, len(delivery.sources))
        labelling.read(contents)
        images = contents.items(Kind.DICOM)
        dicom.read(contents.fetch(images), len(images))
        directories.read(contents, dicom.uids)
        pictures.read(contents)
        labelling.settle()


def _survey(contents: Contents, account: Account) -> Iterator[tuple[Held, Path | None]]:
    """Everything in a delivery, with its file where that is to be identified."""
    seen: set[str] = set()
    for found in contents.survey():
        if isinstance(found, Refused):
            account.refuse_unread(found)
            continue
        item, path = found.item, None
        if item.kind is Kind.DICOM and item.sha256 not in seen:
            seen.add(item.sha256)
            path = found.path
        if item.kind in (Kind.SIDECAR, Kind.ARCHIVE):
            account.keep(item)
        yield found, path


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is refused; `reason` in place of that of the code.

    `record_id` and `part_of` are the pseudonyms of the image and of its series.
    """

    code: str
    element: str | None = None
    resource_type: str | None = None
    reason: str | None = None
    record_id: str | None = None
    part_of: str | None = None


_SOP_INSTANCE_UID = "(0008,0018)"


class DicomReader:
    """The DICOM files of one delivery."""

    def __init__(
        self,
        account: Account,
        identity: Identity,
        pool: ReadingPool,
        labelling: Labelling,
        progress: Progress,
        *,
        is_per_record: bool,
    ) -> None:
        self.account = account
        self.identity = identity
        self.pool = pool
        self.is_per_record = is_per_record
        self.labelling = labelling
        self.progress = progress
        self._contents: dict[str, set[str]] = defaultdict(set)
        self._identified: dict[str, Identified] = {}
        self._asked: set[str] = set()
        self._refusals: dict[str, Refusal] = {}
        self._published = PublishedImages(account.stage, identity, self.uids)

    def _find_subject(self, header: Header) -> Subject:
        """Whom an image is of; one that names nobody is, where that was declared, of its study."""
        if self.is_per_record and not (header.patient_id or "").strip():
            study = header.study_uid or header.sop_instance_uid
            return self.identity.subject(PER_RECORD_SYSTEM, study)
        return self.identity.subject_of_issuer(header.issuer, header.patient_id)

    def note(self, held: Held, found: Identified | Failure | None) -> None:
        """Remember which image a file is, before any of them is read."""
        sha256 = held.item.sha256
        if isinstance(found, Failure):
            self._refusals[sha256] = self._refusal(found, sha256)
        elif found and found.sop_instance_uid:
            self._identified[sha256] = found
            self._contents[found.sop_instance_uid].add(sha256)

    @property
    def uids(self) -> Collection[str]:
        """The SOP Instance UIDs that the delivery was found to hold."""
        return self._contents.keys()

    def read(self, files: Iterable[Held], total: int) -> None:
        """Read all of them."""
        answers = self.pool.read("dicom", ((held, self._path(held)) for held in files))
        for number, (held, opened) in enumerate(answers, 1):
            with held:
                self._read_file(held, opened)
            self.progress("DICOM files", number, total)

    def _path(self, held: Held) -> Path | None:
        """The file, where it is to be read: the first of its content, and none that conflicts."""
        sha256 = held.item.sha256
        if sha256 in self._asked or sha256 in self._refusals or self._is_conflicting(sha256):
            return None
        self._asked.add(sha256)
        return held.path

    def _is_conflicting(self, sha256: str) -> bool:
        uid = self._sop_instance_uid(sha256)
        return uid is not None and len(self._contents[uid]) > 1

    def _sop_instance_uid(self, sha256: str) -> str | None:
        return self._identified.get(sha256, Identified()).sop_instance_uid

    def _read_file(self, held: Held, opened: Opened | Failure | None) -> None:
        record = self.account.open(held.item)
        sha256 = held.item.sha256
        if opened is not None:
            refusal = self._accept(record, held, opened)
            if refusal:
                self._refusals[sha256] = refusal
        elif self._is_conflicting(sha256):
            refusal = self._refusal(Failure("record.conflict", _SOP_INSTANCE_UID), sha256)
        else:
            refusal = self._refusals.get(sha256, Refusal("record.duplicate"))
        if refusal:
            self.account.refuse(
                record,
                refusal.code,
                reason=refusal.reason,
                element=refusal.element,
                resource_type=refusal.resource_type,
                record_id=refusal.record_id,
                part_of=refusal.part_of,
            )

    def _refusal(self, failure: Failure, sha256: str, reason: str | None = None) -> Refusal:
        noted = self._identified.get(sha256, Identified())
        image = failure.sop_instance_uid or noted.sop_instance_uid
        series = failure.series_uid or noted.series_uid
        return Refusal(
            failure.code,
            failure.element,
            failure.sop_class_uid,
            reason,
            record_id=pseudonymous_uid(self.identity, image) if image else None,
            part_of=pseudonymous_uid(self.identity, series) if series else None,
        )

    def _accept(self, record: Record, held: Held, opened: Opened | Failure) -> Refusal | None:
        """Write what was read; or why it cannot be accepted, nor any copy of it."""
        sha256 = held.item.sha256
        if isinstance(opened, Failure):
            return self._refusal(opened, sha256)
        header = opened.header
        sop_class_uid = header.columns["sop_class_uid"]
        if header.sop_instance_uid != self._sop_instance_uid(sha256):
            # It has two, and the first look found the other one.
            return Refusal("dicom.unreadable", _SOP_INSTANCE_UID, sop_class_uid)
        if self._published.contradict(record, header):
            conflict = Failure("record.conflict", _SOP_INSTANCE_UID, sop_class_uid)
            return self._refusal(conflict, sha256, HELD_BY_OTHER_DELIVERY)
        try:
            subject = self._find_subject(header)
        except UnresolvedSubject as error:
            return Refusal(error.code, "(0010,0020)", sop_class_uid, error.reason)
        found, _ = self.labelling.find(held.item)
        if found:
            header.columns["label"] = found.labels.label
        instance_id = self._write(record, opened, subject)
        if found:
            self.labelling.attach(found, labelled_image(header, instance_id, subject.patient_id))
        for problem in header.problems:
            self.account.remark(record, problem, sop_class_uid)
        self.account.accept(record)
        return None

    def _write(self, record: Record, opened: Opened, subject: Subject) -> str:
        """Write the rows of an object; returns the id of its instance."""
        stage, identity = self.account.stage, self.identity
        sop_instance_uid = opened.header.sop_instance_uid or ""
        instance_id = pseudonymous_uid(identity, sop_instance_uid)
        row = instance_row(record, opened.header, instance_id, subject, identity)
        stage.write(IMAGING_INSTANCE, [row])
        for cells in batches(opened.cells):
            frames = [c for c in cells if isinstance(c, FrameCell)]
            masks = [c for c in cells if isinstance(c, MaskCell)]
            if frames:
                stage.write(
                    IMAGING_FRAME, [frame_row(record, c, instance_id, subject) for c in frames]
                )
            if masks:
                stage.write(
                    IMAGING_MASK,
                    [
                        segment_mask_row(record, c, sop_instance_uid, subject, identity)
                        for c in masks
                    ],
                )
            annotations = [c for c in cells if isinstance(c, Annotation)]
            stage.write(
                IMAGING_ANNOTATION,
                [
                    annotation_row(record, c, sop_instance_uid, subject, identity)
                    for c in annotations
                ],
            )
        return instance_id
