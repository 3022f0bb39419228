"""Reads an imaging delivery into a stage, item by item, in bounded memory.

DICOM files are looked through twice: first for their SOP Instance UIDs alone, so that of two
files that claim the same UID with different content neither is read.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery
from medplatform.modalities.imaging.account import Account, Record
from medplatform.modalities.imaging.configuration import Configuration
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.labelling import Labelling, labelled_image
from medplatform.modalities.imaging.layout import Kind
from medplatform.modalities.imaging.pictures import PictureReader
from medplatform.modalities.imaging.records import Annotation, Failure, FrameCell, MaskCell
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
from medplatform.privacy import Identity, Subject, UnresolvedSubject

CELLS_PER_WRITE = 64


def read_delivery(
    delivery: Delivery,
    stage: Stage,
    identity: Identity,
    progress: Progress,
    configuration: Configuration,
) -> None:
    """Read DICOM files, and pictures with their masks and labels. Never raises for bad input."""
    with ReadingProcess() as process:
        read_files(delivery, stage, identity, process, progress)


def read_files(
    delivery: Delivery,
    stage: Stage,
    identity: Identity,
    process: ReadingProcess,
    progress: Progress,
) -> None:
    """Read a delivery with a reading process that may serve others too."""
    account = Account(stage)
    labelling = Labelling(delivery.options, account, identity)
    dicom = DicomReader(account, identity, process, labelling, progress)
    pictures = PictureReader(delivery, account, identity, process, labelling, progress)
    with Contents(delivery, stage.folder) as contents:
        for found in contents.survey():
            if isinstance(found, Refused):
                account.refuse_unread(found)
                continue
            with found:
                _look_at(found, account, dicom)
            progress("headers", contents.surveyed, len(delivery.sources))
        labelling.read(contents)
        images = contents.items(Kind.DICOM)
        dicom.read(contents.fetch(images), len(images))
        pictures.read(contents)
        labelling.settle()


def _look_at(held: Held, account: Account, dicom: "DicomReader") -> None:
    match held.item.kind:
        case Kind.DICOM:
            dicom.identify(held)
        case Kind.SIDECAR | Kind.ARCHIVE | Kind.DIRECTORY:
            account.keep(held.item)


class DicomReader:
    """The DICOM files of one delivery."""

    def __init__(
        self,
        account: Account,
        identity: Identity,
        process: ReadingProcess,
        labelling: Labelling,
        progress: Progress,
    ) -> None:
        self.account = account
        self.identity = identity
        self.process = process
        self.labelling = labelling
        self.progress = progress
        self._contents: dict[str, set[str]] = defaultdict(set)
        self._uids: dict[str, str] = {}
        self._accepted: set[str] = set()
        self._accepted_uids: set[str] = set()

    def identify(self, held: Held) -> None:
        """Look at one for its SOP Instance UID, before any of them is read."""
        sha256 = held.item.sha256
        if sha256 not in self._uids and (uid := self.process.identify(held.path)):
            self._uids[sha256] = uid
            self._contents[uid].add(sha256)

    def read(self, files: Iterable[Held], total: int) -> None:
        """Read all of them."""
        for number, held in enumerate(files, 1):
            with held:
                self._read_file(held)
            self.progress("DICOM files", number, total)

    def _read_file(self, held: Held) -> None:
        record = self.account.open(held.item)
        sha256 = held.item.sha256
        uid = self._uids.get(sha256)
        if sha256 in self._accepted:
            self.account.refuse(record, "record.duplicate")
        elif uid and len(self._contents[uid]) > 1:
            self.account.refuse(record, "record.conflict", element="(0008,0018)")
        else:
            self._read_content(record, held)

    def _read_content(self, record: Record, held: Held) -> None:
        opened = self.process.read("dicom", held.path)
        if isinstance(opened, Failure):
            self.account.refuse(
                record, opened.code, element=opened.element, resource_type=opened.sop_class_uid
            )
            return
        header = opened.header
        sop_class_uid = header.columns["sop_class_uid"]
        if header.sop_instance_uid in self._accepted_uids:
            # Its elements stand out of order, so that the first look did not find the UID.
            self.account.refuse(record, "record.conflict", element="(0008,0018)")
            return
        try:
            subject = self.identity.subject_of_issuer(header.issuer, header.patient_id)
        except UnresolvedSubject as error:
            self.account.refuse(
                record,
                error.code,
                reason=error.reason,
                element="(0010,0020)",
                resource_type=sop_class_uid,
            )
            return
        found, _ = self.labelling.find(held.item)
        if found:
            header.columns["label"] = found.labels.label
        instance_id = self._write(record, opened, subject)
        if found:
            self.labelling.attach(found, labelled_image(header, instance_id, subject.patient_id))
        for problem in header.problems:
            self.account.remark(record, problem, sop_class_uid)
        self._accepted.add(held.item.sha256)
        self._accepted_uids.add(header.sop_instance_uid or "")
        self.account.accept(record)

    def _write(self, record: Record, opened: Opened, subject: Subject) -> str:
        """Write the rows of an object; returns the id of its instance."""
        stage, identity = self.account.stage, self.identity
        sop_instance_uid = opened.header.sop_instance_uid or ""
        instance_id = identity.uid(sop_instance_uid)
        row = instance_row(record, opened.header, instance_id, subject, identity)
        stage.write(IMAGING_INSTANCE, [row])
        while cells := list(islice(opened.cells, CELLS_PER_WRITE)):
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
