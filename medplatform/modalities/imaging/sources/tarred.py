"""The entries of a tar archive (POSIX ustar and pax, GNU), in one pass over its plain bytes.

`tarfile` takes a damaged header for the end of the archive and reads extended headers of any size
into memory, so only single headers are left to it.
"""

import tarfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import IO

from medplatform.modalities.imaging.sources.container import MAX_OFFSET, Container
from medplatform.modalities.imaging.sources.entry import Entry
from medplatform.modalities.imaging.sources.plain import Broken, PlainStream, Stream

MAX_EXTENSION_BYTES = 1 << 20
"""Of a header that extends the one behind it, by a long name say: it is held in memory."""
_BLOCK = tarfile.BLOCKSIZE
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_EXTENSIONS = (*_PAX, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_VOLUME_LABEL = b"V"
_SPARSE_KEY = b"GNU.sparse."
_MORE_BEHIND_HEADER, _MORE_BEHIND_MAP = 482, 504  # of the old sparse format of GNU


def tar_entries(packed: IO[bytes], container: Container) -> Iterator[Entry]:
    """Entries in their order; each is read before the next is asked for.

    Where the archive breaks off, and where it lacks the zero block that ends one, the last entry
    has no name.
    """
    stream = PlainStream(packed, container)
    try:
        yield from _read_entries(stream)
        stream.drain()
    except Broken as error:
        yield Entry(code=error.code)
    else:
        if stream.fault:
            yield Entry(code=stream.fault)


def _read_entries(stream: PlainStream) -> Iterator[Entry]:
    extension: dict[bytes, bytes] = {}
    while any(block := _take(stream, _BLOCK)):
        header = _parse(block)
        if header.type in _EXTENSIONS:
            extension |= _read_extension(stream, header)
            continue
        size = _size(header, extension)
        is_sparse = header.type == tarfile.GNUTYPE_SPARSE
        if is_sparse and block[_MORE_BEHIND_HEADER]:
            while _take(stream, _BLOCK)[_MORE_BEHIND_MAP]:
                pass
        data = _Data(stream, size)
        if not header.isdir() and header.type != _VOLUME_LABEL:
            is_sparse |= any(key.startswith(_SPARSE_KEY) for key in extension)
            is_plain = header.isreg() and not is_sparse
            path = extension.get(b"path")
            name = path.decode("utf-8", "surrogateescape") if path else header.name
            yield Entry(name, size, None, None if is_plain else "file.special", data.open)
        data.skip()
        extension = {}


def _parse(block: bytes) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        raise Broken("file.corrupt") from None
    is_extension = header.type in _EXTENSIONS
    if not 0 <= header.size <= (MAX_EXTENSION_BYTES if is_extension else MAX_OFFSET):
        raise Broken("file.corrupt")
    return header


def _size(header: tarfile.TarInfo, extension: dict[bytes, bytes]) -> int:
    """How many bytes of data follow; links, folders and devices have none."""
    if not header.isreg() and header.type in tarfile.SUPPORTED_TYPES:
        return 0
    text = extension.get(b"size")
    if text is None:
        return header.size
    if not text.isdigit() or len(text) > 18 or int(text) > MAX_OFFSET:
        raise Broken("file.corrupt")
    return int(text)


def _read_extension(stream: PlainStream, header: tarfile.TarInfo) -> dict[bytes, bytes]:
    """What a header of the one behind it says, by the keywords of pax; none of the archive."""
    content = _take(stream, header.size)
    _take(stream, -header.size % _BLOCK)
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {b"path": content.rstrip(b"\0")}
    return dict(_read_records(content)) if header.type in _PAX else {}


def _read_records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Records "<length> <keyword>=<value>\\n" of pax."""
    while content.rstrip(b"\0"):
        digits, _, _ = content[:20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record, content = content[len(digits) + 1 : length], content[length:]
        keyword, equals, value = record.partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise Broken("file.corrupt")
        yield keyword, value[:-1]


def _take(stream: PlainStream, size: int) -> bytes:
    """Exactly so many bytes.

    Raises
    ------
    Broken
        There are fewer.
    """
    taken = stream.read(size)
    if len(taken) < size:
        raise Broken(stream.fault or "file.truncated")
    return taken


class _Data:
    """The data of one entry."""

    def __init__(self, stream: PlainStream, size: int) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % _BLOCK

    def open(self) -> AbstractContextManager[Stream]:
        return nullcontext(self)

    def read(self, size: int, /) -> bytes:
        piece = _take(self._stream, min(size, self._left))
        self._left -= len(piece)
        return piece

    def skip(self) -> None:
        """Go behind the padding of the data."""
        self._stream.skip(self._left + self._padding)
        self._left = self._padding = 0
