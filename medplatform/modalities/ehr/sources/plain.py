"""The plain bytes of a file: decompression, and a stream that can be put back.

Compression is told by the magic number, not by the name.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import cast

from isal import isal_zlib

from medplatform.modalities.ehr.issue import Issue, Refused, refused

CHUNK_BYTES = 256 << 10
"""Small enough to stay in the cache of a core: 8 MiB at a time take twice as long."""
GZIP_MAGIC = b"\x1f\x8b"
BLANK = b" \t\r\n"
BOM = b"\xef\xbb\xbf"
_COMPRESSED_BYTES = 64 << 10
_GZIP_WINDOW = 31  # zlib: a gzip header and trailer around the largest window
_MAX_OUTPUT_BYTES = 1 << 20
_DAMAGED = cast(type[Exception], isal_zlib.error)  # its stub has an instance in this place


def decompress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The plain bytes of what may be gzip data.

    Raises
    ------
    Refused
        From here on nothing can be read: damaged or truncated gzip data. What came before is good.
    """
    stream = iter(chunks)
    first = next(stream, b"")
    whole = chain([first], stream)
    return _inflate(whole) if first.startswith(GZIP_MAGIC) else whole


def _inflate(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress all members of a gzip file (RFC 1952); zero bytes may pad them."""
    decoder = isal_zlib.decompressobj(_GZIP_WINDOW)
    inside = False
    for chunk in chunks:
        for start in range(0, len(chunk), _COMPRESSED_BYTES):
            pending = chunk[start : start + _COMPRESSED_BYTES]
            while pending:
                if not inside:
                    pending = pending.lstrip(b"\0")
                    if not pending:
                        break
                    if not GZIP_MAGIC.startswith(pending[:2]):
                        raise refused("file.corrupt")
                    inside = True
                try:
                    output = decoder.decompress(pending, _MAX_OUTPUT_BYTES)
                except _DAMAGED:
                    raise refused("file.corrupt") from None
                pending = decoder.unconsumed_tail
                if decoder.eof:
                    pending, inside = decoder.unused_data, False
                    decoder = isal_zlib.decompressobj(_GZIP_WINDOW)
                if output:
                    yield output
    if inside:
        raise refused("file.truncated")


class Tape:
    """Plain bytes in pieces of any size, of which the last can be put back.

    `offset` is where the next byte stands. Where the bytes cannot be read to their end, `fault`
    says why once they are exhausted.
    """

    def __init__(self, chunks: Iterable[bytes], offset: int = 0) -> None:
        self.offset = offset
        self.fault: Issue | None = None
        self._chunks = iter(chunks)
        self._next = b""
        self._at = 0  # the next byte in it

    def read(self) -> bytes:
        """The next piece, empty at the end."""
        if self._at < len(self._next):
            chunk = self._next[self._at :] if self._at else self._next
        else:
            chunk = self._pull()
        self._next, self._at = b"", 0
        self.offset += len(chunk)
        return chunk

    def put_back(self, chunk: bytes) -> None:
        """Make bytes that were read last the next ones again."""
        if chunk:
            self._next = chunk + self._next[self._at :]
            self._at = 0
            self.offset -= len(chunk)

    def gather(self, limit: int) -> bytes:
        """The next `limit` bytes or somewhat more, fewer at the end."""
        pieces: list[bytes] = []
        held = 0
        while held < limit and (chunk := self.read()):
            pieces.append(chunk)
            held += len(chunk)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def take(self, length: int) -> bytes:
        """The next `length` bytes, fewer at the end."""
        end = self._at + length
        if end <= len(self._next):
            text = self._next[self._at : end]
            self._at = end
            self.offset += length
            return text
        text = self.gather(length)
        self.put_back(text[length:])
        return text[:length]

    def skip_to(self, offset: int) -> "Tape":
        """Pass over bytes."""
        while self.offset < offset:
            inside = min(offset - self.offset, len(self._next) - self._at)
            if inside:
                self._at += inside
                self.offset += inside
            elif chunk := self._pull():
                self._next, self._at = chunk, 0
            else:
                break
        return self

    def line(self) -> "Tape":
        """The rest of a line as a tape of its own, which takes it from this one."""
        return Tape(self._line_pieces(), self.offset)

    def _line_pieces(self) -> Iterator[bytes]:
        while chunk := self.read():
            line, newline, others = chunk.partition(b"\n")
            yield line
            if newline:
                self.put_back(newline + others)
                return
        if self.fault:
            raise Refused(self.fault)

    def _pull(self) -> bytes:
        try:
            for chunk in self._chunks:
                if chunk:
                    return chunk
        except Refused as error:
            self.fault = error.issue
            self._chunks = iter(())
        return b""
