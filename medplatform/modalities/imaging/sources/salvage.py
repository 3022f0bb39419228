"""The entries of a zip archive whose directory is lost, by the headers before each of them."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import IO, NamedTuple

from medplatform.modalities.imaging.sources.container import MAX_OFFSET
from medplatform.modalities.imaging.sources.entry import Entry
from medplatform.modalities.imaging.sources.plain import CHUNK_BYTES, Stream

_LOCAL = struct.Struct("<4s5H3L2H")  # APPNOTE.TXT, 4.3.7
_LOCAL_SIGNATURE = b"PK\x03\x04"
_BEHIND_LAST = (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x08")
_SIGNATURES = (_LOCAL_SIGNATURE, *_BEHIND_LAST)
_DESCRIPTOR_BYTES = (16, 12, 24, 20)  # 4.3.9: with and without signature, then those of Zip64
_ENCRYPTED, _DESCRIBED_BEHIND, _UTF8 = 0x1, 0x8, 0x800  # 4.4.4
_ZIP64_FIELD, _ZIP64_SIZE = 1, 0xFFFFFFFF  # 4.5.3


def salvage_entries(stream: IO[bytes]) -> Iterator[Entry]:
    """Entries from the beginning of a file on; where they break off, one without a name."""
    at = 0
    while True:
        stream.seek(at)
        head = stream.read(_LOCAL.size)
        if head.startswith(_BEHIND_LAST):
            return
        if len(head) == _LOCAL.size and not head.startswith(_LOCAL_SIGNATURE):
            yield Entry(code="file.corrupt")
            return
        header = _read_header(stream, head, at)
        if header is None or header.packed > MAX_OFFSET:
            yield Entry(code="file.corrupt" if header else "file.truncated")
            return
        entry, end = _make_entry(stream, header)
        if entry:
            yield entry
        if end is None:
            return
        at = end


class _Header(NamedTuple):
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    begin: int
    """Where the data begin."""


def _read_header(stream: IO[bytes], head: bytes, at: int) -> _Header | None:
    """A local header; None where the file ends within it."""
    if len(head) < _LOCAL.size:
        return None
    _, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = _LOCAL.unpack(head)
    name, extra = stream.read(name_bytes), stream.read(extra_bytes)
    if len(name) + len(extra) < name_bytes + extra_bytes:
        return None
    if _ZIP64_SIZE in (packed, size):
        size, packed = _large_sizes(extra, size, packed)
    encoding = "utf-8" if flags & _UTF8 else "cp437"
    text = name.decode(encoding, "surrogateescape")
    begin = at + _LOCAL.size + name_bytes + extra_bytes
    return _Header(text, flags, method, crc, packed, size, begin)


def _large_sizes(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    """Sizes of 8 bytes from the extra field, for those that do not fit 4."""
    at = 0
    while at + 4 <= len(extra):
        field, length = struct.unpack_from("<2H", extra, at)
        if field == _ZIP64_FIELD and length >= 16 and at + 20 <= len(extra):
            size, packed = struct.unpack_from("<2Q", extra, at + 4)
            break
        at += 4 + length
    return size, packed


def _make_entry(stream: IO[bytes], header: _Header) -> tuple[Entry | None, int | None]:
    """The entry, None for a folder, and where the next header stands, None where nobody knows."""
    if header.flags & _ENCRYPTED:
        code = "file.encrypted"
    else:
        known = header.method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        code = None if known else "file.compression"
    end: int | None = header.begin + header.packed
    if header.flags & _DESCRIBED_BEHIND and not header.packed:
        if code or header.method == zipfile.ZIP_STORED:
            return Entry(header.name, code=code or "file.corrupt"), None
        header, end = _measure(stream, header)
    if header.name.endswith("/"):
        return None, end

    def open_data() -> AbstractContextManager[Stream]:
        return nullcontext(_Data(stream, header))

    return Entry(header.name, header.size, header.packed, code, open_data), end


def _measure(stream: IO[bytes], header: _Header) -> tuple[_Header, int | None]:
    """Inflate data whose sizes stand behind them, to find these and the next header."""
    stream.seek(header.begin)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    packed, size, crc = 0, 0, 0
    rest = b""
    try:
        while not inflater.eof:
            chunk = rest or stream.read(CHUNK_BYTES)
            if not chunk:
                return header._replace(packed=packed, size=size + 1), None
            if not rest:
                packed += len(chunk)
            piece = inflater.decompress(chunk, CHUNK_BYTES)
            size, crc, rest = size + len(piece), zlib.crc32(piece, crc), inflater.unconsumed_tail
    except zlib.error:
        return header._replace(packed=packed, size=size + 1), None
    packed -= len(inflater.unused_data)
    header = header._replace(packed=packed, size=size, crc=crc)
    for length in _DESCRIPTOR_BYTES:
        stream.seek(header.begin + packed + length)
        if stream.read(4) in _SIGNATURES:
            return header, header.begin + packed + length
    return header, header.begin + packed + _DESCRIPTOR_BYTES[0]


@dataclass(slots=True)
class _Reading:
    """How far the data of an entry were read."""

    at: int
    left: int
    size: int = 0
    crc: int = 0


class _Data:
    """The plain bytes of an entry; raises as `zipfile` does where they are cut or damaged."""

    def __init__(self, stream: IO[bytes], header: _Header) -> None:
        self._stream = stream
        self._header = header
        self._state = _Reading(header.begin, header.packed)
        is_deflated = header.method == zipfile.ZIP_DEFLATED
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if is_deflated else None

    def read(self, size: int, /) -> bytes:
        while not self._is_finished:
            if piece := self._next_piece(size):
                self._state.size += len(piece)
                self._state.crc = zlib.crc32(piece, self._state.crc)
                return piece
        if (self._state.size, self._state.crc) != (self._header.size, self._header.crc):
            raise zipfile.BadZipFile
        return b""

    @property
    def _is_finished(self) -> bool:
        return self._inflater.eof if self._inflater else not self._state.left

    def _next_piece(self, size: int) -> bytes:
        if self._inflater is None:
            return self._read_packed(min(size, CHUNK_BYTES))
        packed = self._inflater.unconsumed_tail or self._read_packed(CHUNK_BYTES)
        return self._inflater.decompress(packed, size)

    def _read_packed(self, size: int) -> bytes:
        self._stream.seek(self._state.at)
        chunk = self._stream.read(min(size, self._state.left))
        if not chunk:
            raise EOFError
        self._state.at += len(chunk)
        self._state.left -= len(chunk)
        return chunk
