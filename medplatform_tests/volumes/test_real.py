"""Public series: what is wrong with them is named, and those that are clean equal other software's.

dcm2niix's own reference files are compared where the series they were made of are there.
"""

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from medplatform.volumes import Assembly
from medplatform_tests.public_data import PUBLIC_DATA
from medplatform_tests.volumes.compare import (
    assert_same_as_highdicom,
    assert_same_places,
    assert_same_volume,
    convert,
    needs_dcm2niix,
)
from medplatform_tests.volumes.hospital import Hospital

DICOM, NIFTI = PUBLIC_DATA / "dicom", PUBLIC_DATA / "dicom" / "nifti"
ENHANCED = DICOM / "peer" / "dcm_qa_enh" / "In"
FOLDERS = {
    "ct_ge": DICOM / "series" / "ct_ge",
    "ct_philips_2010": DICOM / "series" / "ct_philips_2010",
    "mr_uih_t1": DICOM / "series" / "mr_uih_t1",
    "mr_toshiba_dti": DICOM / "series" / "mr_toshiba_dti",
    "mr_ge_epi_0004": DICOM / "series" / "mr_ge_epi_0004",
    "mr_siemens_mosaic_ax": DICOM / "series" / "mr_siemens_mosaic_ax",
    "ct_3slice": DICOM / "peer" / "dcmqi" / "data" / "segmentations" / "ct-3slice",
    "enhanced_philips": ENHANCED / "Philips",
    "enhanced_siemens": ENHANCED / "Siemens" / "XA10",
}
CLEAN = ("mr_uih_t1", "mr_toshiba_dti", "ct_3slice")

pytestmark = [
    pytest.mark.real,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not FOLDERS["ct_ge"].is_dir(), reason=f"no public series in {DICOM}"),
]


class Real:
    """All the series that are there, read and exported."""

    def __init__(self, root: Path) -> None:
        self.hospital = Hospital(root)
        self.files = {name: _files(folder) for name, folder in FOLDERS.items() if folder.is_dir()}
        self.hospital.deliver("real", [path for paths in self.files.values() for path in paths])
        self.assembly: Assembly = self.hospital.assemble()
        self.out = root / "out"
        self.manifest = self.hospital.export(self.out)

    def series(self, name: str) -> dict:
        """The row of a series; skips where its files are not there."""
        series_id = self._series_id(name)
        return next(r for r in self.assembly.series.to_dicts() if r["series_id"] == series_id)

    def written(self, name: str) -> list[Path]:
        """The files of its volumes, in their order."""
        series_id = self._series_id(name)
        rows = [r for r in self.manifest.to_dicts() if r["series_id"] == series_id and r["file"]]
        return [self.out / row["file"] for row in rows]

    def _series_id(self, name: str) -> str:
        if name not in self.files:
            pytest.skip(f"the series {name} is not there")
        header = pydicom.dcmread(self.files[name][0], specific_tags=["SeriesInstanceUID"])
        return self.hospital.series_id(header.SeriesInstanceUID)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Real:
    return Real(tmp_path_factory.mktemp("real"))


@pytest.mark.parametrize("name", CLEAN)
def test_clean_series_have_no_fault(name: str, real: Real) -> None:
    series = real.series(name)
    assert (series["geometry_status"], series["faults"]) == ("volume", [])
    assert series["slices"] == series["instances"] == len(real.files[name])


def test_a_tilted_head_with_two_distances_is_told_to_be_one(real: Real) -> None:
    series = real.series("ct_ge")
    assert series["geometry_status"] == "volume_with_faults"
    assert set(series["faults"]) == {"variable_spacing", "gantry_tilt"}
    assert series["tilt_degrees"] == pytest.approx(18.5, abs=0.01)
    assert not real.written("ct_ge")


def test_a_private_object_among_slices_is_counted(real: Real) -> None:
    series = real.series("ct_philips_2010")
    assert (series["images"], series["non_images"]) == (28, 1)


def test_a_mosaic_is_named(real: Real) -> None:
    assert real.series("mr_siemens_mosaic_ax")["faults"] == ["mosaic"]


@pytest.mark.parametrize("name", CLEAN)
def test_clean_series_equal_highdicom(name: str, real: Real) -> None:
    (path,) = real.written(name)
    assert_same_as_highdicom(path, [pydicom.dcmread(file) for file in real.files[name]])


@needs_dcm2niix
@pytest.mark.parametrize("name", CLEAN)
def test_clean_series_equal_dcm2niix(name: str, real: Real, tmp_path: Path) -> None:
    (path,) = real.written(name)
    (expected,) = convert(FOLDERS[name], tmp_path)
    assert_same_volume(path, expected)


@needs_dcm2niix
def test_enhanced_images_in_time_equal_dcm2niix(real: Real, tmp_path: Path) -> None:
    written = real.written("enhanced_siemens")
    (expected,) = convert(FOLDERS["enhanced_siemens"], tmp_path)
    assert len(written) == 4
    for number, path in enumerate(written):
        assert_same_volume(path, expected, number)


def test_an_enhanced_image_equals_the_reference_of_dcm2niix(real: Real) -> None:
    """But for a factor: dcm2niix gives the floating values of Philips, not the rescaled ones."""
    images = [nib.nifti1.load(path) for path in real.written("enhanced_philips")]
    field_map, magnitude = sorted(images, key=lambda image: np.asarray(image.dataobj).min())
    reference = nib.nifti1.load(NIFTI / "Philips_WIP_B0_NS_801_e1.nii")
    assert np.asarray(field_map.dataobj).min() < 0
    mine, theirs = assert_same_places(magnitude, reference)
    np.testing.assert_allclose(mine / mine.max(), theirs / theirs.max(), rtol=1e-5, atol=1e-6)


def test_a_series_in_time_equals_the_reference_of_dcm2niix(real: Real) -> None:
    written = real.written("mr_ge_epi_0004")
    for number, path in enumerate(written):
        assert_same_volume(path, NIFTI / "DCM2NIIX_regression_test_4.nii", number)
