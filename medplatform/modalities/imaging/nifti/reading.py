"""NIfTI files to headers and cells, inside the reading process.

A frame is a slice of the third axis, transposed: rows run along the second axis of the file,
columns along the first. Further axes, such as time, come after the slices: frame
`t * slices + z + 1` is slice z of volume t.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.decode import frame_cell
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.nifti.geometry import Geometry, read_geometry
from medplatform.modalities.imaging.nifti.volume import READ_ERRORS, Volume, open_volume
from medplatform.modalities.imaging.records import Header, Limits, MaskCell, Problem, Reading

MAX_LABELS = 1024
_LARGEST_LABEL = 2**31 - 1


def read_volume(path: Path, limits: Limits) -> Reading:
    """Read a volume: one frame per slice, with the stored values.

    Raises
    ------
    Unusable
        See `open_volume`.
    """
    volume = open_volume(path, limits)
    geometry, problems = _geometry(volume)
    header = Header(columns=_columns(volume, geometry), problems=problems)
    if volume.has_alpha:
        header.problems.append(Problem("nifti.alpha", "datatype"))
    digest = hashlib.sha256()
    cells = []
    for number, frame in enumerate(_frames(volume), 1):
        digest.update(codec.pixel_bytes(frame))
        cells.append(frame_cell(frame, number))
    header.columns["pixel_sha256"] = digest.hexdigest()
    return Reading(header, list(cells))


def read_label_map(path: Path, limits: Limits) -> Reading:
    """Read a label map: one mask per slice and label that the slice shows.

    A slice without any label has one empty mask, of the smallest label: it was looked at, too.

    Raises
    ------
    Unusable
        See `open_volume`; `mask.not_labels` for values that number nothing.
    """
    volume = open_volume(path, limits)
    geometry, problems = _geometry(volume)
    labels = _labels(volume)
    smallest = labels[0][0] if labels else 1
    cells: list[MaskCell] = []
    slices = volume.voxels.shape[2]
    for frame_number, frame in enumerate(_frames(volume), 1):
        plane = geometry.plane((frame_number - 1) % slices)
        shown = [(n, m) for n, value in labels if (m := frame == value).any()]
        for label, mask in shown or [(smallest, np.zeros(frame.shape, bool))]:
            name, pixels = codec.encode_mask(mask)
            cells.append(
                MaskCell(
                    number=len(cells) + 1,
                    frame_number=frame_number,
                    segment_number=label,
                    plane=plane,
                    height=mask.shape[0],
                    width=mask.shape[1],
                    codec=name,
                    pixels=pixels,
                    foreground_pixels=int(np.count_nonzero(mask)),
                )
            )
    return Reading(Header(columns=_columns(volume, geometry), problems=problems), list(cells))


def _frames(volume: Volume) -> Iterator[np.ndarray]:
    """(rows, columns) or (rows, columns, 3) of each slice, volume after volume."""
    for further in range(volume.voxels.shape[3]):
        for index in range(volume.voxels.shape[2]):
            yield np.ascontiguousarray(volume.voxels[:, :, index, further].swapaxes(0, 1))


def _geometry(volume: Volume) -> tuple[Geometry, list[Problem]]:
    try:
        return read_geometry(volume.header, volume.voxels.shape[:3])
    except READ_ERRORS:
        return Geometry(None, (None, None, None)), [Problem("nifti.no_geometry", "qform_code")]


def _columns(volume: Volume, geometry: Geometry) -> dict[str, Any]:
    """Columns of `imaging_instance`."""
    width, height, slices, further = volume.voxels.shape[:4]
    channels = volume.voxels.shape[4] if volume.voxels.ndim == 5 else 1
    dtype = volume.voxels.dtype
    plane = geometry.plane(0)
    return {
        "rows": height,
        "columns": width,
        "frames": slices * further,
        "samples_per_pixel": channels,
        "bits_allocated": 8 * dtype.itemsize,
        "bits_stored": 8 * dtype.itemsize,
        "is_signed": dtype.kind != "u",
        "photometric": "RGB" if channels == 3 else "MONOCHROME2",
        "rescale_slope": volume.slope,
        "rescale_intercept": volume.intercept,
        "image_position_mm": plane.image_position_mm,
        "image_orientation": plane.image_orientation,
        "pixel_spacing_row_mm": plane.pixel_spacing_row_mm,
        "pixel_spacing_column_mm": plane.pixel_spacing_column_mm,
    }


def _labels(volume: Volume) -> list[tuple[int, Any]]:
    """The labels but 0 with their stored values, the smallest first."""
    if volume.voxels.ndim == 5:
        raise Unusable("mask.not_labels")
    stored = np.unique(volume.voxels)
    if len(stored) > MAX_LABELS:
        raise Unusable("mask.not_labels")
    slope, intercept = volume.slope, volume.intercept
    values = stored if slope is None else stored * slope + (intercept or 0.0)
    numbers = np.round(values)
    is_numbering = np.isfinite(values).all() and np.abs(values - numbers).max(initial=0) < 1e-3
    if not is_numbering or numbers.min() < 0 or numbers.max() > _LARGEST_LABEL:
        raise Unusable("mask.not_labels")
    return sorted(
        (int(number), value) for number, value in zip(numbers, stored, strict=True) if number
    )
