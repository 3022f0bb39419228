"""Volumes of other software, to compare with: highdicom's, and the NIfTI files of dcm2niix."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydicom import Dataset

DCM2NIIX = shutil.which("dcm2niix")
AFFINE_MM = 1e-4

needs_dcm2niix = pytest.mark.skipif(DCM2NIIX is None, reason="the program dcm2niix is not there")


def convert(folder: Path, out: Path) -> list[Path]:
    """The NIfTI files that dcm2niix makes of a folder."""
    out.mkdir(parents=True, exist_ok=True)
    assert DCM2NIIX
    command = [DCM2NIIX, "-b", "n", "-z", "n", "-f", "%s_%e", "-o", str(out), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return sorted(out.glob("*.nii"))


def assert_same_volume(path: Path, expected: Path, volume: int | None = None) -> None:
    """Same voxels at the same places of the patient, however the axes are stored.

    `volume` is the index of the last axis of the expected file, counted from 0.
    """
    mine, theirs = nib.nifti1.load(path), nib.nifti1.load(expected)
    if volume is not None:
        theirs = theirs.slicer[..., volume]
    assert_same_values(*assert_same_places(mine, theirs))


def assert_same_places(
    mine: nib.nifti1.Nifti1Image, theirs: nib.nifti1.Nifti1Image
) -> tuple[np.ndarray, np.ndarray]:
    """The affines are the same when the axes are brought into the order RAS; both voxels."""
    mine, theirs = nib.as_closest_canonical(mine), nib.as_closest_canonical(theirs)
    assert mine.shape == theirs.shape
    np.testing.assert_allclose(mine.affine, theirs.affine, rtol=0, atol=AFFINE_MM)
    return np.asarray(mine.dataobj), np.asarray(theirs.dataobj)


def assert_same_values(mine: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-6)


def assert_same_as_highdicom(path: Path, datasets: Sequence[Dataset]) -> None:
    """The volume that highdicom makes of a series: (slice, row, column) in LPS."""
    from highdicom import get_volume_from_series

    volume = get_volume_from_series(datasets)
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine[:, [2, 1, 0, 3]]
    theirs = nib.nifti1.Nifti1Image(np.asarray(volume.array, np.float64).transpose(2, 1, 0), to_ras)
    assert_same_values(*assert_same_places(nib.nifti1.load(path), theirs))
