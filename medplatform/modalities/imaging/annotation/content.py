"""What a content item of a structured report says of what it measures (PS3.3 C.17.3, PS3.16 A).

A container says it once for all that it holds: its tracking, finding, site, method, images,
segment and regions (TID 1411, 1501). A measurement may say it anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pydicom import Dataset

from medplatform.modalities.imaging.annotation.codes import Concept, as_columns, read_concept
from medplatform.modalities.imaging.elements import VALUE_ERRORS, Elements
from medplatform.modalities.imaging.values import (
    to_integer,
    to_moment,
    to_offset,
    to_positive,
    to_text,
    to_uid,
)

_GRAPHIC_TYPES = frozenset(
    {"POINT", "MULTIPOINT", "POLYLINE", "POLYGON", "CIRCLE", "ELLIPSE", "ELLIPSOID"}
)
_CONTEXT_CODES = {
    **dict.fromkeys(("DCM:121071",), "finding"),
    **dict.fromkeys(("SCT:363698007", "SRT:G-C0E3"), "site"),
    **dict.fromkeys(
        ("SCT:272741003", "SRT:G-C171", "SCT:106233006", "SRT:G-A1F8"), "site_modifier"
    ),
    **dict.fromkeys(("SCT:370129005", "SRT:G-C036"), "method"),
    **dict.fromkeys(("DCM:121401",), "derivation"),
}
"""Concept Names of TID 300, 1411 and 1419 that describe what stands beside them."""

_CONTEXT_RELATIONS = frozenset({"HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS ACQ CONTEXT"})
_TRACKING_UID = "DCM:112040"
_SOURCE_SERIES = "DCM:121232"


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image that a report names; of a segmentation with the segment."""

    sop_instance_uid: str
    frame_number: int | None = None
    segment_number: int | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """A shape on an image or in space (PS3.3 C.18.6, C.18.9)."""

    geometric_type: str | None
    coordinate_system: str
    points: list[float] | None
    dimensions: int
    images: tuple[ImageReference, ...] = ()
    frame_of_reference_uid: str | None = None

    def columns(self) -> dict[str, Any]:
        """Columns of `imaging_annotation`."""
        count = None if self.points is None else len(self.points) // self.dimensions
        return {
            "geometric_type": self.geometric_type,
            "coordinate_system": self.coordinate_system,
            "point_count": count,
            "points": self.points,
        }


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for the content items of a container."""

    group_number: int | None = None
    columns: tuple[tuple[str, str | None], ...] = ()
    tracking_uid: str | None = None
    source_series_uid: str | None = None
    images: tuple[ImageReference, ...] = ()
    regions: tuple[Region, ...] = ()
    observed_at: datetime | None = None


def value_type(elements: Elements, item: Dataset) -> str:
    """Value Type (0040,A040), '' where it is not said."""
    return (elements.read("ValueType", to_text, item) or "").upper()


def concept_name(elements: Elements, item: Dataset) -> Concept | None:
    """Concept Name (0040,A043)."""
    return read_concept(elements, "ConceptNameCodeSequence", item)


def is_context(elements: Elements, item: Dataset) -> bool:
    """Whether a coded item describes what stands beside it, and is no evaluation of its own."""
    name = concept_name(elements, item)
    relation = (elements.read("RelationshipType", to_text, item) or "").upper()
    return (relation.startswith("HAS") and relation != "HAS PROPERTIES") or bool(
        name and name.code in _CONTEXT_CODES
    )


def extend(elements: Elements, context: Context, item: Dataset, children: list[Dataset]) -> Context:
    """The context of an item's children: what held before, and what they say themselves."""
    said: dict[str, str | None] = dict(context.columns)
    images: list[ImageReference] = []
    regions: list[Region] = []
    tracking, series = context.tracking_uid, context.source_series_uid
    for child in children:
        kind = value_type(elements, child)
        name = concept_name(elements, child) if kind in ("CODE", "UIDREF") else None
        if kind == "CODE" and name and (column := _CONTEXT_CODES.get(name.code)):
            said |= as_columns(column, read_concept(elements, "ConceptCodeSequence", child))
        elif kind == "UIDREF" and name and name.code == _TRACKING_UID:
            tracking = elements.read("UID", to_uid, child)
        elif kind == "UIDREF" and name and name.code == _SOURCE_SERIES:
            series = elements.read("UID", to_uid, child)
        elif kind == "IMAGE":
            images += read_images(elements, child)
        elif kind in ("SCOORD", "SCOORD3D"):
            regions.append(read_region(elements, child))
    return replace(
        context,
        columns=tuple(said.items()),
        tracking_uid=tracking,
        source_series_uid=series,
        images=tuple(images) or context.images,
        regions=tuple(regions) or context.regions,
        observed_at=observed_at(elements, item) or context.observed_at,
    )


def observed_at(elements: Elements, item: Dataset) -> datetime | None:
    """Observation DateTime (0040,A032) in UTC."""
    offset = elements.read("TimezoneOffsetFromUTC", to_offset) or UTC
    return elements.read("ObservationDateTime", lambda value: to_moment(value, offset), item)


def read_images(elements: Elements, item: Dataset) -> list[ImageReference]:
    """The images that an IMAGE item names, one per frame or segment."""
    found = []
    for reference in elements.items("ReferencedSOPSequence", item):
        uid = elements.read("ReferencedSOPInstanceUID", to_uid, reference)
        if not uid:
            continue
        frames = _numbers(elements, "ReferencedFrameNumber", reference)
        segments = _numbers(elements, "ReferencedSegmentNumber", reference)
        found += [ImageReference(uid, f, s) for s in segments for f in frames]
    return found


def read_region(elements: Elements, item: Dataset) -> Region:
    """The shape of an SCOORD or SCOORD3D item, with the images it is on."""
    is_spatial = value_type(elements, item) == "SCOORD3D"
    dimensions = 3 if is_spatial else 2
    shape = (elements.read("GraphicType", to_text, item) or "").upper()
    if shape not in _GRAPHIC_TYPES:
        elements.remark("dicom.unknown_term", "GraphicType")
    origin = (elements.read("PixelOriginInterpretation", to_text, item) or "FRAME").upper()
    flat = "matrix" if origin == "VOLUME" else "frame"
    children = elements.items("ContentSequence", item)
    return Region(
        shape if shape in _GRAPHIC_TYPES else None,
        "patient" if is_spatial else flat,
        _points(elements, item, dimensions),
        dimensions,
        tuple(
            image
            for child in children
            if value_type(elements, child) == "IMAGE"
            for image in read_images(elements, child)
        ),
        elements.read("ReferencedFrameOfReferenceUID", to_uid, item) if is_spatial else None,
    )


def _points(elements: Elements, item: Dataset, dimensions: int) -> list[float] | None:
    """Graphic Data (0070,0022)."""
    value = elements.value("GraphicData", item)
    if value is None:
        return None
    try:
        points = np.array(value if isinstance(value, Iterable) else [value], dtype=np.float64)
    except VALUE_ERRORS:
        points = np.empty(1)
    if len(points) % dimensions or not np.isfinite(points).all():
        elements.remark("dicom.bad_value", "GraphicData")
        return None
    return points.tolist()


def _numbers(elements: Elements, keyword: str, item: Dataset) -> list[int | None]:
    """The values of an element of one or more numbers, [None] where it has none."""
    value = elements.value(keyword, item)
    if value is None:
        return [None]
    parts = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    convert = to_positive if keyword == "ReferencedFrameNumber" else to_integer
    try:
        return [convert(part) for part in parts]
    except VALUE_ERRORS:
        elements.remark("dicom.bad_value", keyword)
        return [None]
