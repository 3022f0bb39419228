"""What of an archive is damaged, forged or cut off is refused with a reason, the rest is read."""

import gzip
import io
import lzma
import random
import stat
import struct
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import pytest

from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.imaging.refusals import REASONS
from medplatform.modalities.imaging.sources import Contents, Held, container, plain
from medplatform_tests.modalities.imaging.sources.conftest import Found, dicom, tar_of, zip_of

LookOver = Callable[[], Found]
NOISE = random.Random(1).randbytes(3000).hex()
MEMBERS = {f"{n}.dcm": dicom(f"{n}{NOISE[n:]}") for n in range(4)}


def _put(folder: Path, content: bytes, name: str = "x") -> None:
    (folder / name).write_bytes(content)


def _streamed_zip() -> bytes:
    """As written to a pipe: sizes stand behind the data of a member."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise io.UnsupportedOperation

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    return pipe.getvalue()


@pytest.mark.parametrize(
    "archive",
    [zip_of(MEMBERS), zip_of(MEMBERS, zipfile.ZIP_STORED), _streamed_zip()],
    ids=["deflated", "stored", "streamed"],
)
def test_a_zip_that_ends_early_gives_what_stands_before_the_break(
    archive: bytes, folder: Path, look_over: LookOver
) -> None:
    _put(folder, archive[: int(len(archive) * 0.6)])
    found = look_over()
    assert found.contents == {f"x/{n}.dcm": MEMBERS[f"{n}.dcm"] for n in (0, 1)}
    assert set(found.refused) == {"file.truncated"}
    assert found.numbers == list(range(1, len(found.numbers) + 1))


@pytest.mark.parametrize(
    "archive", [zip_of(MEMBERS), _streamed_zip()], ids=["deflated", "streamed"]
)
def test_a_zip_that_lost_only_its_directory_is_whole(
    archive: bytes, folder: Path, look_over: LookOver
) -> None:
    _put(folder, archive[: archive.index(b"PK\x01\x02") + 50])
    found = look_over()
    assert list(found.contents.values()) == list(MEMBERS.values())
    assert not found.refused


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("x.tar", bytes),
        ("x.tar.gz", gzip.compress),
        ("x.tar.xz", lzma.compress),
        ("x.tar.zst", imagecodecs.zstd_encode),
    ],
)
def test_a_tar_that_ends_early_gives_what_stands_before_the_break(
    name: str, compress: Callable[[bytes], bytes], folder: Path, look_over: LookOver
) -> None:
    members = {f"{n}.dcm": dicom() + random.Random(n).randbytes(150_000) for n in range(4)}
    packed = compress(tar_of(members))
    _put(folder, packed[: int(len(packed) * 0.6)], name)
    found = look_over()
    assert list(found.contents) == ["x/0.dcm", "x/1.dcm"]
    assert set(found.refused) <= {"file.truncated", "file.corrupt"}
    assert found.refused


def test_a_tar_without_its_end_is_incomplete(folder: Path, look_over: LookOver) -> None:
    archive = tar_of(MEMBERS).rstrip(b"\0")
    _put(folder, archive + bytes(-len(archive) % 512))
    found = look_over()
    assert len(found.contents) == 4
    assert found.refused == {"file.truncated": 1}


def test_a_damaged_header_in_a_tar_is_a_break(folder: Path, look_over: LookOver) -> None:
    archive = bytearray(tar_of(MEMBERS))
    at = archive.index(b"2.dcm")
    archive[at : at + 5] = b"!.dcm"
    _put(folder, bytes(archive))
    found = look_over()
    assert list(found.contents) == ["x/0.dcm", "x/1.dcm"]
    assert found.refused == {"file.corrupt": 1}


def test_a_damaged_member_is_refused_and_the_others_are_read(
    folder: Path, look_over: LookOver
) -> None:
    archive = bytearray(zip_of(MEMBERS, zipfile.ZIP_STORED))
    archive[archive.index(MEMBERS["1.dcm"]) + 2000] ^= 1
    _put(folder, bytes(archive))
    found = look_over()
    assert list(found.contents) == ["x/0.dcm", "x/2.dcm", "x/3.dcm"]
    assert found.numbers == [1, 2, 3, 4]
    assert found.refused == {"file.corrupt": 1}


def test_damaged_compressed_files_are_refused(folder: Path, look_over: LookOver) -> None:
    packed = gzip.compress(dicom(NOISE))
    _put(folder, packed[:-100], "1.dcm.gz")
    _put(folder, packed[:-6] + bytes(6), "2.dcm.gz")
    _put(folder, packed[:11], "3.dcm.gz")
    _put(folder, packed + bytes(12) + b"tail" * 5, "4.dcm.gz")
    found = look_over()
    assert found.refused == {"file.truncated": 2, "file.corrupt": 2}


def test_an_encrypted_member_is_refused(folder: Path, look_over: LookOver) -> None:
    archive = bytearray(zip_of({"1.dcm": dicom(), "2.dcm": dicom("2")}))
    archive[6] |= 1
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    _put(folder, bytes(archive))
    found = look_over()
    assert list(found.contents) == ["x/2.dcm"]
    assert found.refused == {"file.encrypted": 1}


def test_a_member_in_an_unknown_compression_is_refused(folder: Path, look_over: LookOver) -> None:
    archive = bytearray(zip_of({"1.dcm": dicom()}))
    archive[8] = archive[archive.index(b"PK\x01\x02") + 10] = 9
    _put(folder, bytes(archive))
    assert look_over().refused == {"file.compression": 1}


@pytest.mark.parametrize("magic", [b"Rar!\x1a\x07\x01\x00", b"7z\xbc\xaf\x27\x1c\x00\x04"])
def test_an_archive_of_an_unknown_format_is_refused(
    magic: bytes, folder: Path, look_over: LookOver
) -> None:
    _put(folder, magic + bytes(100))
    assert look_over().refused == {"file.compression": 1}


UNSAFE = ["/etc/passwd", "../1.dcm", "a/../../1.dcm", "C:\\1.dcm", "..\\1.dcm", "c:1.dcm"]


@pytest.mark.parametrize("name", UNSAFE)
@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_a_name_that_leads_out_of_the_archive_is_refused(
    name: str,
    pack: Callable[[dict[str, bytes]], bytes],
    folder: Path,
    look_over: LookOver,
    tmp_path: Path,
) -> None:
    _put(folder, pack({name: dicom(), "12:30.dcm": dicom("2")}))
    before = set(tmp_path.rglob("*"))
    found = look_over()
    assert list(found.contents) == ["x/12:30.dcm"]
    assert found.refused == {"file.unsafe_name": 1}
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "stage"}


@pytest.mark.parametrize(
    "archive",
    [
        zip_of({"Q": dicom(), "2.dcm": dicom("2")}).replace(b"Q", b"\0"),
        tar_of({"": dicom(), "2.dcm": dicom("2")}),
    ],
    ids=["zip", "tar"],
)
def test_a_member_without_a_name_is_refused(
    archive: bytes, folder: Path, look_over: LookOver
) -> None:
    _put(folder, archive)
    found = look_over()
    assert list(found.contents) == ["x/2.dcm"]
    assert found.refused == {"file.unsafe_name": 1}


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
def test_links_and_devices_in_a_tar_are_refused(
    kind: bytes, folder: Path, look_over: LookOver
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("1.dcm")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
        folder_info = tarfile.TarInfo("ward")
        folder_info.type = tarfile.DIRTYPE
        archive.addfile(folder_info)
    _put(folder, buffer.getvalue())
    found = look_over()
    assert found.refused == {"file.special": 1}
    assert found.contents == {}


@pytest.mark.parametrize("size", [1 << 62, 1 << 80, -1])
def test_a_forged_size_in_a_tar_is_a_break(size: int, folder: Path, look_over: LookOver) -> None:
    archive = bytearray(tar_of(MEMBERS))
    at = archive.index(b"2.dcm")
    archive[at + 124 : at + 136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # pyright: ignore[reportAttributeAccessIssue]
    archive[at + 148 : at + 156] = b" " * 8
    checksum = sum(archive[at : at + 512])
    archive[at + 148 : at + 156] = b"%06o\0 " % checksum
    _put(folder, bytes(archive))
    found = look_over()
    assert list(found.contents) == ["x/0.dcm", "x/1.dcm"]
    assert found.refused == {"file.corrupt": 1}


@pytest.mark.parametrize("offset", [1 << 45, (1 << 63) - 1, (1 << 64) - 1])
def test_a_forged_offset_in_a_zip_is_damage(offset: int, folder: Path, look_over: LookOver) -> None:
    archive = zip_of({"1.dcm": dicom("1"), "2.dcm": dicom("2")})
    start = archive.index(b"PK\x01\x02", archive.index(b"PK\x01\x02") + 4)
    end = archive.index(b"PK\x05\x06")
    record = bytearray(archive[start:end])
    record[42:46] = b"\xff" * 4
    record[30:32] = struct.pack("<H", 12)
    record += struct.pack("<HHQ", 1, 8, offset)
    tail = bytearray(archive[end:])
    tail[12:16] = struct.pack("<L", struct.unpack_from("<L", tail, 12)[0] + 12)
    _put(folder, archive[:start] + record + tail)
    found = look_over()
    assert list(found.contents) == ["x/1.dcm"]
    assert found.refused == {"file.corrupt": 1}


def test_links_in_a_zip_are_refused(folder: Path, look_over: LookOver) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("1.dcm")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
        archive.mkdir("ward")
    _put(folder, buffer.getvalue())
    assert look_over().refused == {"file.special": 1}


def test_files_with_holes_in_a_tar_are_refused(folder: Path, look_over: LookOver) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("1.dcm")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
        archive.addfile(info)
        archive.addfile(tarfile.TarInfo("2.dcm"))
    _put(folder, buffer.getvalue())
    found = look_over()
    assert found.refused == {"file.special": 1}
    assert list(found.contents) == ["x/2.dcm"]


def test_what_was_unpacked_is_private_and_removed_after_an_error(
    folder: Path, tmp_path: Path
) -> None:
    _put(folder, zip_of(MEMBERS))
    delivery = open_delivery(folder.parents[1], "imaging", folder.name)
    with pytest.raises(KeyError), Contents(delivery, tmp_path / "landing") as contents:
        held = next(contents.survey())
        assert isinstance(held, Held)
        assert stat.S_IMODE(held.path.parent.stat().st_mode) == 0o700
        raise KeyError
    assert not held.path.parent.exists()


def test_entries_that_share_their_data_are_refused(folder: Path, look_over: LookOver) -> None:
    archive = zip_of({"1.dcm": dicom(), "2.dcm": dicom("2")})
    start = archive.index(b"PK\x01\x02")
    forged = bytearray(archive)
    second = archive.index(b"PK\x01\x02", start + 4)
    forged[second + 42 : second + 46] = struct.pack("<L", 0)
    _put(folder, bytes(forged))
    found = look_over()
    assert found.refused == {"file.bomb": 2}
    assert found.contents == {}


def test_archives_within_archives_are_opened_to_a_depth(folder: Path, look_over: LookOver) -> None:
    archive = dicom()
    for depth in range(5):
        archive = zip_of({"1.dcm" if depth == 0 else "inner.zip": archive})
    _put(folder, archive)
    assert look_over().refused == {"file.nested": 1}


def test_an_archive_that_holds_itself_ends(folder: Path, look_over: LookOver) -> None:
    packed = dicom()
    for _ in range(8):
        packed = gzip.compress(packed)
    _put(folder, packed)
    assert look_over().refused == {"file.nested": 1}


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_no_more_members_than_the_bound_are_read(
    pack: Callable[[dict[str, bytes]], bytes],
    folder: Path,
    look_over: LookOver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(container, "MAX_MEMBERS", 3)
    inner = pack({f"{n}.dcm": dicom(str(n)) for n in range(2)})
    _put(folder, pack({"a": inner, "b": inner, "c": dicom()}))
    found = look_over()
    assert found.refused == {"file.too_many": 1}
    assert len(found.contents) < 3


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_no_more_bytes_than_the_bound_are_unpacked(
    pack: Callable[[dict[str, bytes]], bytes],
    folder: Path,
    look_over: LookOver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(container, "MAX_ARCHIVE_BYTES", 10_000)
    _put(folder, pack(MEMBERS))
    found = look_over()
    assert found.refused == {"file.too_large": 3}
    assert list(found.contents) == ["x/0.dcm"]


def test_a_member_that_is_too_large_is_refused(
    folder: Path, look_over: LookOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "MAX_MEMBER_BYTES", 1000)
    monkeypatch.setattr("medplatform.modalities.imaging.sources.contents.MAX_MEMBER_BYTES", 1000)
    _put(folder, zip_of({"1.dcm": dicom("x" * 2000), "2.dcm": dicom()}))
    _put(folder, gzip.compress(dicom("x" * 2000)), "3.dcm.gz")
    found = look_over()
    assert found.refused == {"file.too_large": 2}
    assert list(found.contents) == ["x/2.dcm"]


@pytest.mark.parametrize("name", ["x.zip", "x.dcm.gz", "x.tar.xz"])
def test_what_grows_a_thousandfold_is_not_unpacked(
    name: str, folder: Path, look_over: LookOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (container, plain):
        monkeypatch.setattr(module, "BOMB_BYTES", 1 << 20)
        monkeypatch.setattr(module, "BOMB_RATIO", 100)
    bomb = dicom() + bytes(8 << 20)
    packed = {
        "x.zip": lambda: zip_of({"1.dcm": bomb}),
        "x.dcm.gz": lambda: gzip.compress(bomb),
        "x.tar.xz": lambda: tar_of({"1.dcm": bomb}, "xz"),
    }[name]()
    _put(folder, packed, name)
    found = look_over()
    assert found.contents == {}
    assert set(found.refused) == {"file.bomb"}


def test_many_members_that_grow_a_thousandfold_together_are_not_unpacked(
    folder: Path, look_over: LookOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "BOMB_BYTES", 1 << 20)
    monkeypatch.setattr(container, "BOMB_RATIO", 100)
    zeros = {f"{n}.dcm": dicom(str(n)) + bytes(1 << 19) for n in range(6)}
    _put(folder, zip_of(zeros))
    inner = {f"{n}.gz": gzip.compress(content) for n, content in zeros.items()}
    _put(folder, zip_of({"a.zip": zip_of(inner)}), "nested.zip")
    found = look_over()
    assert len(found.contents) == 2
    assert found.refused["file.bomb"] >= 4
    assert set(found.refused) == {"file.bomb", "file.too_large"}


def test_a_directory_larger_than_memory_is_not_read(
    folder: Path, look_over: LookOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medplatform.modalities.imaging.sources.zipped.MAX_DIRECTORY_BYTES", 150)
    _put(folder, zip_of(MEMBERS))
    assert look_over().refused == {"file.too_many": 1}


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tgz", "streamed.zip"])
def test_forged_archives_are_counted_as_they_are_read(
    name: str, folder: Path, look_over: LookOver
) -> None:
    whole = {
        "x.zip": zip_of({"a.zip": zip_of(MEMBERS), **MEMBERS}),
        "x.tar": tar_of({"a.zip": zip_of(MEMBERS), **MEMBERS}),
        "x.tgz": tar_of(MEMBERS, "gz"),
        "streamed.zip": _streamed_zip(),
    }[name]
    dice = random.Random(name)
    codes: Counter[str] = Counter()
    for _ in range(60):
        forged = bytearray(whole[: dice.randrange(len(whole) // 2, len(whole) + 1)])
        for _ in range(dice.randrange(4)):
            forged[dice.randrange(len(forged))] = dice.randrange(256)
        forged[:2] = whole[:2]
        _put(folder, bytes(forged), name)
        codes += look_over().refused
    assert codes.keys() <= REASONS.keys()
    assert codes["file.corrupt"] and codes["file.truncated"]
