"""What an export writes, what it leaves out, and what it says of that."""

import gzip
from pathlib import Path
from typing import Any, BinaryIO

import nibabel as nib
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from pydicom import Dataset

from medplatform.cli import cli
from medplatform_tests.volumes.hospital import Hospital, make_series

VOLUME = np.arange(8 * 6 * 5, dtype=np.int16).reshape(8, 6, 5)
UNPLACED = {"ImagePositionPatient": None, "ImageOrientationPatient": None}


def remove(datasets: list[Dataset], *keywords: str) -> list[Dataset]:
    for dataset in datasets:
        for keyword in keywords:
            delattr(dataset, keyword)
    return datasets


def make_colour() -> list[Dataset]:
    pixels = np.zeros((2, 6, 5, 3), np.uint8)
    return make_series(pixels, BurnedInAnnotation="NO")


def make_table() -> Dataset:
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [2, 0, 16], "HU"
    table.add_new("LUTData", "OW", b"\0\0\x64\0")
    return table


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    return Hospital(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="module")
def series(hospital: Hospital) -> dict[str, str]:
    """The ids of some series, delivered in two deliveries."""
    with_a_gap = make_series(VOLUME)
    del with_a_gap[3]
    made = {
        "clean": make_series(VOLUME),
        "another patient's": make_series(VOLUME, PatientID="MRN-2"),
        "with a gap": with_a_gap,
        "nowhere": remove(make_series(VOLUME[:2]), "ImagePositionPatient"),
        "localizer": make_series(VOLUME[:1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        "colour": make_colour(),
        "by a table": make_series(VOLUME[:2], ModalityLUTSequence=[make_table()]),
        "one slice": make_series(VOLUME[:1]),
        "one slice, unknown depth": remove(make_series(VOLUME[:1]), "SliceThickness"),
    }
    images = [image for datasets in made.values() for image in datasets]
    hospital.deliver("first", images[::2])
    hospital.deliver("second", images[1::2])
    return {name: hospital.series_id(d[0].SeriesInstanceUID) for name, d in made.items()}


@pytest.fixture(scope="module")
def out(
    hospital: Hospital, series: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("export")
    hospital.export(out)
    return out


@pytest.fixture(scope="module")
def manifest(out: Path, series: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The lines of the manifest by the names of the series."""
    names = {series_id: name for name, series_id in series.items()}
    rows = pl.read_csv(out / "manifest.csv").to_dicts()
    return {names[row["series_id"]]: row for row in rows}


def test_every_series_is_in_the_manifest(
    manifest: dict[str, dict[str, Any]], series: dict[str, str]
) -> None:
    assert manifest.keys() == series.keys()
    assert all((row["file"] is None) != (row["left_out"] is None) for row in manifest.values())


def test_what_is_left_out_has_its_reason(manifest: dict[str, dict[str, Any]]) -> None:
    reasons = {name: row["left_out"] for name, row in manifest.items() if row["left_out"]}
    assert reasons == {
        "with a gap": "faulty geometry: missing",
        "nowhere": "no place in space",
        "localizer": "only localizers",
        "colour": "colour pixels",
        "by a table": "values by a Modality LUT",
        "one slice, unknown depth": "depth of the slice unknown",
    }


def test_files_are_those_of_the_manifest_and_no_other(
    out: Path, manifest: dict[str, dict[str, Any]]
) -> None:
    written = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert written == {row["file"] for row in manifest.values() if row["file"]} | {"manifest.csv"}


def test_a_series_of_two_deliveries_is_one_volume(
    out: Path, manifest: dict[str, dict[str, Any]]
) -> None:
    image = nib.nifti1.load(out / manifest["clean"]["file"])
    assert np.array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), VOLUME)


def test_nothing_written_names_the_patient(out: Path) -> None:
    for path in out.rglob("*.nii.gz"):
        assert b"MRN" not in gzip.decompress(path.read_bytes())
        assert "MRN" not in str(path.relative_to(out))
    assert "MRN" not in (out / "manifest.csv").read_text()


def test_missing_slices_are_blank_where_faults_are_wanted(
    hospital: Hospital, series: dict[str, str], tmp_path: Path
) -> None:
    manifest = hospital.export(tmp_path, series=[series["with a gap"]], with_faults=True)
    (row,) = manifest.to_dicts()
    image = nib.nifti1.load(tmp_path / row["file"])
    values = np.asarray(image.dataobj).transpose(2, 1, 0)
    assert np.isnan(values[3]).all()
    assert np.array_equal(np.delete(values, 3, axis=0), np.delete(VOLUME, 3, axis=0))
    assert row["faults"] == "missing"


def test_an_export_twice_gives_the_same_bytes(
    hospital: Hospital, series: dict[str, str], out: Path, tmp_path: Path
) -> None:
    (file,) = hospital.export(tmp_path, series=[series["clean"]])["file"]
    assert (tmp_path / file).read_bytes() == (out / file).read_bytes()


def test_the_command_writes_the_patients_that_are_named(
    hospital: Hospital,
    series: dict[str, str],
    manifest: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "medplatform.cli.export_nifti.installation_of_settings", lambda: hospital.installation
    )
    patient = manifest["another patient's"]["patient_id"]
    result = CliRunner().invoke(cli, ["export", "nifti", str(tmp_path), "--patient", patient])
    assert result.exit_code == 0, result.output
    assert "1 volumes in" in result.output
    (row,) = pl.read_csv(tmp_path / "manifest.csv").to_dicts()
    assert row["series_id"] == series["another patient's"]
    nobody = CliRunner().invoke(cli, ["export", "nifti", str(tmp_path), "--patient", "nobody"])
    assert nobody.exit_code == 1
    assert "no series" in nobody.output


def test_an_error_leaves_no_draft(
    hospital: Hospital, series: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_image: nib.Nifti1Image, stream: BinaryIO) -> None:
        stream.write(b"half")
        raise OSError("full")

    monkeypatch.setattr(nib.Nifti1Image, "to_stream", fail)
    with pytest.raises(OSError, match="full"):
        hospital.export(tmp_path, series=[series["clean"]])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
