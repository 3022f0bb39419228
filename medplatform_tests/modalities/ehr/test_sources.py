"""From files to records: layouts, compression, encodings, and what is broken."""

import gzip
import json
from pathlib import Path

import pytest

from medplatform.modalities.ehr import content, sources
from medplatform.modalities.ehr.count import count_resources
from medplatform.modalities.ehr.sources import Record, read_records

A, B = b'{"resourceType":"Patient","id":"a"}', b'{"resourceType":"Patient","id":"b"}'


@pytest.fixture
def records(tmp_path: Path):
    def read(data: bytes, name: str = "Patient.ndjson") -> list[Record]:
        path = tmp_path / name
        path.write_bytes(data)
        found = list(read_records(path))
        assert count_resources(path) == len(found)
        return found

    return read


def raws(found: list[Record]) -> list[bytes]:
    return [record.raw.strip() for record in found]


def faults(found: list[Record]) -> list[tuple[int, str | None]]:
    return [(record.number, record.fault.code if record.fault else None) for record in found]


@pytest.mark.parametrize(
    "data",
    [
        A + b"\n" + B + b"\n",
        A + b"\n" + B,
        A + b"\r\n" + B + b"\r\n",
        b"\xef\xbb\xbf" + A + b"\n" + B + b"\n",
        gzip.compress(A + b"\n" + B + b"\n", mtime=0),
        gzip.compress(A + b"\n", mtime=0) + gzip.compress(B + b"\n", mtime=0),
        gzip.compress(A[:5], mtime=0) + gzip.compress(A[5:] + b"\n" + B, mtime=0),
        gzip.compress(A + b"\n" + B, mtime=0) + bytes(512),
        gzip.compress(b"\xef\xbb\xbf" + A + b"\n" + B, mtime=0),
        b"[" + A + b",\n " + B + b"]",
        b" [\n" + A + b"," + B + b"\n]\n",
    ],
    ids=[
        "plain",
        "no final newline",
        "crlf",
        "byte order mark",
        "gzip",
        "gzip of two members",
        "member ends within a line",
        "gzip with zero padding",
        "byte order mark in gzip",
        "array",
        "array over lines",
    ],
)
def test_the_same_two_records_in_every_form(records, data: bytes) -> None:
    found = records(data)
    assert raws(found) == [A, B]
    assert [record.number for record in found] == [1, 2]


@pytest.mark.parametrize("name", ["export", "x.json", "x.ndjson", "x.json.gz"])
def test_compression_is_told_by_content_not_by_name(records, name: str) -> None:
    assert raws(records(gzip.compress(A + b"\n" + B), name)) == [A, B]


def test_offsets_point_at_the_records(records) -> None:
    data = b"\n" + A + b"\r\n  \n" + B
    for record in records(data):
        assert data[record.offset :].startswith(record.raw)


def test_blank_lines_are_records_that_are_blank(records) -> None:
    found = records(b"\n" + A + b"\n \t\r\n" + B + b"\n\n")
    assert [record.is_blank for record in found] == [True, False, True, False, True]


def test_an_empty_file_has_no_records(records) -> None:
    assert records(b"") == []
    assert records(b"\xef\xbb\xbf") == []


@pytest.mark.parametrize("indent", [None, 1])
def test_a_single_resource_is_one_record(records, indent: int | None) -> None:
    data = json.dumps(json.loads(A), indent=indent).encode()
    assert raws(records(data, "patient.json")) == [data]


def test_a_pretty_document_may_be_named_ndjson(records) -> None:
    data = json.dumps({"resourceType": "Bundle", "entry": [{"resource": {}}] * 3}, indent=1)
    assert len(records(data.encode(), "x.ndjson")) == 3


def test_a_truncated_last_line_is_a_record(records) -> None:
    assert raws(records(A + b"\n" + B[:9])) == [A, B[:9]]


def test_truncated_gzip_keeps_what_was_read_and_faults_the_rest(records) -> None:
    lines = b"".join(b'{"resourceType":"Patient","id":"%d"}\n' % n for n in range(5000))
    whole = gzip.compress(lines)
    found = records(whole[: len(whole) // 2])
    assert 100 < len(found) < 5000
    assert faults(found)[-1] == (len(found), "file.truncated")
    assert all(record.fault is None for record in found[:-1])
    assert lines.startswith(b"".join(record.raw + b"\n" for record in found[:-1]))


def test_truncated_before_the_first_line_ends_is_a_fault_of_the_file(records) -> None:
    assert faults(records(gzip.compress(A + b"\n")[:20])) == [(0, "file.truncated")]


def test_truncated_document_is_a_fault_of_the_file(records) -> None:
    assert faults(records(gzip.compress(b"[" + A * 99)[:40])) == [(0, "file.truncated")]


def test_damaged_gzip_keeps_the_members_before_the_damage(records) -> None:
    found = records(gzip.compress((A + b"\n") * 9000) + b"garbage")
    assert faults(found)[-1] == (9001, "file.corrupt")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf16_is_a_clear_fault_of_the_file(records, encoding: str) -> None:
    assert faults(records(A.decode().encode(encoding))) == [(0, "file.encoding")]


@pytest.mark.parametrize("name", ["export.xml", "readme.txt", "export"])
def test_what_is_not_json_is_one_fault(records, name: str) -> None:
    assert faults(records(b"<Patient>\n</Patient>\n", name)) == [(0, "file.format")]


def test_garbage_in_an_ndjson_file_is_a_line(records) -> None:
    found = records(b"<html>\n" + A + b"\n")
    assert raws(found) == [b"<html>", A]


@pytest.mark.parametrize("data", [b"[" + A, b"[" + A + b",]", b"[" + A + b"] x", b"[" * 5000])
def test_a_broken_document_is_one_fault(records, data: bytes) -> None:
    assert faults(records(data, "x.json")) == [(0, "file.not_json")]


def test_a_line_beyond_the_limit_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_RECORD_BYTES", 1000)
    path = tmp_path / "x.ndjson"
    path.write_bytes(A + b"\n" + b"x" * 200_000 + b"\n" + B + b"\n")
    found = list(read_records(path))
    assert faults(found) == [(1, None), (2, "record.too_large"), (3, None)]
    assert found[2].raw == B
    assert found[2].offset == len(A) + 200_002


def test_a_document_beyond_the_limit_is_one_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_RECORD_BYTES", 1000)
    path = tmp_path / "x.json"
    path.write_bytes(b"[" + b",".join([A] * 100) + b"]")
    assert faults(list(read_records(path))) == [(0, "file.too_large")]


def test_reading_is_chunked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.ndjson"
    path.write_bytes(b"\xef\xbb\xbf\n" + A + b"\n" + B)
    whole = list(read_records(path))
    monkeypatch.setattr(content, "CHUNK_BYTES", 7)
    assert list(read_records(path)) == whole
