"""NIfTI files to headers and cells, inside the reading process.

A frame is a slice of the third axis, transposed: rows run along the second axis of the file,
columns along the first. Further axes, such as time, come after the slices: frame
`t * slices + z + 1` is slice z of volume t. Alpha is left out.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.decode import frame_cell
from medplatform.modalities.imaging.deidentify.burned_in import AS_IT_IS, Treatment
from medplatform.modalities.imaging.deidentify.words import treat
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.nifti.geometry import Geometry, read_geometry
from medplatform.modalities.imaging.nifti.volume import Volume, describe_volume, read_frames
from medplatform.modalities.imaging.records import (
    Extent,
    FrameCell,
    Header,
    Limits,
    MaskCell,
    Plane,
    Reading,
)
from medplatform.modalities.imaging.rescaling import rescale

MAX_LABELS = 1024
"""A label map with more shows values, not labels."""

_LARGEST_LABEL = 2**31 - 1
_ROUNDING = 1e-3


def read_volume(path: Path, limits: Limits, treatment: Treatment = AS_IT_IS) -> Reading:
    """Read a volume: one frame per slice, with the stored values.

    Raises
    ------
    Unusable
        See `describe_volume`; `pixels.may_show_text`; also while the cells are read.
    """
    volume = describe_volume(path, limits)
    geometry, header = _describe(volume)
    frames = (treat(frame, treatment) for frame in read_frames(path, volume))
    return Reading(header, _frame_cells(frames, volume, geometry, header))


def read_label_map(path: Path, limits: Limits) -> Reading:
    """Read a label map: one mask per slice and label that the slice shows.

    A slice without any label has one empty mask, of the smallest label: it was looked at, too.

    Raises
    ------
    Unusable
        See `describe_volume`; `mask.not_labels` for values that number nothing; also while the
        cells are read.
    """
    volume = describe_volume(path, limits)
    if volume.channels > 1:
        raise Unusable("mask.not_labels")
    geometry, header = _describe(volume)
    return Reading(header, _mask_cells(path, volume, geometry))


def _frame_cells(
    frames: Iterable[np.ndarray], volume: Volume, geometry: Geometry, header: Header
) -> Iterator[FrameCell]:
    digest = hashlib.sha256()
    for number, frame in enumerate(frames, 1):
        digest.update(codec.pixel_bytes(frame))
        moment, level = divmod(number - 1, volume.shape[2])
        columns = {
            "temporal_position": moment + 1 if volume.shape[3] > 1 else None,
            "photometric": header.columns["photometric"],
            "rescale_slope": volume.slope,
            "rescale_intercept": volume.intercept,
            **_placed(geometry.plane(level)),
        }
        yield frame_cell(frame, number, columns=columns)
    header.columns["pixel_sha256"] = digest.hexdigest()


def _mask_cells(path: Path, volume: Volume, geometry: Geometry) -> Iterator[MaskCell]:
    labels: dict[int, Any] = {}
    empty: list[int] = []
    number = 0
    for frame_number, frame in enumerate(read_frames(path, volume), 1):
        shown = _labels(volume, frame)
        labels |= shown
        if len(labels) > MAX_LABELS:
            raise Unusable("mask.not_labels")
        if not shown:
            empty.append(frame_number)
        for label, stored in shown.items():
            number += 1
            plane = geometry.plane((frame_number - 1) % volume.shape[2])
            yield _mask_cell(number, frame_number, label, frame == stored, plane)
    nothing = np.zeros((volume.shape[1], volume.shape[0]), bool)
    for frame_number in empty:
        number += 1
        plane = geometry.plane((frame_number - 1) % volume.shape[2])
        yield _mask_cell(number, frame_number, min(labels, default=1), nothing, plane)


def _mask_cell(
    number: int, frame_number: int, label: int, mask: np.ndarray, plane: Plane
) -> MaskCell:
    name, pixels = codec.encode_mask(mask)
    return MaskCell(
        number=number,
        frame_number=frame_number,
        segment_number=label,
        plane=plane,
        height=mask.shape[0],
        width=mask.shape[1],
        codec=name,
        pixels=pixels,
        foreground_pixels=int(np.count_nonzero(mask)),
    )


def _labels(volume: Volume, frame: np.ndarray) -> dict[int, Any]:
    """The labels but 0 that a slice shows, with their stored values."""
    stored = np.unique(frame)
    if len(stored) > MAX_LABELS:
        raise Unusable("mask.not_labels")
    values = rescale(stored.astype(np.float64), volume.slope, volume.intercept)
    numbers = np.round(values)
    if (
        not np.isfinite(values).all()
        or np.abs(values - numbers).max() > _ROUNDING
        or numbers.min() < 0
        or numbers.max() > _LARGEST_LABEL
    ):
        raise Unusable("mask.not_labels")
    return {int(n): value for n, value in zip(numbers, stored, strict=True) if n}


def _describe(volume: Volume) -> tuple[Geometry, Header]:
    width, height, slices, further = volume.shape
    geometry, problems = read_geometry(volume.header, (width, height, slices))
    first, last = geometry.plane(0), geometry.plane(slices - 1)
    kind = np.dtype(np.uint8) if volume.channels > 1 else volume.dtype
    columns = {
        "rows": height,
        "columns": width,
        "frames": volume.frames,
        "samples_per_pixel": volume.channels,
        "bits_allocated": 8 * kind.itemsize,
        "bits_stored": 8 * kind.itemsize,
        "is_signed": kind.kind != "u",
        "photometric": "RGB" if volume.channels > 1 else "MONOCHROME2",
        "rescale_slope": volume.slope,
        "rescale_intercept": volume.intercept,
        **_placed(first),
    }
    extent = Extent(volumes=further, first=first, last=last)
    return geometry, Header(columns=columns, problems=problems, extent=extent)


def _placed(plane: Plane) -> dict[str, Any]:
    return {
        "image_position_mm": plane.image_position_mm,
        "image_orientation": plane.image_orientation,
        "pixel_spacing_row_mm": plane.pixel_spacing_row_mm,
        "pixel_spacing_column_mm": plane.pixel_spacing_column_mm,
    }
