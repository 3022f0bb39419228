"""A DICOMDIR is kept and compared with what was delivered; it is no image and leaks nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, Sequence
from pydicom.fileset import FileSet
from pydicom.uid import ImplicitVRLittleEndian, MediaStorageDirectoryStorage

from medplatform_tests.modalities.imaging.conftest import Ingested, make_image, save
from medplatform_tests.modalities.imaging.sources.conftest import zip_of

Ingest = Callable[[], Ingested]


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """A medium with three images of Jane Doe, as PS3.10 has it."""
    fileset = FileSet()
    for number in range(3):
        image = make_image(PatientName="Doe^Jane", StudyID="1", SeriesNumber=1)
        image.StudyDate, image.StudyTime = "20200131", "1200"
        image.InstanceNumber = number + 1
        image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.3", "1.2.3.4"
        fileset.add(save(image, tmp_path / f"{number}.dcm"))
    fileset.write(tmp_path / "medium")
    fileset._stage["t"].cleanup()  # or its end is a warning
    return tmp_path / "medium"


def _images(medium: Path) -> list[Path]:
    return sorted(path for path in medium.rglob("*") if path.is_file() and path.name != "DICOMDIR")


def _copy(medium: Path, target: Path, rename: Callable[[str], str] = str) -> None:
    for path in [medium / "DICOMDIR", *_images(medium)]:
        copy = target / rename(path.relative_to(medium).as_posix())
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())


def test_a_whole_medium_gives_its_images_and_no_remark(
    medium: Path, folder: Path, ingest: Ingest
) -> None:
    _copy(medium, folder / "cd")
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 3, "accepted": 3}
    assert ingested.totals("file") == {"delivered": 1, "kept": 1}
    assert ingested.stage.kept_kinds == {"dicomdir": 1}
    assert not ingested.stage.refusals


@pytest.mark.parametrize(
    "rename",
    [
        str.lower,
        lambda name: name if name == "DICOMDIR" else f"{name}.dcm",
        lambda name: name if name == "DICOMDIR" else f"{name}.;1",
        lambda name: "DICOMDIR.dcm" if name == "DICOMDIR" else name,
        lambda name: name.replace("/", "_"),
    ],
    ids=["lower case", "suffix", "ISO 9660", "suffix of the DICOMDIR", "flat"],
)
def test_names_changed_by_a_copy_are_found(
    rename: Callable[[str], str], medium: Path, folder: Path, ingest: Ingest
) -> None:
    _copy(medium, folder, rename)
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 3, "accepted": 3}
    assert not ingested.stage.refusals


def test_each_missing_file_is_a_remark_on_its_directory_record(
    medium: Path, folder: Path, ingest: Ingest
) -> None:
    for path in _images(medium)[:2]:
        path.unlink()
    _copy(medium, folder)
    ingested = ingest()
    assert ingested.refusals("warning") == {"dicomdir.missing_file": 2}
    rows = ingested.stage.read("quarantine").to_pylist()
    assert {(row["element"], row["unit"]) for row in rows} == {("(0004,1500)", "file")}
    assert len({row["record_number"] for row in rows}) == 2
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}


def test_files_that_it_does_not_name_are_read(medium: Path, folder: Path, ingest: Ingest) -> None:
    _copy(medium, folder)
    save(make_image(), folder / "more.dcm")
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 4, "accepted": 4}
    assert not ingested.stage.refusals


def test_a_medium_in_an_archive_is_checked_too(medium: Path, folder: Path, ingest: Ingest) -> None:
    _images(medium)[0].unlink()
    members = {f"cd/{path.relative_to(medium)}": path.read_bytes() for path in _images(medium)}
    members["cd/DICOMDIR"] = (medium / "DICOMDIR").read_bytes()
    (folder / "x.zip").write_bytes(zip_of(members))
    ingested = ingest()
    assert ingested.refusals("warning") == {"dicomdir.missing_file": 1}
    assert ingested.totals("instance") == {"delivered": 2, "accepted": 2}
    assert ingested.totals("file") == {"delivered": 1, "kept": 1}


@pytest.mark.parametrize("content", [b"", b"...", bytes(128) + b"DICM"])
def test_one_that_cannot_be_read_is_kept_with_a_remark(
    content: bytes, folder: Path, ingest: Ingest
) -> None:
    save(make_image(), folder / "1.dcm")
    (folder / "DICOMDIR").write_bytes(content)
    ingested = ingest()
    assert ingested.refusals("warning") == {"dicomdir.unreadable": 1}
    assert ingested.totals("file") == {"delivered": 1, "kept": 1}
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}


def test_records_out_of_use_name_nothing(folder: Path, ingest: Ingest) -> None:
    record = Dataset()
    record.RecordInUseFlag = 0
    record.DirectoryRecordType = "IMAGE"
    record.ReferencedFileID = ["GONE"]
    directory = Dataset()
    directory.SOPClassUID = MediaStorageDirectoryStorage
    directory.SOPInstanceUID = "1.2.3"
    directory.DirectoryRecordSequence = Sequence([record])
    save(directory, folder / "index.bin", ImplicitVRLittleEndian)
    ingested = ingest()
    assert not ingested.stage.refusals
    assert ingested.totals("file") == {"delivered": 1, "kept": 1}


def test_nothing_of_a_patient_leaves_it(medium: Path, folder: Path, ingest: Ingest) -> None:
    content = (medium / "DICOMDIR").read_bytes()
    assert b"Doe^Jane" in content
    assert b"MRN-1" in content
    (folder / "DICOMDIR").write_bytes(content)
    rows = ingest().stage.read("quarantine").to_pylist()
    assert len(rows) == 3
    for text in ("Doe", "MRN-1", "20200131", "1.2.3.4", "PT000000"):
        assert text not in str(rows)
