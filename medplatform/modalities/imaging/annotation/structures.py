"""RT Structure Sets (PS3.3 A.19): one annotation per contour, in mm of the patient system."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import numpy as np
from pydicom import Dataset

from medplatform.modalities.imaging.annotation.codes import as_columns, read_concept
from medplatform.modalities.imaging.annotation.rois import public_name, public_type
from medplatform.modalities.imaging.annotation.sources import as_source, made_at
from medplatform.modalities.imaging.elements import VALUE_ERRORS, Elements
from medplatform.modalities.imaging.records import Annotation
from medplatform.modalities.imaging.values import to_integer, to_positive, to_text, to_uid

CONTOUR_TYPES = frozenset(
    {"POINT", "OPEN_PLANAR", "OPEN_NONPLANAR", "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"}
)
"""Contour Geometric Type (3006,0042), PS3.3 C.8.8.6.1."""

_COORDINATES = 3


@dataclass(slots=True)
class Roi:
    """What is said of a region of interest outside its contours."""

    columns: dict[str, Any] = field(default_factory=dict)
    frame_of_reference_uid: str | None = None
    is_drawn: bool = False


@dataclass(frozen=True, slots=True)
class ImageSeries:
    """The series of each image that the structure set refers to, and of all where that is one."""

    by_image: dict[str, str]
    only: str | None = None


def annotate_structures(elements: Elements) -> Iterator[Annotation]:
    """The contours of all regions; a region that has none is one annotation without points."""
    rois = _rois(elements)
    series = _image_series(elements)
    drawn_at = made_at(elements, "StructureSet")
    number = count(1)
    for item in elements.items("ROIContourSequence"):
        roi_number = elements.read("ReferencedROINumber", to_integer, item)
        roi = rois.setdefault(roi_number, Roi({"group_number": roi_number}))
        for order, contour in enumerate(elements.items("ContourSequence", item), 1):
            roi.is_drawn = True
            yield _contour(elements, contour, roi, series, (next(number), order, drawn_at))
    for roi in rois.values():
        if not roi.is_drawn:
            yield Annotation(
                number=next(number),
                annotation_type="roi",
                series_uid=series.only,
                frame_of_reference_uid=roi.frame_of_reference_uid,
                annotated_at=drawn_at,
                columns=roi.columns,
            )


def _rois(elements: Elements) -> dict[int | None, Roi]:
    rois: dict[int | None, Roi] = {}
    for item in elements.items("StructureSetROISequence"):
        number = elements.read("ROINumber", to_integer, item)
        name = elements.read("ROIName", to_text, item)
        rois[number] = Roi(
            {
                "group_number": number,
                "roi_name": public_name(name),
                "source": as_source(elements, "ROIGenerationAlgorithm", item),
            },
            elements.read("ReferencedFrameOfReferenceUID", to_uid, item),
        )
    for item in elements.items("RTROIObservationsSequence"):
        roi = rois.get(elements.read("ReferencedROINumber", to_integer, item))
        if roi is None or "roi_type" in roi.columns:
            continue
        term = elements.read("RTROIInterpretedType", to_text, item)
        roi.columns["roi_type"] = public_type(term)
        if term and not roi.columns["roi_type"]:
            elements.remark("dicom.unknown_term", "RTROIInterpretedType")
        code = read_concept(elements, "RTROIIdentificationCodeSequence", item)
        roi.columns |= as_columns("", code)
    return rois


def _image_series(elements: Elements) -> ImageSeries:
    by_image: dict[str, str] = {}
    found: set[str] = set()
    for reference in elements.items("ReferencedFrameOfReferenceSequence"):
        for study in elements.items("RTReferencedStudySequence", reference):
            for item in elements.items("RTReferencedSeriesSequence", study):
                series = elements.read("SeriesInstanceUID", to_uid, item)
                if not series:
                    continue
                found.add(series)
                for image in elements.items("ContourImageSequence", item):
                    if uid := elements.read("ReferencedSOPInstanceUID", to_uid, image):
                        by_image[uid] = series
    return ImageSeries(by_image, next(iter(found)) if len(found) == 1 else None)


def _contour(
    elements: Elements,
    item: Dataset,
    roi: Roi,
    series: ImageSeries,
    place: tuple[int, int, datetime | None],
) -> Annotation:
    number, order, drawn_at = place
    images = elements.items("ContourImageSequence", item)
    image = images[0] if len(images) == 1 else None
    uid = elements.read("ReferencedSOPInstanceUID", to_uid, image) if image is not None else None
    points = _points(elements, item)
    shape = (elements.read("ContourGeometricType", to_text, item) or "").upper()
    if shape and shape not in CONTOUR_TYPES:
        elements.remark("dicom.unknown_term", "ContourGeometricType")
    return Annotation(
        number=number,
        annotation_type="contour",
        instance_uid=uid,
        series_uid=series.by_image.get(uid or "", series.only),
        frame_of_reference_uid=roi.frame_of_reference_uid,
        annotated_at=drawn_at,
        columns={
            **roi.columns,
            "item_number": order,
            "frame_number": _frame_number(elements, image),
            "geometric_type": shape if shape in CONTOUR_TYPES else None,
            "coordinate_system": "patient",
            "point_count": None if points is None else len(points) // _COORDINATES,
            "points": points,
        },
    )


def _points(elements: Elements, item: Dataset) -> list[float] | None:
    """Contour Data (3006,0050), read from the bytes: contours have thousands of points."""
    keyword = "ContourData"
    try:
        value = item.get_item(keyword).value
        numbers = np.array(
            value.strip(b" \0").split(b"\\") if isinstance(value, bytes) else value,
            dtype=np.float64,
        )
    except VALUE_ERRORS:
        elements.remark("dicom.bad_value", keyword)
        return None
    if len(numbers) % _COORDINATES or not np.isfinite(numbers).all():
        elements.remark("dicom.bad_value", keyword)
        return None
    declared = elements.read("NumberOfContourPoints", to_integer, item)
    if declared is not None and declared * _COORDINATES != len(numbers):
        elements.remark("annotation.point_count", "NumberOfContourPoints")
    return numbers.tolist()


def _frame_number(elements: Elements, image: Dataset | None) -> int | None:
    """The one frame of the image: 1 where none is named, None where several are."""
    if image is None:
        return None
    if elements.value("ReferencedFrameNumber", image) is None:
        return 1
    return elements.read("ReferencedFrameNumber", to_positive, image)
