"""Zip archives: read in place, and refused where they are a danger."""

import gzip
import io
import json
import struct
import zipfile

import pytest

from medplatform.modalities.ehr.sources import member

from .conftest import A, B, Found, Read, bundle, entry


def pack(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
@pytest.mark.parametrize("name", ["export.zip", "export.ndjson"])
def test_files_are_read_by_name_and_numbered_through(read: Read, method: int, name: str) -> None:
    files = {
        "b/Patient.ndjson": A + b"\n" + B,
        "a.json": json.dumps(bundle(entry("x"), entry("y")), indent=1).encode(),
        "c.ndjson.gz": gzip.compress(b"\n" + A),
        "b/empty.ndjson": b"",
    }
    found = read(pack(files, method), name)
    assert found.ids == ["x", "y", "a", "b", "a"]
    assert [number for number, _ in found.places] == [1, 2, 3, 4, 6]
    assert found.places[-1][1] == 1
    assert found.blank == 1


def test_folders_and_hidden_files_hold_no_records(read: Read) -> None:
    files = {"a/": b"", "a/.DS_Store": b"x", "__MACOSX/._p.ndjson": b"\0", "a/p.ndjson": A}
    assert read(pack(files), "x.zip").delivered == 1


def test_a_file_that_is_not_json_is_one_fault(read: Read) -> None:
    files = {"a.csv": b"id,name\n1,x\n", "b.ndjson": A, "c.pdf": b"%PDF-1.7"}
    found = read(pack(files), "x.zip")
    assert found.codes == [(1, "file.format"), (3, "file.format")]
    assert found.lines == [A]


def test_archives_within_archives_are_refused(read: Read) -> None:
    inner = pack({"p.ndjson": A})
    found = read(
        pack({"a.zip": inner, "b.ndjson.gz": gzip.compress(inner), "c.ndjson": B}), "x.zip"
    )
    assert found.lines[-1:] == [B]
    assert found.codes[0] == (1, "file.nested")


@pytest.mark.parametrize("name", ["/etc/p.ndjson", "../p.ndjson", "a/../../p", "c:/p", "..\\p"])
def test_names_that_lead_out_of_the_archive_are_refused(read: Read, name: str) -> None:
    found = read(pack({name: A, "z.ndjson": B}), "x.zip")
    assert [code for _, code in found.codes] == ["file.unsafe_name"]
    assert found.lines == [B]


def patched(data: bytes, local: int, central: int, value: int) -> bytes:
    """Change a 16 bit field of the first file in both of its headers (APPNOTE.TXT, 4.3)."""
    changed = bytearray(data)
    struct.pack_into("<H", changed, local, value)
    struct.pack_into("<H", changed, data.index(b"PK\x01\x02") + central, value)
    return bytes(changed)


def test_encrypted_files_are_refused(read: Read) -> None:
    found = read(patched(pack({"a.ndjson": A, "b.ndjson": B}), 6, 8, 1), "x.zip")
    assert found.codes == [(1, "file.encrypted")]
    assert found.lines == [B]


def test_unknown_compression_is_refused(read: Read) -> None:
    found = read(patched(pack({"a.ndjson": A, "b.ndjson": B}), 8, 10, 97), "x.zip")
    assert found.codes == [(1, "file.compression")]
    assert found.lines == [B]


def test_bombs_are_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "BOMB_BYTES", 1 << 20)
    monkeypatch.setattr(member, "BOMB_RATIO", 100)
    files = {"a.ndjson": b"{" + b" " * (2 << 20) + b"}", "b.ndjson": B}
    found = read(pack(files), "x.zip")
    assert found.codes == [(1, "file.bomb")]
    assert found.lines == [B]


@pytest.mark.parametrize("compress", [False, True])
def test_an_archive_is_read_up_to_a_size(
    read: Read, monkeypatch: pytest.MonkeyPatch, compress: bool
) -> None:
    monkeypatch.setattr(member, "MAX_ARCHIVE_BYTES", 3 * len(A))
    files = {name: gzip.compress(B * 9) if compress else B * 9 for name in ("b", "c.ndjson")}
    found = read(pack({"a.ndjson": A, **files}), "x.zip")
    assert found.lines == [A]
    assert {code for _, code in found.codes} == {"file.too_large"}


def test_a_damaged_file_costs_no_other_file(read: Read) -> None:
    text = b"".join(b'{"resourceType":"Patient","id":"%d"}\n' % n for n in range(90_000))
    data = bytearray(pack({"a.ndjson": text, "b.ndjson": B}, zipfile.ZIP_STORED))
    data[len(text) // 2] ^= 0xFF
    found = read(bytes(data), "x.zip")
    assert found.codes[-1][1] == "file.corrupt"
    assert found.lines[-1] == B
    assert len(found.lines) > 80_000


@pytest.mark.parametrize("data", [pack({"a.ndjson": A})[:-30], b"PK\x03\x04" + bytes(99)])
def test_an_archive_without_its_end_is_one_fault(read: Read, data: bytes) -> None:
    found = read(data, "x.zip")
    assert found.codes == [(1, "file.corrupt")]


def test_an_empty_archive_has_no_records(read: Read) -> None:
    assert read(pack({}), "x.zip").delivered == 0


def test_how_far_an_archive_was_read(read: Read) -> None:
    found: Found = read(
        pack({f"{n}.ndjson": (A + b"\n") * 20_000 for n in range(3)}), "x.zip", block_bytes=1
    )
    reached = [block.bytes_read for block in found.blocks]
    assert 0 < reached[0] < reached[-1]
