"""What a fetched file holds: its digest, its size, its lines."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20


class Damaged(ValueError):
    """The gzip data of a file end too early, or are no such data."""


@dataclass(frozen=True, slots=True)
class Content:
    """`bytes` as stored, `plain_bytes` unpacked; `lines` without blank ones."""

    sha256: str
    bytes: int
    plain_bytes: int
    lines: int
    is_gzip: bool


def inspect(path: Path) -> Content:
    """Read a file once, in bounded memory.

    Raises
    ------
    Damaged
        It is gzip data that cannot be unpacked to the end.
    """
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == GZIP_MAGIC
        stream.seek(0)
        stored = _Hashing(stream)
        plain_bytes = lines = 0
        is_blank = True
        try:
            for chunk in _plain(stored, is_gzip):
                plain_bytes += len(chunk)
                first, *others = chunk.split(b"\n")
                is_blank = is_blank and not first.strip()
                for piece in others:
                    lines += not is_blank
                    is_blank = not piece.strip()
        except (EOFError, OSError, zlib.error):
            raise Damaged from None
        return Content(
            stored.digest.hexdigest(), stored.bytes, plain_bytes, lines + (not is_blank), is_gzip
        )


def digest_of(path: Path) -> str | None:
    """SHA-256 of a file; None where there is none."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a small file that was inspected, blank ones aside."""
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == GZIP_MAGIC
        stream.seek(0)
        plain = gzip.open(stream) if is_gzip else stream  # noqa: SIM115 - closed with `stream`
        for line in plain:
            if line.strip():
                yield line


class _Hashing(io.RawIOBase):
    """A stream that hashes what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.bytes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self.digest.update(chunk)
        self.bytes += len(chunk)
        return chunk


def _plain(stream: _Hashing, is_gzip: bool) -> Iterator[bytes]:
    source = gzip.open(cast(BinaryIO, stream)) if is_gzip else stream  # noqa: SIM115 - as above
    while chunk := source.read(_CHUNK_BYTES):
        yield chunk
