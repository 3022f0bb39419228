"""Bodies of several parts, however they are cut into chunks."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medplatform.pacs.dicomweb.multipart import Malformed, Multipart, Truncated, boundary_of

BODY = (
    b"preamble\r\n--b\r\nContent-Type: application/dicom\r\nContent-Length: 5\r\n\r\nfirst\r\n"
    b"--b \t\r\n\r\nsec\r\n--bond\r\n--\r\n-b\r\n--b\r\nX: y\r\n\r\n\r\n--b--\r\nepilogue"
)
PARTS = [b"first", b"sec\r\n--bond\r\n--\r\n-b", b""]


def chunks(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def parts(body: bytes, size: int = 7) -> list[bytes]:
    return [b"".join(part) for part in Multipart(chunks(body, size), b"b")]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 1000])
def test_parts_are_found_however_the_body_is_cut(size: int) -> None:
    assert parts(BODY, size) == PARTS


def test_a_part_that_is_not_read_is_skipped() -> None:
    assert sum(1 for _ in Multipart(chunks(BODY, 3), b"b")) == 3


@given(st.lists(st.binary(max_size=60), max_size=4), st.integers(1, 40))
def test_any_content_comes_back(contents: list[bytes], size: int) -> None:
    contents = [content.replace(b"--b", b"") for content in contents]
    body = b"".join(b"--b\r\nA: b\r\n\r\n" + content + b"\r\n" for content in contents) + b"--b--"
    assert parts(body, size) == contents


@pytest.mark.parametrize("end", range(3, len(BODY) - len(b"--\r\nepilogue") + 1))
def test_a_body_that_ends_early_is_noticed(end: int) -> None:
    with pytest.raises(Truncated):
        parts(BODY[:end])


def test_memory_stays_bounded() -> None:
    chunk = bytes(1 << 16)

    def body() -> Iterator[bytes]:
        yield b"--b\r\n\r\n"
        for _ in range(1000):
            yield chunk
        yield b"\r\n--b--"

    longest = total = 0
    for part in Multipart(body(), b"b"):
        for piece in part:
            longest, total = max(longest, len(piece)), total + len(piece)
    assert total == 1000 * len(chunk)
    assert longest <= 2 * len(chunk)


@pytest.mark.parametrize(
    "body", [b"--b\r\n" + b"x" * (1 << 17), b"--b\r\n" + b"A: b\r\n" * (1 << 15), b"--b x\r\n"]
)
def test_headers_without_end_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parts(body, 1000)


def test_a_boundary_is_read_quoted_or_not() -> None:
    assert boundary_of('multipart/related; type="application/dicom"; boundary="a b"') == b"a b"
    assert boundary_of("multipart/related; boundary=a-b; type=application/dicom") == b"a-b"


@pytest.mark.parametrize(
    "content_type", ["multipart/related", "multipart/related; boundary=", "x", "a/b; boundary=ä"]
)
def test_a_boundary_that_is_none_is_malformed(content_type: str) -> None:
    with pytest.raises(Malformed):
        boundary_of(content_type)
