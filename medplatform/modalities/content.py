"""The content of a delivered file as a stream of bytes: plain, gzip or BGZF, one member or many.

A damaged stream never raises while it is read: it ends, and `failure` says why.
"""

import io
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from isal import igzip_lib, isal_zlib

if TYPE_CHECKING:
    from typing_extensions import Buffer

GZIP_MAGIC = b"\x1f\x8b"
# The empty block that ends every complete BGZF file (SAM specification, section 4.1.2).
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
COMPRESSED_CHUNK = 1 << 16
CONTENT_CHUNK = 1 << 20


class Failure(StrEnum):
    """Why a stream ended before its end."""

    TRUNCATED = "file.truncated"
    CORRUPT = "file.corrupt"
    LINE_TOO_LONG = "file.line_too_long"
    BCF = "file.bcf"


class Content(io.RawIOBase):
    """Raw content of a stream that may end early. Wrap it in `io.BufferedReader` to read lines."""

    failure: Failure | None = None

    def readable(self) -> bool:
        """A stream to read from."""
        return True

    def next_piece(self) -> bytes:
        """The next bytes, as many as there are at once; none at the end or at a failure."""
        return self.read(CONTENT_CHUNK) or b""


class FileContent(Content):
    """Content of a file as it is, or inflated."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.is_compressed = self._file.peek(2)[:2] == GZIP_MAGIC
        self._chunks = self._inflated() if self.is_compressed else self._plain()
        self._rest = memoryview(b"")

    def readinto(self, buffer: "Buffer", /) -> int:
        """Fill the buffer with the next bytes; 0 at the end or at a failure."""
        target = memoryview(buffer)
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def next_piece(self) -> bytes:
        """The next bytes as they were read or inflated, without a copy."""
        piece = bytes(self._rest)
        self._rest = memoryview(b"")
        while not piece:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            piece = chunk
        return piece

    def drain(self) -> None:
        """Inflate what is left, without keeping any of it."""
        for _ in self._chunks:
            pass

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def _plain(self) -> Iterator[bytes]:
        while chunk := self._file.read(CONTENT_CHUNK):
            yield chunk

    def _inflated(self) -> Iterator[bytes]:
        member = None
        while pending := self._file.read(COMPRESSED_CHUNK):
            while pending:
                if member is None:
                    pending = pending.lstrip(b"\0")  # padding between members is allowed
                    if not pending:
                        break
                    member = isal_zlib.decompressobj(wbits=31)
                try:
                    yield member.decompress(pending, CONTENT_CHUNK)
                except igzip_lib.IsalError:  # pyright: ignore[reportGeneralTypeIssues] - its stub is a value
                    self.failure = Failure.CORRUPT
                    return
                pending = member.unused_data if member.eof else member.unconsumed_tail
                member = None if member.eof else member
        if member is not None:
            self.failure = Failure.TRUNCATED


def find_failure(path: Path) -> Failure | None:
    """Inflate a file to its end: every checksum is verified before the first line is believed."""
    with FileContent(path) as content:
        if content.is_compressed:
            content.drain()
        return content.failure


def lacks_end_block(path: Path) -> bool:
    """Whether a file is BGZF without its end block: whole blocks may have been cut off."""
    with path.open("rb") as stream:
        # FLG.FEXTRA and the subfield BC of length 2 tell BGZF from other gzip files.
        head = stream.read(16)
        is_bgzf = head[:4] == BGZF_END[:4] and head[12:16] == BGZF_END[12:16]
        if not is_bgzf:
            return False
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(0, size - len(BGZF_END)))
        return stream.read() != BGZF_END
