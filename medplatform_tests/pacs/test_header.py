"""Which instance a file holds, whatever stands in front of its data set."""

from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from medplatform.pacs.header import InstanceKey, NotDicom, read_header
from medplatform_tests.pacs.images import ROOT, make_image
from medplatform_tests.public_data import PUBLIC_DATA

PEER = PUBLIC_DATA / "dicom" / "peer"
KEY = InstanceKey(f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1")


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
    ids=lambda syntax: syntax.keyword,
)
def test_an_instance_is_identified_in_each_encoding(tmp_path: Path, syntax: str) -> None:
    path = tmp_path / "one.dcm"
    ds = make_image(path)
    ds.file_meta.TransferSyntaxUID = syntax
    del ds.PixelData  # whose bytes would have to be swapped
    dcmwrite(
        path,
        ds,
        force_encoding=True,
        little_endian=syntax != ExplicitVRBigEndian,
        implicit_vr=syntax == ImplicitVRLittleEndian,
    )
    assert read_header(path).key == KEY


def test_the_meta_information_makes_no_difference(tmp_path: Path) -> None:
    ds = make_image(tmp_path / "one.dcm")
    ds.file_meta.SourceApplicationEntityTitle = "ANOTHER"
    ds.preamble = b"\1" * 128
    ds.save_as(tmp_path / "two.dcm")
    one, two = (tmp_path / name for name in ("one.dcm", "two.dcm"))
    assert one.read_bytes() != two.read_bytes()
    assert read_header(one) == read_header(two)


def test_the_data_set_does(tmp_path: Path) -> None:
    one, two = (tmp_path / name for name in ("one.dcm", "two.dcm"))
    make_image(one)
    make_image(two, seed=1)
    assert read_header(one).key == read_header(two).key
    assert read_header(one).sha256 != read_header(two).sha256


def test_a_meta_group_without_its_length_is_read(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    ds = make_image(path)
    ds.save_as(path, enforce_file_format=False)
    assert "FileMetaInformationGroupLength" not in dcmread(path).file_meta
    assert read_header(path).key == KEY


@pytest.mark.parametrize("content", [b"", b"DICM", b"\0" * 128 + b"DICM", b"\0" * 300])
def test_what_is_no_dicom_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one").write_bytes(content)
    with pytest.raises(NotDicom):
        read_header(tmp_path / "one")


@pytest.mark.real
@pytest.mark.skipif(not PEER.exists(), reason="The public files are not beside the checkout.")
def test_every_file_is_identified_as_pydicom_does_or_refused() -> None:
    compared = 0
    for path in sorted(path for path in PEER.glob("**/*") if path.is_file()):
        try:
            header = read_header(path)
            expected = dcmread(path, stop_before_pixels=True)
        except Exception as error:  # noqa: BLE001 - whatever pydicom says of a broken file
            assert type(error).__name__ != "RecursionError"
            continue
        if expected.get("SOPInstanceUID"):
            assert header.key.sop == expected.SOPInstanceUID, path.name
            compared += 1
    assert compared > 300
