"""Headers that senders get wrong, and files of which nothing says how they are encoded."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.header import read_header
from medplatform.modalities.imaging.opening import DicomFile, identify
from medplatform.modalities.imaging.records import Header, Limits, Problem
from medplatform_tests.modalities.imaging.conftest import Ingested, make_image, save
from medplatform_tests.modalities.imaging.test_real import PEER

pytestmark = pytest.mark.filterwarnings("ignore")

TEST_FILES = PEER / "pydicom/src/pydicom/data/test_files"

Ingest = Callable[[], Ingested]


def _header(path: Path) -> Header:
    return read_header(DicomFile(path, Limits()).elements)


def _write(path: Path, dataset: Dataset, syntax: str, *, preamble: bool = True) -> Path:
    """A file in a transfer syntax that it does not name, without preamble too."""
    buffer = io.BytesIO()
    dataset.save_as(
        buffer,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
    )
    path.write_bytes((bytes(128) + b"DICM" if preamble else b"") + buffer.getvalue())
    return path


@pytest.mark.parametrize("preamble", [True, False])
@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_a_file_need_not_say_how_it_is_encoded(syntax: str, preamble: bool, tmp_path: Path) -> None:
    dataset = make_image(PixelSpacing=[0.5, 0.25])
    path = _write(tmp_path / "d.dcm", dataset, syntax, preamble=preamble)
    header = _header(path)
    assert header.sop_instance_uid == dataset.SOPInstanceUID
    assert identify(path, Limits()) == (dataset.SOPInstanceUID, dataset.SeriesInstanceUID)
    assert (header.columns["rows"], header.columns["pixel_spacing_column_mm"]) == (3, 0.25)
    assert header.columns["transfer_syntax_uid"] is None


@pytest.mark.parametrize(
    "syntax",
    [
        *(ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian),
        *(DeflatedExplicitVRLittleEndian, "1.2.840.113619.5.2", "1.3.46.670589.33.1.4.1"),
    ],
)
def test_the_uids_are_found_before_the_file_is_read(syntax: str, tmp_path: Path) -> None:
    dataset = make_image()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    is_private = not UID(syntax).is_transfer_syntax
    dataset.save_as(
        tmp_path / "d.dcm",
        enforce_file_format=not is_private,
        implicit_vr=False if is_private else None,
        little_endian=True if is_private else None,
    )
    uids = (dataset.SOPInstanceUID, dataset.SeriesInstanceUID)
    assert identify(tmp_path / "d.dcm", Limits()) == uids
    assert _header(tmp_path / "d.dcm").sop_instance_uid == dataset.SOPInstanceUID


def test_an_unknown_sop_class_and_a_private_transfer_syntax_stay_behind(tmp_path: Path) -> None:
    dataset = make_image(SOPClassUID="1.2.840.113619.4.30")
    path = _write(tmp_path / "d.dcm", dataset, ExplicitVRLittleEndian)
    assert _header(path).columns["sop_class_uid"] is None


@pytest.mark.parametrize("content", [b"", b"DICM", b"not DICOM at all" * 20])
def test_what_is_no_dicom_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "d.dcm").write_bytes(content)
    with pytest.raises(Unusable, match=r"dicom\.not_dicom"):
        DicomFile(tmp_path / "d.dcm", Limits())
    assert identify(tmp_path / "d.dcm", Limits()) == (None, None)


def test_patients_are_not_joined_by_an_empty_id(folder: Path, ingest: Ingest) -> None:
    for number, patient_id in enumerate(("", "  ", None)):
        save(make_image(PatientID=patient_id), folder / f"{number}.dcm")
    ingested = ingest()
    assert ingested.refusals() == {"subject.missing": 3}
    assert ingested.totals("instance") == {"delivered": 3, "quarantined": 3}


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_an_image_without_a_study_or_series_has_none(
    keyword: str, folder: Path, ingest: Ingest
) -> None:
    save(make_image(**{keyword: None}), folder / "d.dcm")
    (row,) = ingest().rows("instance")
    column = {"StudyInstanceUID": "study_id", "SeriesInstanceUID": "series_id"}[keyword]
    assert row[column] is None


def test_one_uid_at_several_levels_names_each_of_them(folder: Path, ingest: Ingest) -> None:
    uid = "1.2.826.0.1.3680043.8.498.1"
    levels = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
    save(make_image(**dict.fromkeys(levels, uid)), folder / "d.dcm")
    (row,) = ingest().rows("instance")
    ids = {row[name] for name in ("instance_id", "series_id", "study_id", "frame_of_reference_id")}
    assert len(ids) == 1
    assert uid not in ids


def test_all_elements_are_kept_without_what_identifies(folder: Path, ingest: Ingest) -> None:
    image = make_image(PatientName="Doe^Jane", StudyDate="20200102", ImageType=["ORIGINAL", "X"])
    save(image, folder / "d.dcm")
    (row,) = ingest().rows("instance")
    elements = {element["path"]: element for element in row["elements"]}
    assert elements["00080008"]["text"] == ["ORIGINAL", "X"]
    assert elements["00280010"]["number"] == [3]
    assert elements["00080018"]["text"] == [row["instance_id"]]
    assert elements["00100020"]["text"] == [row["patient_id"]]
    assert elements["00080020"]["text"] == [row["study_at"].strftime("%Y%m%d")]
    assert "Doe" not in str(row)
    assert "7FE00010" not in elements


def test_an_element_that_is_not_of_its_vr_is_remarked_on_wherever_it_stands(
    tmp_path: Path,
) -> None:
    path = _write(tmp_path / "d.dcm", make_image(), ExplicitVRLittleEndian)
    samples = b"\x28\0\x02\0US"
    broken = b"\x18\0\x87\x90FD\x02\0\1\2"
    path.write_bytes(path.read_bytes().replace(samples, broken + samples))
    assert _header(path).problems == [Problem("dicom.bad_value", "(0018,9087)")]


@pytest.mark.real
@pytest.mark.skipif(not PEER.is_dir(), reason="no public imaging data")
@pytest.mark.parametrize(
    "name", ["ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "rtstruct.dcm"]
)
def test_public_files_without_meta_information_are_read(name: str) -> None:
    path = TEST_FILES / name
    uid, _ = identify(path, Limits())
    assert uid
    assert _header(path).sop_instance_uid == uid
