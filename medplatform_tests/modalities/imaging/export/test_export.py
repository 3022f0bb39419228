"""Images of the lake as DICOM files, read again from landing: nothing is lost silently."""

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import polars as pl
import pydicom
import pytest
from click.testing import CliRunner
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, UltrasoundImageStorage

from medplatform.cli import cli
from medplatform.ingest import ingest_pending
from medplatform.installation import Installation
from medplatform.modalities.delivery import deliver
from medplatform.modalities.imaging.deidentify import PLATFORM_POLICY, Policy
from medplatform.modalities.imaging.export import (
    MANIFEST,
    Selection,
    export_dicom,
    select_instances,
)
from medplatform.modalities.imaging.isolation import ReadingProcess
from medplatform.modalities.imaging.tables import IMAGING_INSTANCE
from medplatform.privacy import WrongKey
from medplatform.settings import Settings, get_settings
from medplatform_tests.modalities.imaging.conftest import make_image, save
from medplatform_tests.modalities.imaging.deidentify.planted import NUMBER, SECRETS, plant_all

PIXELS = np.arange(4096, dtype=np.uint16).reshape(64, 64)


class Hospital:
    """An installation, and what is delivered to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "key"
        self.key.write_text("11" * 32)
        self.key.chmod(0o600)
        self.settings = Settings(data=folder / "data", key_file=self.key)
        self.installation = Installation(self.settings)

    def deliver(self, name: str, source: Path) -> None:
        deliver(source, self.settings.landing, "imaging", name)
        ingest_pending(
            self.installation.modality("imaging"),
            landing=self.settings.landing,
            lake=self.installation.lake,
            identity=self.installation.identity,
            quiet_period_s=0,
        )

    def rows(self) -> pl.DataFrame:
        return self.installation.lake.scan(IMAGING_INSTANCE).collect()

    def instance_id(self, image: Dataset) -> str:
        return self.installation.identity.uid(image.SOPInstanceUID)

    def export(
        self, out: str, policy: Policy = PLATFORM_POLICY, **options: Any
    ) -> dict[str, dict[str, Any]]:
        """The rows of the manifest by instance."""
        table = export_dicom(
            self.installation.lake,
            self.settings.landing,
            self.installation.identity,
            policy,
            self.folder / out,
            Selection(**options),
        )
        return {row["instance_id"]: row for row in table.to_dicts()}


class Delivered:
    """What was delivered, and what was written of it."""

    def __init__(self, folder: Path) -> None:
        self.plain = make_image(PIXELS, StudyDate="20200105", PatientName="Doe^Jane")
        self.packed = make_image(PIXELS, StudyDate="20200301", BodyPartExamined="HEAD")
        self.packed.StudyInstanceUID = self.plain.StudyInstanceUID
        self.packed.ReferencedImageSequence = [Dataset()]
        (reference,) = self.packed.ReferencedImageSequence
        reference.ReferencedSOPInstanceUID = self.plain.SOPInstanceUID
        _compress(self.packed)
        self.scan = make_image(np.full((60, 80, 3), 200, np.uint8), Modality="US")
        self.scan.SOPClassUID, self.scan.Manufacturer = UltrasoundImageStorage, "GE"
        self.scan.ManufacturerModelName = "LOGIQ9"
        _compress(self.scan)
        self.planted = make_image(PatientID=NUMBER)
        plant_all(self.planted)
        del self.planted.IssuerOfPatientID  # which would be unknown
        source = folder / "in"
        images = (self.plain, self.packed, self.scan, self.planted)
        for number, image in enumerate(images):
            meta = getattr(image, "file_meta", None)
            syntax = getattr(meta, "TransferSyntaxUID", ExplicitVRLittleEndian)
            save(image, source / f"{number}.dcm", syntax)
        self.hospital = Hospital(folder)
        self.hospital.deliver("all", source)
        self.manifest = self.hospital.export("out")

    def row(self, image: Dataset) -> dict[str, Any]:
        return self.manifest[self.hospital.instance_id(image)]

    def read(self, image: Dataset) -> Dataset:
        return pydicom.dcmread(self.hospital.folder / "out" / self.row(image)["file"])


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    return Delivered(tmp_path_factory.mktemp("hospital"))


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path)


@pytest.fixture
def environment(delivered: Delivered, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands run in the installation."""
    monkeypatch.setenv("MEDPLATFORM_DATA", str(delivered.hospital.settings.data))
    monkeypatch.setenv("MEDPLATFORM_KEY_FILE", str(delivered.hospital.key))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_files_are_named_by_the_ids_of_the_lake(delivered: Delivered) -> None:
    row, written = delivered.row(delivered.plain), delivered.read(delivered.plain)
    of_lake = delivered.hospital.rows().row(
        by_predicate=pl.col("instance_id") == row["instance_id"], named=True
    )
    ids = [of_lake[f"{name}_id"] for name in ("patient", "study", "series", "instance")]
    assert row["file"] == "/".join(ids) + ".dcm"
    assert row["left_out"] is None
    assert written.PatientID == of_lake["patient_id"]
    assert written.SOPInstanceUID == written.file_meta.MediaStorageSOPInstanceUID == ids[3]
    assert (written.PatientName, written.PatientIdentityRemoved) == ("", "YES")


