"""Archives are read as the folders that they stand for."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import pytest

from medplatform.modalities.imaging.layout import Kind
from medplatform_tests.modalities.imaging.sources.conftest import (
    PNG,
    Found,
    dicom,
    tar_of,
    zip_of,
)

LookOver = Callable[[], Found]
MEMBERS = {"ward/1.dcm": dicom("1"), "ward/2": dicom("2" * 5000), "labels.csv": b"file\na\n"}

ARCHIVES = {
    "x.zip": zip_of(MEMBERS),
    "x.stored.zip": zip_of(MEMBERS, zipfile.ZIP_STORED),
    "x.lzma.zip": zip_of(MEMBERS, zipfile.ZIP_LZMA),
    "x.bzip2.zip": zip_of(MEMBERS, zipfile.ZIP_BZIP2),
    "x.tar": tar_of(MEMBERS),
    "x.gnu.tar": tar_of(MEMBERS, is_gnu=True),
    "x.tar.gz": tar_of(MEMBERS, "gz"),
    "x.tgz": tar_of(MEMBERS, "gz"),
    "x.tar.bz2": tar_of(MEMBERS, "bz2"),
    "x.tar.xz": tar_of(MEMBERS, "xz"),
    "x.tar.zst": imagecodecs.zstd_encode(tar_of(MEMBERS)),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_members_are_items_at_their_paths(name: str, folder: Path, look_over: LookOver) -> None:
    (folder / name).write_bytes(ARCHIVES[name])
    found = look_over()
    root = name.removesuffix(".zip").split(".t")[0]
    assert found.contents == {f"{root}/{path}": content for path, content in MEMBERS.items()}
    assert list(found.kinds.values()) == [Kind.DICOM, Kind.DICOM, Kind.TABLE]
    assert found.numbers == [1, 2, 3]
    assert not found.refused


@pytest.mark.parametrize("name", ARCHIVES)
def test_the_name_of_an_archive_does_not_matter(
    name: str, folder: Path, look_over: LookOver
) -> None:
    (folder / "IM0001").write_bytes(ARCHIVES[name])
    assert set(look_over().contents) == {f"IM0001/{path}" for path in MEMBERS}


def test_nothing_that_was_unpacked_stays(folder: Path, look_over: LookOver) -> None:
    (folder / "x.zip").write_bytes(zip_of({"a.zip": ARCHIVES["x.zip"]}))
    assert look_over().left_behind == []


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", imagecodecs.zstd_encode),
    ],
)
def test_a_compressed_file_stands_for_itself(
    suffix: str, compress: Callable[[bytes], bytes], folder: Path, look_over: LookOver
) -> None:
    (folder / "ward").mkdir()
    (folder / "ward" / f"1.dcm{suffix}").write_bytes(compress(dicom("1")))
    (folder / "ward" / f"a.png{suffix}").write_bytes(compress(PNG))
    found = look_over()
    assert found.contents == {"ward/1.dcm": dicom("1"), "ward/a.png": PNG}
    assert found.kinds == {"ward/1.dcm": Kind.DICOM, "ward/a.png": Kind.PICTURE}


def test_parts_that_were_compressed_one_by_one_are_one_file(
    folder: Path, look_over: LookOver
) -> None:
    content = dicom("x" * 3000)
    for suffix, compress in ((".gz", gzip.compress), (".xz", lzma.compress)):
        parts = compress(content[:1000]) + compress(content[1000:])
        (folder / f"1{suffix}.dcm{suffix}").write_bytes(parts)
    padded = lzma.compress(content[:1000]) + bytes(8) + lzma.compress(content[1000:])
    (folder / "2.dcm.xz").write_bytes(padded)
    assert set(look_over().contents.values()) == {content}


def test_archives_within_archives_are_read(folder: Path, look_over: LookOver) -> None:
    inner = tar_of({"1.dcm": dicom("1"), "2.dcm.gz": gzip.compress(dicom("2"))})
    (folder / "x.zip").write_bytes(zip_of({"a/inner.tar": inner, "3.dcm": dicom("3")}))
    found = look_over()
    assert found.contents == {
        "x/a/inner/1.dcm": dicom("1"),
        "x/a/inner/2.dcm": dicom("2"),
        "x/3.dcm": dicom("3"),
    }
    assert found.numbers == [1, 2, 3]


def test_an_archive_named_like_its_only_folder_makes_no_second_one(
    folder: Path, look_over: LookOver
) -> None:
    (folder / "images.zip").write_bytes(zip_of({"images/a.png": PNG + b"1"}))
    (folder / "masks.zip").write_bytes(zip_of({"a.png": PNG + b"2"}))
    assert look_over().kinds == {"images/a.png": Kind.PICTURE, "masks/a.png": Kind.MASK}


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_hidden_members_and_those_of_macos_are_no_records(
    pack: Callable[[dict[str, bytes]], bytes], folder: Path, look_over: LookOver
) -> None:
    hidden = {".DS_Store": b"x", "a/._1.dcm": b"x", "__MACOSX/a/1.dcm": b"x", "_DONE": b""}
    (folder / "x.zip").write_bytes(pack({**hidden, "./a/1.dcm": dicom()}))
    found = look_over()
    assert list(found.contents) == ["x/a/1.dcm"]
    assert found.numbers == [1]


def test_an_archive_without_records_is_kept_as_a_file(folder: Path, look_over: LookOver) -> None:
    (folder / "x.zip").write_bytes(zip_of({".hidden": b"x"}))
    (folder / "y.zip").write_bytes(zip_of({}))
    (folder / "z.tar").write_bytes(tar_of({".hidden": b"x"}))
    assert set(look_over().kinds.values()) == {Kind.ARCHIVE}


def test_two_copies_of_an_archive_share_one_row_of_numbers(
    folder: Path, look_over: LookOver
) -> None:
    for name in ("x.zip", "y.zip"):
        (folder / name).write_bytes(ARCHIVES["x.zip"])
    assert look_over().numbers == [1, 2, 3, 4, 5, 6]


def test_office_documents_and_images_are_no_archives(folder: Path, look_over: LookOver) -> None:
    (folder / "table.xlsx").write_bytes(ARCHIVES["x.zip"])
    (folder / "1.dcm").write_bytes(dicom("PK"))
    (folder / "letter.docx.gz").write_bytes(gzip.compress(b"x"))
    assert list(look_over().kinds.values()) == [Kind.DICOM, Kind.SIDECAR, Kind.SIDECAR]


@pytest.mark.parametrize("is_gnu", [False, True])
def test_long_names_and_those_that_are_no_text_are_read(
    is_gnu: bool, folder: Path, look_over: LookOver
) -> None:
    names = [
        "Ä" * 150 + "/" + "ö" * 120 + ".dcm",
        b"J\xe4ne.dcm".decode("utf-8", "surrogateescape"),
    ]
    members = {name: dicom(str(number)) for number, name in enumerate(names)}
    (folder / "x.tar").write_bytes(tar_of(members, is_gnu=is_gnu))
    assert list(look_over().contents) == [f"x/{names[0]}", "x/J\\xe4ne.dcm"]


def test_a_zip_name_that_claims_to_be_utf8_and_is_not_is_read(
    folder: Path, look_over: LookOver
) -> None:
    archive = zip_of({"ä.dcm": dicom(), "b.dcm": dicom("b")}).replace("ä".encode(), b"\xe4\xe4")
    (folder / "x.zip").write_bytes(archive)
    assert list(look_over().contents) == ["x/\\xe4\\xe4.dcm", "x/b.dcm"]


def test_names_written_on_windows_are_paths(folder: Path, look_over: LookOver) -> None:
    archive = zip_of({"images/a.png": PNG, "masks/a.png": PNG + b"m"})
    (folder / "x.zip").write_bytes(archive.replace(b"s/a.png", b"s\\a.png"))
    assert look_over().kinds == {"x/images/a.png": Kind.PICTURE, "x/masks/a.png": Kind.MASK}
