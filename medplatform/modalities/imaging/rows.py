"""De-identification: headers and cells, with identifiers as delivered, to rows of the lake.

Ids become keyed pseudonyms, moments are shifted with the patient's days, and nothing but the
columns that the tables declare goes on.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from medplatform.modalities.imaging.account import Record
from medplatform.modalities.imaging.deidentify import finish, pseudonymous_uid
from medplatform.modalities.imaging.labels import LabelledImage, LabelRow
from medplatform.modalities.imaging.records import Annotation, FrameCell, Header, MaskCell
from medplatform.privacy import Identity, Subject

Row = dict[str, Any]


def instance_row(
    record: Record, header: Header, instance_id: str, subject: Subject, identity: Identity
) -> Row:
    """A row of `imaging_instance`."""
    return {
        **header.columns,
        "instance_id": instance_id,
        "series_id": pseudonymous_uid(identity, header.series_uid) if header.series_uid else None,
        "study_id": pseudonymous_uid(identity, header.study_uid) if header.study_uid else None,
        "patient_id": subject.patient_id,
        "frame_of_reference_id": (
            pseudonymous_uid(identity, header.frame_of_reference_uid)
            if header.frame_of_reference_uid
            else None
        ),
        "study_at": _shift(subject, header.study_at),
        "acquired_at": _shift(subject, header.acquired_at),
        "series_at": _shift(subject, header.series_at),
        "content_at": _shift(subject, header.content_at),
        "injected_at": _shift(subject, header.injected_at),
        "elements": finish(header.prepared, identity, subject) if header.prepared else None,
        **_lineage(record),
    }


def frame_row(record: Record, cell: FrameCell, instance_id: str, subject: Subject) -> Row:
    """A row of `imaging_frame`."""
    return {
        "instance_id": instance_id,
        "frame_number": cell.frame_number,
        "patient_id": subject.patient_id,
        "height": cell.height,
        "width": cell.width,
        "channels": cell.channels,
        "dtype": cell.dtype,
        "codec": cell.codec,
        "pixels": cell.pixels,
        "pixel_sha256": cell.pixel_sha256,
        **cell.columns,
        "acquired_at": subject.shift(cell.acquired_at) if cell.acquired_at else None,
        **_lineage(record),
    }


def segment_mask_row(
    record: Record, cell: MaskCell, segmentation_uid: str, subject: Subject, identity: Identity
) -> Row:
    """A row of `imaging_mask` for a mask of a DICOM segmentation."""
    return {
        **mask_row(
            record,
            cell,
            identity.token("mask", f"{segmentation_uid}/{cell.number}"),
            pseudonymous_uid(identity, cell.source_uid) if cell.source_uid else None,
            subject.patient_id,
        ),
        "segmentation_id": pseudonymous_uid(identity, segmentation_uid),
        "series_id": pseudonymous_uid(identity, cell.series_uid) if cell.series_uid else None,
        "frame_of_reference_id": pseudonymous_uid(identity, cell.frame_of_reference_uid)
        if cell.frame_of_reference_uid
        else None,
    }


def mask_row(
    record: Record, cell: MaskCell, mask_id: str, instance_id: str | None, patient_id: str
) -> Row:
    """A row of `imaging_mask`."""
    return {
        **asdict(cell.plane),
        "segmentation_frame": cell.segmentation_frame,
        "fractions": cell.fractions,
        "maximum_fraction": cell.maximum_fraction,
        "mask_id": mask_id,
        "instance_id": instance_id,
        "frame_number": cell.frame_number,
        "patient_id": patient_id,
        "segment_number": cell.segment_number,
        "segment_label": cell.segment_label,
        "segment_code": cell.segment_code,
        "height": cell.height,
        "width": cell.width,
        "codec": cell.codec,
        "pixels": cell.pixels,
        "foreground_pixels": cell.foreground_pixels,
        **_lineage(record),
    }


def annotation_row(
    record: Record, cell: Annotation, object_uid: str, subject: Subject, identity: Identity
) -> Row:
    """A row of `imaging_annotation`."""
    keyed = {
        "instance_id": cell.instance_uid,
        "series_id": cell.series_uid,
        "frame_of_reference_id": cell.frame_of_reference_uid,
        "segmentation_id": cell.segmentation_uid,
        "tracking_id": cell.tracking_uid,
    }
    return {
        **cell.columns,
        **{name: pseudonymous_uid(identity, uid) for name, uid in keyed.items() if uid},
        "annotation_id": identity.token("annotation", f"{object_uid}/{cell.number}"),
        "object_id": pseudonymous_uid(identity, object_uid),
        "patient_id": subject.patient_id,
        "annotation_type": cell.annotation_type,
        "annotated_at": subject.shift(cell.annotated_at) if cell.annotated_at else None,
        **_lineage(record),
    }


def label_row(record: Record, row: LabelRow, image: LabelledImage, identity: Identity) -> Row:
    """A row of `imaging_annotation` for the box of a label table."""
    assert row.box
    corners = "/".join(map(str, row.box))
    return {
        "annotation_id": identity.token(
            "annotation", f"{image.instance_id}/{row.label or ''}/{corners}"
        ),
        "patient_id": image.patient_id,
        "annotation_type": "label",
        "instance_id": image.instance_id,
        "frame_number": 1 if image.frames == 1 else None,
        "geometric_type": "BOX",
        "coordinate_system": "frame",
        "point_count": 2,
        "points": list(row.box),
        "label": row.label,
        **_lineage(record),
    }


def _shift(subject: Subject, moment: datetime | None) -> datetime | None:
    return subject.shift(moment) if moment else None


def _lineage(record: Record) -> Row:
    return {"source_id": record.source.source_id, "record_number": record.number}
