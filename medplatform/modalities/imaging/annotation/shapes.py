"""Microscopy Bulk Simple Annotations (PS3.3 A.87): one annotation per shape and per value of it.

Coordinates are arrays of a million numbers and more, and are taken from the bytes.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from pydicom import Dataset

from medplatform.modalities.imaging.annotation.codes import as_columns, read_concept, read_unit
from medplatform.modalities.imaging.annotation.segments import single_series
from medplatform.modalities.imaging.annotation.sources import as_source, made_at
from medplatform.modalities.imaging.elements import VALUE_ERRORS, Elements
from medplatform.modalities.imaging.records import Annotation
from medplatform.modalities.imaging.values import to_integer, to_number, to_text, to_uid

STORAGE = "1.2.840.10008.5.1.4.1.1.91.1"
_POINTS_OF = {"POINT": 1, "ELLIPSE": 4, "RECTANGLE": 4}
"""Points of the shapes that all have the same number (PS3.3 C.37.1.2)."""
_SHAPES = frozenset({*_POINTS_OF, "POLYGON", "POLYLINE"})


def annotate_shapes(elements: Elements) -> Iterator[Annotation]:
    """The shapes of all groups, each group followed by its measurements."""
    images = elements.items("ReferencedImageSequence")
    image = images[0] if len(images) == 1 else None
    shared = {
        "instance_uid": elements.read("ReferencedSOPInstanceUID", to_uid, image)
        if image is not None
        else None,
        "series_uid": single_series(elements),
        "frame_of_reference_uid": elements.read("FrameOfReferenceUID", to_uid),
        "annotated_at": made_at(elements, "Content"),
    }
    number = count(1)
    for group in elements.items("AnnotationGroupSequence"):
        columns: dict[str, Any] = {
            "group_number": elements.read("AnnotationGroupNumber", to_integer, group),
            "source": as_source(elements, "AnnotationGroupGenerationType", group),
        }
        kind = read_concept(elements, "AnnotationPropertyTypeCodeSequence", group)
        category = read_concept(elements, "AnnotationPropertyCategoryCodeSequence", group)
        described = {**as_columns("", kind), **as_columns("category", category)}
        for order, shape in enumerate(_shapes(elements, group), 1):
            yield Annotation(
                number=next(number),
                annotation_type="shape",
                columns={**columns, **described, **shape, "item_number": order},
                **shared,
            )
        for measured in _measurements(elements, group):
            yield Annotation(
                number=next(number),
                annotation_type="measurement",
                columns={**columns, **as_columns("finding", kind), **measured},
                **shared,
            )


def _shapes(elements: Elements, group: Dataset) -> Iterator[dict[str, Any]]:
    graphic = (elements.read("GraphicType", to_text, group) or "").upper()
    is_flat = (elements.read("AnnotationCoordinateType", to_text) or "").upper() == "2D"
    depth = elements.read("CommonZCoordinateValue", to_number, group)
    dimensions = 2 if is_flat or depth is not None else 3
    points = _coordinates(elements, group, dimensions)
    parts = _parts(elements, group, graphic, points, dimensions) if points is not None else []
    if graphic not in _SHAPES:
        elements.remark("dicom.unknown_term", "GraphicType")
    for part in parts:
        if depth is not None and not is_flat:
            part = np.column_stack([part, np.full(len(part), depth)])
        yield {
            "geometric_type": graphic if graphic in _SHAPES else None,
            "coordinate_system": _system(elements) if is_flat else "patient",
            "point_count": len(part),
            "points": part.ravel().tolist(),
        }


def _coordinates(elements: Elements, group: Dataset, dimensions: int) -> np.ndarray | None:
    """(points, dimensions) of a group, None where there are none."""
    for keyword, dtype in (("PointCoordinatesData", "<f4"), ("DoublePointCoordinatesData", "<f8")):
        numbers = _array(elements, keyword, group, dtype)
        if numbers is None:
            continue
        if len(numbers) % dimensions or not np.isfinite(numbers).all():
            elements.remark("dicom.bad_value", keyword)
            return None
        return numbers.astype(np.float64).reshape(-1, dimensions)
    return None


def _parts(
    elements: Elements, group: Dataset, graphic: str, points: np.ndarray, dimensions: int
) -> list[np.ndarray]:
    """The points of each shape: lines and polygons begin where the index list says."""
    if each := _POINTS_OF.get(graphic):
        if len(points) % each:
            elements.remark("dicom.bad_value", "GraphicType")
            return []
        return list(points.reshape(-1, each, dimensions))
    index = _array(elements, "LongPrimitivePointIndexList", group, "<u4")
    starts = (index.astype(np.int64) - 1) // dimensions if index is not None else np.zeros(1, int)
    is_ordered = starts.size and starts[0] == 0 and bool((np.diff(starts) > 0).all())
    if not is_ordered or starts[-1] >= len(points):
        elements.remark("dicom.bad_value", "LongPrimitivePointIndexList")
        return []
    return np.split(points, starts[1:])


def _measurements(elements: Elements, group: Dataset) -> Iterator[dict[str, Any]]:
    for item in elements.items("MeasurementsSequence", group):
        concept = as_columns("", read_concept(elements, "ConceptNameCodeSequence", item))
        unit = read_unit(elements, item)
        for values in elements.items("MeasurementValuesSequence", item):
            numbers = _array(elements, "FloatingPointValues", values, "<f4")
            index = _array(elements, "AnnotationIndexList", values, "<u4")
            if numbers is None:
                continue
            orders = range(1, len(numbers) + 1) if index is None else index.tolist()
            if len(orders) != len(numbers):
                elements.remark("dicom.bad_value", "AnnotationIndexList")
                continue
            for order, number in zip(orders, numbers.tolist(), strict=True):
                yield {**concept, "unit": unit, "value_number": number, "item_number": order}


def _system(elements: Elements) -> str:
    """What flat coordinates count from: Pixel Origin Interpretation (0048,0301)."""
    origin = (elements.read("PixelOriginInterpretation", to_text) or "").upper()
    return "frame" if origin == "FRAME" else "matrix"


def _array(elements: Elements, keyword: str, dataset: Dataset, dtype: str) -> np.ndarray | None:
    value = elements.value(keyword, dataset)
    if value is None:
        return None
    try:
        return np.frombuffer(value, dtype)
    except VALUE_ERRORS:
        elements.remark("dicom.bad_value", keyword)
        return None
