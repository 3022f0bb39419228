"""Where the frames of a segmentation lie: in the patient or on the slide, and in their whole.

Functional groups per frame go before those of all frames (PS3.3 C.7.6.16); tiles without groups
of their own lie in the order of the standard (C.7.6.17.3).
"""

from dataclasses import replace
from math import ceil

import numpy as np
from pydicom import Dataset

from medplatform.modalities.imaging.elements import Elements
from medplatform.modalities.imaging.records import Plane
from medplatform.modalities.imaging.values import to_integer, to_number, to_numbers, to_positive


def read_plane(elements: Elements, places: list[Dataset]) -> Plane:
    """The plane of a frame from its functional groups, the nearest first."""

    def numbers(sequence: str, keyword: str, count: int) -> list[float] | None:
        item = _find(elements, places, sequence)
        if item is None:
            return None
        return elements.read(keyword, lambda value: to_numbers(value, count), item)

    row, column = numbers("PixelMeasuresSequence", "PixelSpacing", 2) or (None, None)
    position = numbers("PlanePositionSequence", "ImagePositionPatient", 3)
    orientation = numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6)
    slide = _find(elements, places, "PlanePositionSlideSequence")
    return Plane(
        image_position_mm=position or (_offsets(elements, slide) if slide is not None else None),
        image_orientation=orientation or _slide_orientation(elements),
        pixel_spacing_row_mm=row,
        pixel_spacing_column_mm=column,
        matrix_column=elements.read("ColumnPositionInTotalImagePixelMatrix", to_integer, slide)
        if slide is not None
        else None,
        matrix_row=elements.read("RowPositionInTotalImagePixelMatrix", to_integer, slide)
        if slide is not None
        else None,
    )


def tiled_planes(elements: Elements, frames: int, segments: int) -> list[tuple[int, Plane]]:
    """Index of the segment, from 0, and plane of each frame of a TILED_FULL segmentation.

    Tiles go along the rows of the matrix, then down its columns, then through the focal planes;
    each segment has all of them (PS3.3 C.7.6.17.3). Empty where the matrix is not described.
    """
    whole = [elements.read(f"TotalPixelMatrix{edge}", to_positive) for edge in ("Rows", "Columns")]
    tile = [elements.read(edge, to_positive) for edge in ("Rows", "Columns")]
    if not all((*whole, *tile)):
        return []
    down, across = (ceil((a or 0) / (b or 1)) for a, b in zip(whole, tile, strict=True))
    focal_planes = elements.read("TotalPixelMatrixFocalPlanes", to_positive) or 1
    if frames != down * across * focal_planes * segments:
        elements.remark("dicom.bad_value", "TotalPixelMatrixRows")
        return []
    shared = elements.item("SharedFunctionalGroupsSequence")
    plane = read_plane(elements, [shared] if shared is not None else [])
    measures = _find(elements, [shared] if shared is not None else [], "PixelMeasuresSequence")
    depth = elements.read("SpacingBetweenSlices", to_number, measures) if measures else None
    origin_item = elements.item("TotalPixelMatrixOriginSequence")
    origin = _offsets(elements, origin_item) if origin_item is not None else None
    found = []
    for index in range(frames):
        segment, rest = divmod(index, focal_planes * down * across)
        level, rest = divmod(rest, down * across)
        tile_row, tile_column = divmod(rest, across)
        column, row = tile_column * (tile[1] or 1), tile_row * (tile[0] or 1)
        position = _shift(origin, plane, column, row)
        if position and level:
            position[2] += level * (depth or 0)
        at = replace(
            plane, image_position_mm=position, matrix_column=column + 1, matrix_row=row + 1
        )
        found.append((segment, at))
    return found


def _slide_orientation(elements: Elements) -> list[float] | None:
    """Image Orientation (Slide) (0048,0102)."""
    return elements.read("ImageOrientationSlide", lambda value: to_numbers(value, 6))


def _offsets(elements: Elements, item: Dataset) -> list[float] | None:
    """x, y, z on the slide (0040,072A), (0040,073A), (0040,074A); z is 0 where it is not said."""
    x, y, z = (
        elements.read(f"{axis}OffsetInSlideCoordinateSystem", to_number, item) for axis in "XYZ"
    )
    return None if x is None or y is None else [x, y, z or 0.0]


def _shift(origin: list[float] | None, plane: Plane, column: int, row: int) -> list[float] | None:
    """Where a pixel of the matrix is, its column and row counted from 0."""
    if (
        origin is None
        or plane.image_orientation is None
        or plane.pixel_spacing_row_mm is None
        or plane.pixel_spacing_column_mm is None
    ):
        return None
    along_row, along_column = np.reshape(plane.image_orientation, (2, 3))
    position = (
        np.array(origin)
        + along_row * column * plane.pixel_spacing_column_mm
        + along_column * row * plane.pixel_spacing_row_mm
    )
    return position.tolist()


def _find(elements: Elements, places: list[Dataset], sequence: str) -> Dataset | None:
    return next((i for p in places if (i := elements.item(sequence, p)) is not None), None)
