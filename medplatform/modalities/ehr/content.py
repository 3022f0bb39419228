"""From a delivered file to its plain bytes: gzip, byte order mark, and how records are laid out.

Compression is told by the magic number, not by the name. Memory stays bounded by one chunk.
"""

import json
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from medplatform.modalities.ehr.issue import refused

CHUNK_BYTES = 64 << 10
MAX_RECORD_BYTES = 128 << 20
GZIP_MAGIC = b"\x1f\x8b"
BLANK = b" \t\r\n"
BOM = b"\xef\xbb\xbf"
_GZIP_WINDOW = 31  # zlib: a gzip header and trailer around the largest window
_LINE_SUFFIXES = {".ndjson", ".jsonl"}


class Layout(StrEnum):
    """How the records stand in a file."""

    LINES = "lines"
    """One record on a line (NDJSON)."""
    DOCUMENT = "document"
    """One JSON value over the whole file: a Bundle, a resource, or an array."""


def read_chunks(path: Path) -> Iterator[bytes]:
    """The plain bytes of a file, piece by piece, without a byte order mark.

    Raises
    ------
    Refused
        From here on nothing can be read: damaged or truncated gzip data. What came before is good.
    """
    with path.open("rb") as stream:
        is_gzip = stream.peek(2)[:2] == GZIP_MAGIC
        chunks = _inflate(stream) if is_gzip else iter(lambda: stream.read(CHUNK_BYTES), b"")
        yield next(chunks, b"").removeprefix(BOM)
        yield from chunks


def _inflate(stream: BinaryIO) -> Iterator[bytes]:
    """Decompress all members of a gzip file (RFC 1952); zero bytes may pad them."""
    decoder, inside, pending = zlib.decompressobj(_GZIP_WINDOW), False, b""
    while pending := pending or stream.read(CHUNK_BYTES):
        if not inside:
            pending = pending.lstrip(b"\0")
            if not pending:
                continue
            inside = True
        try:
            output = decoder.decompress(pending)
        except zlib.error:
            raise refused("file.corrupt") from None
        pending = b""
        if decoder.eof:
            pending, inside = decoder.unused_data, False
            decoder = zlib.decompressobj(_GZIP_WINDOW)
        if output:
            yield output
    if inside:
        raise refused("file.truncated")


def find_layout(path: Path) -> Layout:
    """Look at the first line of a file that is not blank.

    Raises
    ------
    Refused
        The bytes are no UTF-8 JSON at all.
    """
    head = _first_line(path)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:4]:
        raise refused("file.encoding")
    has_lines = bool(_LINE_SUFFIXES.intersection(suffix.lower() for suffix in path.suffixes))
    if not head or head[:1] not in b"{[":
        if head and not has_lines:
            raise refused("file.format")
        return Layout.LINES
    spans_lines = head == b"{" if has_lines else not _is_json(head)
    return Layout.DOCUMENT if head[:1] == b"[" or spans_lines else Layout.LINES


def _first_line(path: Path) -> bytes:
    """The first line that is not blank, stripped, or its first MAX_RECORD_BYTES."""
    pieces: list[bytes] = []
    held = 0
    chunks = read_chunks(path)
    for chunk in chunks:
        if not pieces:
            chunk = chunk.lstrip(BLANK)
        line, newline, _ = chunk.partition(b"\n")
        if line:
            pieces.append(line)
            held += len(line)
        if (pieces and newline) or held > MAX_RECORD_BYTES:
            break
    return b"".join(pieces).strip(BLANK)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
