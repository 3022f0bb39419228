"""DICOM segmentations (PS3.3 A.51, A.90) to one binary mask per source frame and segment."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from medplatform.modalities.imaging import codec, terms
from medplatform.modalities.imaging.decode import decode_frames
from medplatform.modalities.imaging.elements import Elements
from medplatform.modalities.imaging.records import MaskCell, Problem
from medplatform.modalities.imaging.values import to_integer, to_positive, to_short_text, to_uid

FRACTION_THRESHOLD = 0.5
"""Pixels of a fractional segmentation at or above this part of its maximum are in the segment."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment shows, in a public terminology."""

    label: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """The one image frame that a frame of the segmentation was drawn on."""

    sop_instance_uid: str
    frame_number: int


def read_masks(dataset: Dataset) -> tuple[list[MaskCell], list[Problem]]:
    """Masks of a segmentation, and what had to be left out.

    Raises
    ------
    Unusable
        The pixels cannot be decoded.
    """
    elements = Elements(dataset)
    segments = _segments(elements)
    groups = elements.items("PerFrameFunctionalGroupsSequence")
    shared = elements.item("SharedFunctionalGroupsSequence")
    cells: list[MaskCell] = []
    for number, (array, _) in enumerate(decode_frames(dataset)):
        places = [g for g in (groups[number] if number < len(groups) else None, shared) if g]
        source = _source(elements, places)
        if source is None:
            elements.remark("mask.no_source_image", "DerivationImageSequence")
            continue
        for segment_number, mask in _split(elements, array, places):
            segment = segments.get(segment_number)
            if segment is None:
                elements.remark("mask.undescribed_segment", "SegmentSequence")
                segment = Segment()
            name, pixels = codec.encode_mask(mask)
            cells.append(
                MaskCell(
                    number=len(cells) + 1,
                    source_uid=source.sop_instance_uid,
                    frame_number=source.frame_number,
                    segment_number=segment_number,
                    segment_label=segment.label,
                    segment_code=segment.code,
                    height=mask.shape[0],
                    width=mask.shape[1],
                    codec=name,
                    pixels=pixels,
                    foreground_pixels=int(np.count_nonzero(mask)),
                )
            )
    return cells, elements.problems


def _split(
    elements: Elements, array: np.ndarray, places: list[Dataset]
) -> Iterator[tuple[int, np.ndarray]]:
    """The binary masks in one frame of (rows, columns), with their segment numbers."""
    kind = elements.value("SegmentationType")
    if kind == "LABELMAP":
        for value in np.unique(array[array > 0]):
            yield int(value), array == value
        return
    number = None
    for place in places:
        item = elements.item("SegmentIdentificationSequence", place)
        if item is not None:
            number = elements.read("ReferencedSegmentNumber", to_positive, item)
            break
    if number is None:
        elements.remark("mask.undescribed_segment", "SegmentIdentificationSequence")
        return
    if kind == "FRACTIONAL":
        maximum = elements.read("MaximumFractionalValue", to_positive) or 255
        yield number, array >= FRACTION_THRESHOLD * maximum
    else:
        yield number, array > 0


def _source(elements: Elements, places: list[Dataset]) -> SourceFrame | None:
    """The image frame behind a frame; None where none, or several, are named.

    A frame resampled from several images fits none of them pixel by pixel.
    """
    found: set[SourceFrame] = set()
    for place in places:
        for derivation in elements.items("DerivationImageSequence", place):
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


def _segments(elements: Elements) -> dict[int, Segment]:
    segments = {}
    for item in elements.items("SegmentSequence"):
        number = elements.read("SegmentNumber", to_integer, item)
        kind = elements.item("SegmentedPropertyTypeCodeSequence", item)
        if number is None:
            continue
        code = label = None
        if kind is not None:
            scheme = elements.read("CodingSchemeDesignator", to_short_text, kind)
            code = terms.public_code(scheme, elements.read("CodeValue", to_short_text, kind))
            label = elements.read("CodeMeaning", to_short_text, kind)
        segments[number] = Segment(label if code else None, code)
    return segments