def test_the_manifest_lists_all(delivered: Delivered) -> None:
    table = pl.read_csv(delivered.hospital.folder / "out" / MANIFEST)
    assert sorted(table["instance_id"]) == sorted(delivered.manifest)
    assert table["file"].null_count() == 0


def test_pixels_that_need_no_cleaning_keep_their_values_and_transfer_syntax(
    delivered: Delivered,
) -> None:
    for image in (delivered.plain, delivered.packed):
        written = delivered.read(image)
        assert delivered.row(image)["pixels"] == "as delivered"
        assert written.file_meta.TransferSyntaxUID == image.file_meta.TransferSyntaxUID
        assert np.array_equal(written.pixel_array, PIXELS)
    assert delivered.read(delivered.plain).PixelData == delivered.plain.PixelData


def test_cleaned_pixels_are_written_uncompressed(delivered: Delivered) -> None:
    written = delivered.read(delivered.scan)
    assert delivered.row(delivered.scan)["pixels"] == "cleaned"
    assert written.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert written.BurnedInAnnotation == "NO"
    assert written.pixel_array[:30].max() == 0
    assert written.pixel_array[30:].min() == 200


def test_uids_agree_between_files(delivered: Delivered) -> None:
    first, second = delivered.read(delivered.plain), delivered.read(delivered.packed)
    assert first.StudyInstanceUID == second.StudyInstanceUID
    (reference,) = second.ReferencedImageSequence
    assert reference.ReferencedSOPInstanceUID == first.SOPInstanceUID


def test_intervals_between_dates_of_a_patient_are_kept(delivered: Delivered) -> None:
    days = [_day(delivered.read(image).StudyDate) for image in (delivered.plain, delivered.packed)]
    assert days[1] - days[0] == date(2020, 3, 1) - date(2020, 1, 5)
    assert days[0] != date(2020, 1, 5)


def test_nothing_that_was_planted_is_published(delivered: Delivered) -> None:
    file = delivered.hospital.folder / "out" / delivered.row(delivered.planted)["file"]
    content = file.read_bytes()
    assert [secret for secret in SECRETS if secret.encode() in content] == []
    rows = repr(delivered.hospital.rows().to_dicts())
    assert [secret for secret in SECRETS if secret in rows] == []


def test_a_policy_of_files_may_keep_what_the_lake_does_not(delivered: Delivered) -> None:
    image = delivered.plain
    series = delivered.row(image)["series_id"]
    policy = Policy(dates="keep", retain_uids=True)
    (row,) = delivered.hospital.export("kept", policy, series=[series]).values()
    written = pydicom.dcmread(delivered.hospital.folder / "kept" / row["file"])
    assert (written.StudyDate, written.SOPInstanceUID) == ("20200105", image.SOPInstanceUID)
    assert image.SOPInstanceUID not in row["file"]


