"""The segments of a DICOM segmentation (PS3.3 C.8.20.2): what each shows and who drew it."""

from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset

from medplatform.modalities.imaging.annotation.codes import Concept, as_columns, read_concept
from medplatform.modalities.imaging.annotation.sources import as_source
from medplatform.modalities.imaging.elements import Elements
from medplatform.modalities.imaging.records import Annotation
from medplatform.modalities.imaging.values import to_integer, to_uid

BACKGROUND = "DCM:125040"


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment shows, in public terminologies."""

    number: int
    item: Dataset
    kind: Concept | None = None


def read_segments(elements: Elements) -> dict[int, Segment]:
    """The Segment Sequence (0062,0002) by Segment Number."""
    segments = {}
    for item in elements.items("SegmentSequence"):
        number = elements.read("SegmentNumber", to_integer, item)
        if number is not None:
            kind = read_concept(elements, "SegmentedPropertyTypeCodeSequence", item)
            segments[number] = Segment(number, item, kind)
    return segments


def annotate_segments(
    elements: Elements, segments: dict[int, Segment], annotated_at: datetime | None
) -> list[Annotation]:
    """One annotation per segment; its masks are rows of `imaging_mask`."""
    uid = elements.read("SOPInstanceUID", to_uid)
    series = single_series(elements)
    return [
        Annotation(
            number=number,
            annotation_type="segment",
            series_uid=series,
            frame_of_reference_uid=elements.read("FrameOfReferenceUID", to_uid),
            segmentation_uid=uid,
            tracking_uid=elements.read("TrackingUID", to_uid, segment.item),
            annotated_at=annotated_at,
            columns=_columns(elements, segment),
        )
        for number, segment in enumerate(segments.values(), 1)
    ]


def single_series(elements: Elements) -> str | None:
    """The one series that an object refers to (0008,1115); None where there are several."""
    found = {
        elements.read("SeriesInstanceUID", to_uid, item)
        for item in elements.items("ReferencedSeriesSequence")
    }
    return found.pop() if len(found) == 1 else None


def _columns(elements: Elements, segment: Segment) -> dict[str, object]:
    item = segment.item
    site = elements.item("AnatomicRegionSequence", item)
    side = (
        read_concept(elements, "AnatomicRegionModifierSequence", site)
        if site is not None
        else read_concept(elements, "SegmentedPropertyTypeModifierCodeSequence", item)
    )
    return {
        "segment_number": segment.number,
        **as_columns("", segment.kind),
        **as_columns(
            "category", read_concept(elements, "SegmentedPropertyCategoryCodeSequence", item)
        ),
        **as_columns("site", read_concept(elements, "AnatomicRegionSequence", item)),
        **as_columns("site_modifier", side),
        "source": as_source(elements, "SegmentAlgorithmType", item),
    }
