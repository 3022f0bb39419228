"""Volumes equal those of highdicom and dcm2niix, where these make one."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from pydicom import Dataset

from medplatform_tests.modalities.imaging.conftest import save
from medplatform_tests.volumes.compare import (
    assert_same_as_highdicom,
    assert_same_volume,
    convert,
    needs_dcm2niix,
)
from medplatform_tests.volumes.hospital import Hospital, make_series

TURN = np.radians(17)
SERIES: dict[str, dict[str, Any]] = {
    "axial": {},
    "sagittal": {"orientation": (0, 1, 0, 0, 0, -1), "step": (-2.5, 0, 0)},
    "coronal": {"orientation": (1, 0, 0, 0, 0, -1), "step": (0, 3.2, 0)},
    "oblique": {
        "orientation": (np.cos(TURN), np.sin(TURN), 0, 0, 0, -1),
        "step": tuple(2.2 * np.array([-np.sin(TURN), np.cos(TURN), 0])),
    },
    "hounsfield": {"RescaleSlope": "1", "RescaleIntercept": "-1024", "Modality": "CT"},
    "scaled": {"RescaleSlope": "1.27985", "RescaleIntercept": "0.1"},
}


def make_noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3000, (24, 18, 14)).astype(np.int16)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    return Hospital(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="module")
def delivered(hospital: Hospital) -> dict[str, list[Dataset]]:
    series = {
        name: make_series(make_noise(number), **elements)
        for number, (name, elements) in enumerate(SERIES.items())
    }
    per_slice = make_series(make_noise(9))
    for number, dataset in enumerate(per_slice):
        dataset.RescaleSlope, dataset.RescaleIntercept = f"{1 + number / 8:g}", "0"
    series["a slope per slice"] = per_slice
    hospital.deliver("series", [image for images in series.values() for image in images])
    return series


@pytest.fixture(scope="module")
def written(
    hospital: Hospital,
    delivered: dict[str, list[Dataset]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("out")
    manifest = hospital.export(out)
    files = dict(zip(manifest["series_id"], manifest["file"], strict=True))
    return {
        name: out / files[hospital.series_id(images[0].SeriesInstanceUID)]
        for name, images in delivered.items()
    }


NAMES = [*SERIES, "a slope per slice"]


@pytest.mark.parametrize("name", NAMES)
def test_highdicom(
    name: str, delivered: dict[str, list[Dataset]], written: dict[str, Path]
) -> None:
    assert_same_as_highdicom(written[name], delivered[name])


@needs_dcm2niix
@pytest.mark.parametrize("name", NAMES)
def test_dcm2niix(
    name: str, delivered: dict[str, list[Dataset]], written: dict[str, Path], tmp_path: Path
) -> None:
    for number, dataset in enumerate(delivered[name]):
        save(dataset, tmp_path / "in" / f"{number}.dcm")
    (expected,) = convert(tmp_path / "in", tmp_path / "out")
    assert_same_volume(written[name], expected)


def test_values_that_share_an_exact_rescale_stay_as_they_were_stored(
    written: dict[str, Path],
) -> None:
    image = nib.nifti1.load(written["hounsfield"])
    assert image.get_data_dtype() == np.int16
    assert (image.dataobj.slope, image.dataobj.inter) == (1, -1024)
    assert np.array_equal(image.dataobj.get_unscaled().transpose(2, 1, 0), make_noise(4))


@pytest.mark.parametrize("name", ["scaled", "a slope per slice"])
def test_all_others_are_float32(name: str, written: dict[str, Path]) -> None:
    assert nib.nifti1.load(written[name]).get_data_dtype() == np.float32


def test_the_header_says_nothing_but_the_geometry(written: dict[str, Path]) -> None:
    for path in written.values():
        header = nib.nifti1.load(path).header
        assert (header["sform_code"], header["qform_code"]) == (1, 1)
        assert header.get_xyzt_units()[0] == "mm"
        for text in ("descrip", "aux_file", "intent_name", "db_name"):
            assert header[text].item() == b""
        assert not header.extensions
