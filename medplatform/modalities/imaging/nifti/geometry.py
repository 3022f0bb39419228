"""From the affine of a NIfTI file to the position and orientation of slices as DICOM has them.

NIfTI counts x to the right, y to the front and z up (RAS+); DICOM counts x to the left, y to the
back and z up (LPS+). The first axis of NIfTI is the column of a frame, the second its row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from medplatform.modalities.imaging.nifti.volume import READ_ERRORS, NiftiHeader
from medplatform.modalities.imaging.records import Plane, Problem

_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_UNIT_BITS = 7
_MM = {1: 1000.0, 2: 1.0, 3: 0.001}
"""xyzt_units: metres, millimetres, micrometres; files without a unit are in millimetres."""
_TOLERANCE = 0.1
"""Of the smallest edge of a voxel: how far two affines of one space may lie apart."""
_RIGHT_ANGLE = 1e-3
"""Largest scalar product of two directions that stand at right angles."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The affine from column, row and slice to mm in LPS+, None where it is not known."""

    affine: np.ndarray | None
    spacing: tuple[float | None, float | None, float | None]

    def plane(self, slice_index: int) -> Plane:
        """The plane of a slice, counted from 0."""
        column, row, _ = self.spacing
        if self.affine is None:
            return Plane(pixel_spacing_row_mm=row, pixel_spacing_column_mm=column)
        directions = self.affine[:3, :2] / np.linalg.norm(self.affine[:3, :2], axis=0)
        position = self.affine[:3, 2] * slice_index + self.affine[:3, 3]
        return Plane(
            image_position_mm=position.tolist(),
            image_orientation=directions.T.ravel().tolist(),
            pixel_spacing_row_mm=row,
            pixel_spacing_column_mm=column,
        )


def read_geometry(
    header: NiftiHeader, shape: tuple[int, int, int]
) -> tuple[Geometry, list[Problem]]:
    """Where the voxels lie: the sform goes before the qform, as in every other reader.

    Parameters
    ----------
    shape
        Columns, rows and slices.
    """
    scale = _MM.get(int(header["xyzt_units"]) & _UNIT_BITS, 1.0)
    sform, qform = _form(header.get_sform), _form(header.get_qform)
    problems = []
    if sform is not None and qform is not None and _differ(sform, qform, shape):
        problems.append(Problem("nifti.two_geometries", "sform_code"))
    found = sform if sform is not None else qform
    if found is None:
        problems.append(Problem("nifti.no_geometry", "sform_code"))
        sizes = [float(size) * scale for size in header["pixdim"][1:4]]
        column, row, depth = (s if np.isfinite(s) and s > 0 else None for s in sizes)
        return Geometry(None, (column, row, depth)), problems
    affine = _TO_LPS @ found
    affine[:3] *= scale
    column, row, depth = np.linalg.norm(affine[:3, :3], axis=0).tolist()
    if _is_sheared(affine):
        problems.append(Problem("nifti.sheared", "sform_code"))
    return Geometry(affine, (column, row, depth)), problems


def _form(read: Callable[..., Any]) -> np.ndarray | None:
    """The sform or qform in RAS+, None where its code is 0 or it maps to no volume."""
    try:
        form, code = read(coded=True)
    except READ_ERRORS:
        return None
    affine = np.zeros((4, 4)) if form is None or not code else np.array(form, np.float64)
    is_volume = np.isfinite(affine).all() and np.linalg.det(affine[:3, :3]) != 0
    return affine if is_volume else None


def _differ(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether a corner of the volume lies elsewhere by more than a part of a voxel."""
    corners = np.array(np.meshgrid(*[(0, edge - 1) for edge in shape])).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    distance = np.linalg.norm(((one - other) @ corners)[:3], axis=0).max()
    return bool(distance > _TOLERANCE * np.linalg.norm(one[:3, :3], axis=0).min())


def _is_sheared(affine: np.ndarray) -> bool:
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    products = directions.T @ directions - np.eye(3)
    return bool(np.abs(products).max() > _RIGHT_ANGLE)
