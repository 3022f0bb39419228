"""The plain bytes of a compressed file, up to its end or a break.

Compressed: gzip (RFC 1952), bzip2, xz, Zstandard (RFC 8878).
"""

import bz2
import lzma
import zlib
from collections.abc import Callable
from os import SEEK_CUR
from typing import IO, Protocol, cast

from isal import igzip, isal_zlib

from medplatform.modalities.imaging.sources.container import BOMB_BYTES, BOMB_RATIO, Container

CHUNK_BYTES = 1 << 20
_STEP_BYTES = 64 << 10
"""Unpacked at a time: what stands this close before a break may be lost with it."""
_MAX_XZ_MEMORY = 256 << 20
"""Of the dictionary of an xz stream, which its header asks for."""
_INFLATE_ERROR = cast(type[Exception], isal_zlib.error)  # its stub has an instance in this place
_DAMAGED = (OSError, ValueError, zlib.error, lzma.LZMAError, _INFLATE_ERROR)


class Broken(Exception):
    """From here on nothing can be read; `code` says why. What came before is good."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Stream(Protocol):
    """What is read of a binary file."""

    def read(self, size: int, /) -> bytes:
        """At most so many of the next bytes, none at the end."""
        ...


class PlainStream:
    """The plain bytes of a container that is no archive; ends early at a `fault`.

    Parameters
    ----------
    packed
        The compressed file; it is read from its beginning.
    container
        Its format. Any other than a compression is passed on as it is.
    """

    def __init__(self, packed: IO[bytes], container: Container) -> None:
        packed.seek(0)
        self.fault: str | None = None
        self._packed = packed
        self._unpacked = 0
        self._is_packed = container in _OPENERS
        self._stream: Stream = _OPENERS[container](packed) if self._is_packed else packed

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes, fewer at the end or before a break."""
        pieces: list[bytes] = []
        wanted = size
        while wanted and self.fault is None:
            piece = self._read_some(min(wanted, _STEP_BYTES))
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        """Go on by so many bytes; behind the end, nothing is left to read."""
        if not self._is_packed:
            self._packed.seek(size, SEEK_CUR)
            return
        while size and (piece := self.read(min(size, CHUNK_BYTES))):
            size -= len(piece)

    def drain(self) -> None:
        """Read on to the end of compressed data, where the checksums stand."""
        while self._is_packed and self.read(CHUNK_BYTES):
            pass

    def _read_some(self, size: int) -> bytes:
        try:
            piece = self._stream.read(size)
        except EOFError:
            self.fault = "file.truncated"
            return b""
        except _DAMAGED as error:
            if getattr(error, "errno", None) is not None:
                raise  # of the disk; decompressors give none
            self.fault = "file.corrupt"
            return b""
        self._unpacked += len(piece)
        if self._is_packed and self._unpacked > max(BOMB_BYTES, BOMB_RATIO * self._packed.tell()):
            self.fault = "file.bomb"
            return b""
        return piece


def read_exactly(stream: Stream, size: int) -> bytes:
    """The next `size` bytes, fewer only at the end."""
    taken = b""
    while len(taken) < size and (piece := stream.read(size - len(taken))):
        taken += piece
    return taken


class _Xz:
    """xz streams one after another, with a bound on memory that `lzma.LZMAFile` lacks."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._decoder = _xz_decoder()

    def read(self, size: int, /) -> bytes:
        while not self._decoder.eof or self._next_stream():
            packed = b""
            if self._decoder.needs_input and not (packed := self._packed.read(_STEP_BYTES)):
                raise EOFError
            if piece := self._decoder.decompress(packed, size):
                return piece
        return b""

    def _next_stream(self) -> bool:
        """Whether another stream follows; zero bytes may stand between them."""
        self._packed.seek(-len(self._decoder.unused_data), SEEK_CUR)
        while between := self._packed.read(CHUNK_BYTES):
            if rest := between.lstrip(b"\0"):
                self._packed.seek(-len(rest), SEEK_CUR)
                self._decoder = _xz_decoder()
                return True
        return False


def _xz_decoder() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, _MAX_XZ_MEMORY)


def _open_gzip(packed: IO[bytes]) -> Stream:
    return igzip.IGzipFile(fileobj=packed)


def _open_zstandard(packed: IO[bytes]) -> Stream:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(_Unclosed(packed), mode="r"), "zstd")


class _Unclosed:
    """A file that Arrow cannot close: it is read again."""

    closed = False

    def __init__(self, packed: IO[bytes]) -> None:
        self.read = packed.read

    def close(self) -> None:
        """Leave the file open."""


_OPENERS: dict[Container, Callable[[IO[bytes]], Stream]] = {
    Container.GZIP: _open_gzip,
    Container.BZIP2: bz2.BZ2File,
    Container.XZ: _Xz,
    Container.ZSTANDARD: _open_zstandard,
}
