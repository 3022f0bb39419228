"""NDJSON in every form it comes in, and what is broken about it."""

import gzip
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medplatform.modalities.ehr import count
from medplatform.modalities.ehr.sources import lines, plain
from medplatform.modalities.ehr.sources.builder import Builder
from medplatform.modalities.ehr.sources.plain import Tape

from .conftest import A, B, Read, bundle, entry

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "data",
    [
        A + b"\n" + B + b"\n",
        A + b"\n" + B,
        A + b"\r\n" + B + b"\r\n",
        BOM + A + b"\n" + B + b"\n",
        BOM + A + b"\n" + BOM + B + b"\n",
        gzip.compress(A + b"\n" + B + b"\n"),
        gzip.compress(A + b"\n") + gzip.compress(B + b"\n"),
        gzip.compress(A[:5]) + gzip.compress(A[5:] + b"\n" + B),
        gzip.compress(A + b"\n" + B) + bytes(512),
        gzip.compress(BOM + A + b"\n" + B),
        b"[" + A + b"," + B + b"]",
        b"[" + A + b",\n " + B + b"]",
        b" [\n" + A + b"," + B + b"\n]\n",
        b'{"resourceType":"Bundle","entry":[{"resource":' + A + b'},{"resource":' + B + b"}]}",
        b'{"entry":[{"resource":' + A + b'}],"resourceType":"Bundle"}\n' + B,
    ],
    ids=[
        "plain",
        "no final newline",
        "crlf",
        "byte order mark",
        "byte order marks of joined files",
        "gzip",
        "gzip of two members",
        "member ends within a line",
        "gzip with zero padding",
        "byte order mark in gzip",
        "array",
        "array over lines",
        "array between blanks",
        "bundle",
        "bundle on a line",
    ],
)
@pytest.mark.parametrize("name", ["export", "x.json", "x.ndjson", "x.json.gz"])
def test_the_same_two_records_in_every_form(read: Read, data: bytes, name: str) -> None:
    found = read(data, name)
    assert found.lines == [A, B]
    assert [number for number, _ in found.places] == [1, 2]
    assert found.faults == []


def test_offsets_point_at_the_records(read: Read) -> None:
    data = BOM + b"\n" + A + b"\r\n  \n  " + B + b"\n" + json.dumps(bundle(entry("c"))).encode()
    found = read(data)
    assert len(found.lines) == 3
    for line, (_, offset) in zip(found.lines, found.places, strict=True):
        assert offset is not None
        assert data[offset:].startswith(line)


def test_blank_lines_are_counted_and_numbered(read: Read) -> None:
    found = read(b"\n" + A + b"\n \t\r\n" + B + b"\n\n")
    assert found.blank == 3
    assert [number for number, _ in found.places] == [2, 4]


def test_an_empty_file_has_no_records(read: Read) -> None:
    assert read(b"").delivered == 0
    assert read(BOM).delivered == 0
    assert read(gzip.compress(b"")).delivered == 0


def test_bad_lines_stay_lines_to_be_judged(read: Read) -> None:
    bad = [b"<html>", b"{", b'{"id":"cut', A + B, b"5", b"nul\0", b"\xff", b"[1,", b'"Bundle"']
    found = read(b"\n".join([A, *bad, B]))
    assert found.lines == [A, *bad, B]


@pytest.mark.parametrize(
    "first", [b"<html>", b'{"id":"cut', b'{"id":1,', b'{"a":{"b":[1', b"[[,", b'{"a":[']
)
@pytest.mark.parametrize("name", ["x.ndjson", "x.json"])
def test_a_bad_first_line_costs_no_other_line(read: Read, first: bytes, name: str) -> None:
    assert read(first + b"\n" + A + b"\n" + B, name).lines == [first, A, B]


