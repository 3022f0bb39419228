"""DICOM segmentations (PS3.3 A.51, A.90) to one binary mask per frame and segment.

Nothing is left out: a frame whose source image is not named keeps its plane, a fractional one its
fractions, and tiles without functional groups of their own lie where the standard orders them.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.annotation.segments import (
    BACKGROUND,
    Segment,
    annotate_segments,
    read_segments,
    single_series,
)
from medplatform.modalities.imaging.annotation.sources import made_at
from medplatform.modalities.imaging.decode import decode_frames
from medplatform.modalities.imaging.elements import Elements
from medplatform.modalities.imaging.planes import read_plane, tiled_planes
from medplatform.modalities.imaging.records import Annotation, MaskCell, Plane, Problem
from medplatform.modalities.imaging.values import to_integer, to_positive, to_uid

FRACTION_THRESHOLD = 0.5
"""Pixels of a fractional segmentation at or above this part of its maximum are in the segment."""

_LARGEST_FRACTION = 255


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """The one image frame that a frame of the segmentation was drawn on."""

    sop_instance_uid: str
    frame_number: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame of the segmentation belongs, and to which segment, None for a label map."""

    plane: Plane
    source: SourceFrame | None = None
    segment_number: int | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """The binary mask of one segment in one frame."""

    segment_number: int
    mask: np.ndarray
    fractions: np.ndarray | None = None


def read_segmentation(dataset: Dataset) -> tuple[list[Annotation | MaskCell], list[Problem]]:
    """Segments and masks of a segmentation, and what could not be used.

    Raises
    ------
    Unusable
        The pixels cannot be decoded.
    """
    elements = Elements(dataset)
    segments = read_segments(elements)
    cells: list[Annotation | MaskCell] = []
    cells += annotate_segments(elements, segments, made_at(elements, "Content"))
    cells += _masks(elements, segments)
    return cells, elements.problems


def _masks(elements: Elements, segments: dict[int, Segment]) -> Iterator[MaskCell]:
    series = single_series(elements)
    reference = elements.read("FrameOfReferenceUID", to_uid)
    maximum = elements.read("MaximumFractionalValue", to_positive) or _LARGEST_FRACTION
    places = _places(elements, segments)
    number = 0
    for frame, (array, _) in enumerate(decode_frames(_without_palette(elements.dataset)), 1):
        place = places[frame - 1] if frame <= len(places) else Place(Plane())
        for layer in _split(elements, array, place, segments, maximum):
            number += 1
            segment = segments.get(layer.segment_number)
            if segment is None:
                elements.remark("mask.undescribed_segment", "SegmentSequence")
            kind = segment.kind if segment else None
            source = place.source
            fractions = layer.fractions
            name, pixels = codec.encode_mask(layer.mask)
            yield MaskCell(
                number=number,
                source_uid=source.sop_instance_uid if source else None,
                series_uid=series,
                frame_of_reference_uid=reference,
                frame_number=source.frame_number if source else None,
                segmentation_frame=frame,
                plane=place.plane,
                segment_number=layer.segment_number,
                segment_label=kind.meaning if kind else None,
                segment_code=kind.code if kind else None,
                height=layer.mask.shape[0],
                width=layer.mask.shape[1],
                codec=name,
                pixels=pixels,
                foreground_pixels=int(np.count_nonzero(layer.mask)),
                fractions=codec.encode_mask(fractions)[1] if fractions is not None else None,
                maximum_fraction=maximum if fractions is not None else None,
            )


def _places(elements: Elements, segments: dict[int, Segment]) -> list[Place]:
    """The places of all frames, as far as they are described."""
    groups = elements.items("PerFrameFunctionalGroupsSequence")
    shared = elements.item("SharedFunctionalGroupsSequence")
    frames = elements.read("NumberOfFrames", to_positive) or 1
    if not groups and elements.value("DimensionOrganizationType") == "TILED_FULL":
        return _tiled_places(elements, frames, segments)
    places = []
    for index in range(frames):
        near = groups[index] if index < len(groups) else None
        levels = [level for level in (near, shared) if level is not None]
        source = _source(elements, levels)
        plane = read_plane(elements, levels)
        if source is None and plane.image_position_mm is None and plane.matrix_row is None:
            elements.remark("mask.no_place", "PlanePositionSequence")
        places.append(Place(plane, source, _segment_number(elements, levels)))
    return places


def _tiled_places(elements: Elements, frames: int, segments: dict[int, Segment]) -> list[Place]:
    numbers = list(segments)
    is_label_map = elements.value("SegmentationType") == "LABELMAP"
    planes = tiled_planes(elements, frames, 1 if is_label_map else len(numbers))
    if not planes:
        elements.remark("mask.no_place", "PerFrameFunctionalGroupsSequence")
    return [
        Place(plane, segment_number=None if is_label_map else numbers[index])
        for index, plane in planes
    ]


def _split(
    elements: Elements,
    array: np.ndarray,
    place: Place,
    segments: dict[int, Segment],
    maximum: int,
) -> Iterator[Layer]:
    """The binary masks in one frame of (rows, columns)."""
    kind = elements.value("SegmentationType")
    if kind == "LABELMAP":
        background = _background(elements, segments)
        for value in np.unique(array):
            if int(value) not in background:
                yield Layer(int(value), array == value)
    elif place.segment_number is None:
        elements.remark("mask.no_segment_number", "SegmentIdentificationSequence")
        yield Layer(0, array > 0)
    elif kind == "FRACTIONAL":
        yield Layer(place.segment_number, array >= FRACTION_THRESHOLD * maximum, array)
    else:
        yield Layer(place.segment_number, array > 0)


def _background(elements: Elements, segments: dict[int, Segment]) -> set[int]:
    """The values of a label map that are in no segment.

    Pixel Padding Value (0028,0120) says which (PS3.3 C.8.20.2.3); without it, what is described
    as background, and 0 where nothing describes it.
    """
    padding = elements.read("PixelPaddingValue", to_integer)
    values = {padding} if padding is not None else set()
    values |= {n for n, s in segments.items() if s.kind and s.kind.code == BACKGROUND}
    return values if values or 0 in segments else {0}


def _segment_number(elements: Elements, levels: list[Dataset]) -> int | None:
    for level in levels:
        item = elements.item("SegmentIdentificationSequence", level)
        if item is not None:
            return elements.read("ReferencedSegmentNumber", to_positive, item)
    return None


def _source(elements: Elements, levels: list[Dataset]) -> SourceFrame | None:
    """The image frame behind a frame; None where none, or several, are named.

    A frame resampled from several images fits none of them pixel by pixel.
    """
    found: set[SourceFrame] = set()
    for level in levels:
        for derivation in elements.items("DerivationImageSequence", level):
            for image in elements.items("SourceImageSequence", derivation):
                uid = elements.read("ReferencedSOPInstanceUID", to_uid, image)
                numbered = elements.value("ReferencedFrameNumber", image)
                frame = 1
                if numbered is not None:
                    frame = elements.read("ReferencedFrameNumber", to_positive, image)
                if not uid or not frame:
                    return None
                found.add(SourceFrame(uid, frame))
        if found:
            break
    return found.pop() if len(found) == 1 else None


def _without_palette(dataset: Dataset) -> Dataset:
    """The same data set, its pixels not taken for colours: they number segments."""
    plain = copy.copy(dataset)
    plain.PhotometricInterpretation = "MONOCHROME2"
    return plain
