"""Right is right: a phantom without any symmetry comes out where it was.

A mirrored volume looks as good as the true one, so what is in the patient's right hand must be
found by its coordinates.
"""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medplatform_tests.volumes.hospital import Hospital, make_series

COLUMNS, ROWS, SLICES = 24, 20, 6
EIGHT = np.sqrt(0.5)

# Direction of rows and of columns of pixels, and from slice to slice, in LPS.
ACQUISITIONS = {
    "axial": ((1, 0, 0, 0, 1, 0), (0, 0, 3)),
    "axial, feet first": ((1, 0, 0, 0, 1, 0), (0, 0, -3)),
    "axial, prone": ((-1, 0, 0, 0, -1, 0), (0, 0, 3)),
    "sagittal": ((0, 1, 0, 0, 0, -1), (-3, 0, 0)),
    "sagittal, left to right": ((0, 1, 0, 0, 0, -1), (3, 0, 0)),
    "coronal": ((1, 0, 0, 0, 0, -1), (0, 3, 0)),
    "oblique": ((EIGHT, EIGHT, 0, 0, 0, -1), (-3 * EIGHT, 3 * EIGHT, 0)),
}
POSITION = (-11.0, -17.0, 23.0)
SPACING = (1.5, 2.0)  # between rows, between columns

# Where a bright spot of each value is, in voxels (column, row, slice).
SPOTS = {900: (3, 4, 1), 700: (20, 5, 4), 500: (10, 17, 2)}


def lps_of(spot: tuple[int, int, int], name: str) -> np.ndarray:
    """Where a voxel is in the patient, by the standard (PS3.3 C.7.6.2.1.1)."""
    orientation, step = ACQUISITIONS[name]
    column, row, slice_ = spot
    return (
        np.array(POSITION)
        + np.array(orientation[:3]) * column * SPACING[1]
        + np.array(orientation[3:]) * row * SPACING[0]
        + np.array(step) * slice_
    )


def ras_of(lps: np.ndarray) -> np.ndarray:
    """The same place where x grows to the right and y to the front."""
    return lps * (-1, -1, 1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("laterality")
    hospital = Hospital(root)
    phantom = np.zeros((SLICES, ROWS, COLUMNS), np.int16)
    for value, (column, row, slice_) in SPOTS.items():
        phantom[slice_, row, column] = value
    series = {
        name: make_series(
            phantom, position=POSITION, orientation=orientation, step=step, spacing=SPACING
        )
        for name, (orientation, step) in ACQUISITIONS.items()
    }
    hospital.deliver("phantoms", [image for images in series.values() for image in images])
    manifest = hospital.export(root / "out")
    files = dict(zip(manifest["series_id"], manifest["file"], strict=True))
    return {
        name: root / "out" / files[hospital.series_id(images[0].SeriesInstanceUID)]
        for name, images in series.items()
    }


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_every_spot_is_where_it_was_in_the_patient(name: str, exported: dict[str, Path]) -> None:
    image = nib.nifti1.load(exported[name])
    values = np.asarray(image.dataobj)
    assert values.sum() == sum(SPOTS)
    for value, spot in SPOTS.items():
        (voxel,) = np.argwhere(values == value)
        for affine in (image.affine, image.get_sform(), image.get_qform()):
            place = nib.affines.apply_affine(affine, voxel)
            assert place == pytest.approx(ras_of(lps_of(spot, name)), abs=1e-4)


def test_the_spot_in_the_right_hand_is_on_the_right() -> None:
    """The phantom is what it claims: lower x in LPS is the patient's right, as is higher in RAS."""
    right, left = (lps_of(SPOTS[value], "axial") for value in (900, 700))
    assert right[0] < left[0]
    assert ras_of(right)[0] > ras_of(left)[0]


def test_axes_are_named_as_nibabel_names_them(exported: dict[str, Path]) -> None:
    axes = {
        name: "".join(nib.aff2axcodes(nib.nifti1.load(path).affine))
        for name, path in exported.items()
    }
    assert axes["axial"] == axes["axial, feet first"] == "LPS"
    assert axes["axial, prone"] == "RAS"
    assert axes["sagittal"] == axes["sagittal, left to right"] == "PIR"
    assert axes["coronal"] == "LIP"
    assert axes["oblique"][1] == "I"


def test_no_affine_mirrors(exported: dict[str, Path]) -> None:
    for name, path in exported.items():
        assert np.linalg.det(nib.nifti1.load(path).affine) > 0, name