def test_a_carriage_return_within_a_line_keeps_its_meaning(read: Read) -> None:
    found = read(A.replace(b",", b",\r") + b"\n" + A.replace(b"Pat", b"P\rt"))
    assert json.loads(found.lines[0]) == json.loads(A)
    with pytest.raises(json.JSONDecodeError, match="control character"):
        json.loads(found.lines[1])


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("compress", [False, True])
def test_other_encodings_are_a_clear_fault(read: Read, encoding: str, compress: bool) -> None:
    data = A.decode().encode(encoding)
    found = read(gzip.compress(data) if compress else data)
    assert found.codes == [(1, "file.encoding")]
    assert found.faults[0].offset is None


@pytest.mark.parametrize("start", [bytes(128) + b"DICM", b"\x08\x00\x05\x00", b"SQLite\0"])
def test_another_kind_of_file_is_not_taken_for_a_wide_text(read: Read, start: bytes) -> None:
    assert read(start + bytes(100), "1.dcm").codes == [(1, "file.format")]


@pytest.mark.parametrize("name", ["export.xml", "readme.txt", "export"])
def test_what_is_not_json_is_one_fault(read: Read, name: str) -> None:
    assert read(b"<Patient>\n</Patient>\n", name).codes == [(1, "file.format")]


def test_truncated_gzip_keeps_what_was_read(read: Read) -> None:
    text = b"".join(b'{"resourceType":"Patient","id":"%d"}\n' % n for n in range(5000))
    whole = gzip.compress(text)
    found = read(whole[: len(whole) // 2])
    assert 100 < len(found.lines) < 5000
    assert text.startswith(b"\n".join(found.lines))
    assert found.codes == [(len(found.lines) + 1, "file.truncated")]
    assert found.faults[0].offset == sum(len(line) + 1 for line in found.lines)


def test_damaged_gzip_keeps_the_members_before_the_damage(read: Read) -> None:
    found = read(gzip.compress((A + b"\n") * 9000) + b"garbage")
    assert found.lines == [A] * 9000
    assert found.codes == [(9001, "file.corrupt")]


def test_a_wrong_checksum_is_a_fault(read: Read) -> None:
    data = bytearray(gzip.compress(A + b"\n"))
    data[-6] ^= 1
    assert read(bytes(data)).codes == [(1, "file.corrupt")]


def test_nothing_of_a_file_can_be_read(read: Read) -> None:
    found = read(gzip.compress(A + b"\n")[:20])
    assert found.codes == [(1, "file.truncated")]
    assert found.faults[0].offset is None


def test_a_line_beyond_the_limit_is_passed_over(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (lines, count):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", 300_000)
    found = read(A + b"\n" + b"{" + b" " * 600_000 + b"}\n" + B + b"\n")
    assert found.lines == [A, B]
    assert found.codes == [(2, "record.too_large")]
    assert found.places[-1] == (3, len(A) + 600_004)
    assert read(A + b"\n" + b"x" * 600_000).codes == [(2, "record.too_large")]


def test_blocks_are_bounded(read: Read) -> None:
    found = read((A + b"\n") * 50_000, block_bytes=1)
    assert all(len(b"".join(block.lines)) <= plain.CHUNK_BYTES for block in found.blocks)
    assert found.blocks[-1].bytes_read == 50_000 * (len(A) + 1)


def cut_in_chunks(data: bytes, cuts: list[int]) -> list[tuple[bytes, int | None]]:
    edges = sorted({0, len(data), *(at % (len(data) + 1) for at in cuts)})
    pieces = [data[a:b] for a, b in pairwise(edges)]
    builder = Builder(1)
    blocks = [*lines.read_lines(Tape(pieces), builder), *builder.flush()]
    return [
        (line, offset)
        for block in blocks
        for line, offset in zip(block.lines, block.offsets, strict=True)
    ]


PIECES = [A, b"\n", b"\r\n", b" ", b"{}", BOM, b'{"resourceType":"Bundle"', b"}", b"[1,2]", b"\r"]
BUNDLE = json.dumps(bundle(entry("x", fullUrl="urn:uuid:1"), entry("y"))).encode()


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.sampled_from([*PIECES, BUNDLE]), max_size=12).map(b"".join),
    st.lists(st.integers(0, 10_000), max_size=6),
)
def test_where_chunks_end_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    assert cut_in_chunks(data, cuts) == cut_in_chunks(data, [])
