"""The content of a delivered file as a stream of bytes: plain, gzip or BGZF, one member or many.

A damaged stream never raises while it is read: it ends, and `failure` says why. Byte offsets count
the content after decompression.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from isal import igzip_lib, isal_zlib

if TYPE_CHECKING:
    from typing_extensions import Buffer

GZIP_MAGIC = b"\x1f\x8b"
# The empty block that ends every complete BGZF file (SAM specification, section 4.1.2).
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
COMPRESSED_CHUNK = 1 << 16
CONTENT_CHUNK = 1 << 20
MAX_LINE_BYTES = 256 << 20


class Failure(StrEnum):
    """Why a stream ended before its end."""

    TRUNCATED = "file.truncated"
    CORRUPT = "file.corrupt"
    LINE_TOO_LONG = "file.line_too_long"


class Content(io.RawIOBase):
    """Raw content of a file. Wrap it in `io.BufferedReader` to read lines."""

    def __init__(self, path: Path) -> None:
        self.failure: Failure | None = None
        self._file = path.open("rb")
        self.is_compressed = self._file.peek(2)[:2] == GZIP_MAGIC
        self._chunks = self._inflated() if self.is_compressed else self._plain()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """A stream to read from."""
        return True

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
    with Content(path) as content:
        while content.is_compressed and content.read(CONTENT_CHUNK):
            pass
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


@dataclass(frozen=True, slots=True)
class Lines:
    """Consecutive lines without their line ends; `offsets` (int64) say where each begins."""

    first_number: int
    offsets: np.ndarray
    texts: list[bytes]

    def __len__(self) -> int:
        return len(self.texts)

    def head(self, count: int) -> "Lines":
        """The first lines."""
        return Lines(self.first_number, self.offsets[:count], self.texts[:count])


class LineReader:
    """Reads the lines of a file one by one or in batches. A byte order mark is skipped."""

    def __init__(self, path: Path, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._content = Content(path)
        self._stream = io.BufferedReader(self._content, CONTENT_CHUNK)
        self._limit = max_line_bytes
        self._number = 0
        self._offset = 0
        self._last_is_whole = True
        if self._stream.peek(3)[:3] == b"\xef\xbb\xbf":
            self._offset = len(self._stream.read(3))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @property
    def failure(self) -> Failure | None:
        """Why the lines ended before the file did, None if they did not."""
        return self._content.failure

    @property
    def is_cut(self) -> bool:
        """Whether the last line read lacks its end because the file is damaged there."""
        return self.failure is not None and not self._last_is_whole

    def peek(self, size: int) -> bytes:
        """The next bytes, without consuming them."""
        return self._stream.peek(size)[:size]

    def read_line(self) -> bytes | None:
        """The next line without its end, None after the last."""
        line = self._next()
        return None if line is None else line.rstrip(b"\r\n")

    def read_batch(self, max_lines: int, max_bytes: int) -> Lines | None:
        """The next lines, as many as the limits allow (at least one); None after the last."""
        texts: list[bytes] = []
        sizes: list[int] = []
        first, start, size = self._number + 1, self._offset, 0
        while len(texts) < max_lines and size < max_bytes:
            line = self._next()
            if line is None:
                break
            sizes.append(len(line))
            texts.append(line.rstrip(b"\r\n"))
            size += len(line)
        if not texts:
            return None
        offsets = start + np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        return Lines(first, offsets, texts)

    def _next(self) -> bytes | None:
        if self.failure is Failure.LINE_TOO_LONG:
            return None
        line = self._stream.readline(self._limit)
        if not line:
            return None
        self._last_is_whole = line.endswith(b"\n")
        if len(line) >= self._limit and not self._last_is_whole:
            self._content.failure = Failure.LINE_TOO_LONG
        self._number += 1
        self._offset += len(line)
        return line