def test_a_policy_that_has_become_stricter_holds(delivered: Delivered) -> None:
    series = delivered.row(delivered.packed)["series_id"]
    policy = Policy(recognizable_features="refuse")
    (row,) = delivered.hospital.export("strict", policy, series=[series]).values()
    assert (row["file"], row["left_out"]) == (None, "pixels.may_show_face")


def test_a_selection_names_series_patients_or_a_delivery(delivered: Delivered) -> None:
    lake, row = delivered.hospital.installation.lake, delivered.row(delivered.planted)

    def count(deleted: tuple[str, ...] = (), **options: Any) -> int:
        return len(select_instances(lake, Selection(**options), deleted))

    assert count() == 4
    assert count(series=[row["series_id"]]) == 1
    assert count(patients=[row["patient_id"]]) == 1
    assert count(patients=[row["patient_id"]], delivery="all") == 1
    assert count(delivery="another") == 0
    assert count(deleted=(row["patient_id"],)) == 3


def test_what_is_left_out_is_named_with_its_reason(hospital: Hospital) -> None:
    source = hospital.folder / "in"
    images = [make_image() for _ in range(4)]
    for number, image in enumerate(images):
        save(image, source / f"{number}.dcm")
    with ZipFile(source / "study.zip", "w") as archive:
        for number in (2, 3):
            archive.write(source / f"{number}.dcm", f"{number}.dcm")
            (source / f"{number}.dcm").unlink()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(source / "a.png")
    (source / "delivery.json").write_text('{"subjects": "per_record"}')
    hospital.deliver("d", source)
    landing = hospital.settings.landing / "imaging" / "d"
    (landing / "0.dcm").unlink()
    save(make_image(), landing / "1.dcm")
    found = hospital.export("out")
    reasons = [found.pop(hospital.instance_id(image))["left_out"] for image in images]
    assert reasons == ["original.not_found", "original.changed", None, None]
    assert [row["left_out"] for row in found.values()] == ["original.not_dicom"]


def test_nothing_is_unpacked_outside_of_landing(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, elsewhere = hospital.folder / "in", hospital.folder / "tmp"
    source.mkdir()
    elsewhere.mkdir(mode=0o500)
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    original = save(make_image(), hospital.folder / "0.dcm")
    with ZipFile(source / "study.zip", "w") as archive:
        archive.write(original, "0.dcm")
    hospital.deliver("d", source)
    read, places = ReadingProcess.read, []

    def note(process: ReadingProcess, task: str, path: Path) -> Any:
        places.append(path)
        return read(process, task, path)

    monkeypatch.setattr(ReadingProcess, "read", note)
    (row,) = hospital.export("out").values()
    assert row["left_out"] is None
    (place,) = places
    private = hospital.settings.landing / ".export"
    assert private in place.parents
    assert private.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in private.iterdir()] == ["lock"]
    assert list(elsewhere.iterdir()) == []


def test_another_key_is_refused(delivered: Delivered) -> None:
    other = delivered.hospital.folder / "other"
    other.write_text("22" * 32)
    other.chmod(0o600)
    settings = delivered.hospital.settings.model_copy(update={"key_file": other})
    with pytest.raises(WrongKey):
        _ = Installation(settings).identity


@pytest.mark.usefixtures("environment")
def test_the_command_counts_what_it_wrote(delivered: Delivered) -> None:
    series = delivered.row(delivered.plain)["series_id"]
    out = str(delivered.hospital.folder / "command")
    found = CliRunner().invoke(cli, ["export", "dicom", out, "--series", series])
    assert found.exit_code == 0, found.output
    assert "1 images in" in found.output


@pytest.mark.usefixtures("environment")
def test_the_command_says_that_there_is_nothing(delivered: Delivered) -> None:
    out = str(delivered.hospital.folder / "command")
    found = CliRunner().invoke(cli, ["export", "dicom", out, "--patient", "nobody"])
    assert found.exit_code == 1
    assert "There is no image" in found.output


def _compress(image: Dataset) -> None:
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.compress(JPEG2000Lossless, generate_instance_uid=False)


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))
