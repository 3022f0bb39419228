"""The entries of a zip archive (APPNOTE.TXT) by its central directory."""

import stat
import struct
import zipfile
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from os import SEEK_END
from typing import IO

from medplatform.modalities.imaging.sources.container import MAX_DIRECTORY_BYTES
from medplatform.modalities.imaging.sources.entry import Entry
from medplatform.modalities.imaging.sources.plain import Broken
from medplatform.modalities.imaging.sources.salvage import salvage_entries

ENCRYPTED = 0x1  # 4.4.4
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_UNREADABLE = (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, struct.error)
"""What zipfile raises on a damaged directory; NotImplementedError on one of a later version."""
_UNIX = 3  # 4.4.2
_LOCAL_HEADER_BYTES = 30  # 4.3.7, without name and extra field
_END = struct.Struct("<4s4H2LH")  # 4.3.16
_END64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_MAX_END_BYTES = _END64.size + 20 + _END.size + 0xFFFF


def zip_entries(stream: IO[bytes]) -> Iterator[Entry]:
    """Entries in the order of the directory; by the local headers where there is no directory.

    Raises
    ------
    Broken
        The directory is larger than is held in memory.
    """
    archive = open_directory(stream)
    if archive is None:
        yield from salvage_entries(stream)
        return
    infos = archive.infolist()
    overlapping = _find_overlapping(infos)
    for info in infos:
        if not info.filename.endswith("/"):
            code = "file.bomb" if id(info) in overlapping else _find_fault(info)
            yield Entry(
                info.filename,
                info.file_size,
                info.compress_size,
                code,
                partial(archive.open, info),
            )


def open_directory(stream: IO[bytes]) -> zipfile.ZipFile | None:
    """The archive with its directory; None where there is none that can be used.

    Raises
    ------
    Broken
        The directory is larger than is held in memory.
    """
    if _directory_bytes(stream) > MAX_DIRECTORY_BYTES:
        raise Broken("file.too_many")
    try:
        return zipfile.ZipFile(stream)
    except _UNREADABLE:
        return None


def _directory_bytes(stream: IO[bytes]) -> int:
    """The larger of the sizes of the directory that the end records announce."""
    length = stream.seek(0, SEEK_END)
    stream.seek(max(0, length - _MAX_END_BYTES))
    tail = stream.read()
    sizes = [0]
    end = tail.rfind(b"PK\x05\x06", 0, len(tail) - _END.size + 4)
    if end >= 0:
        sizes.append(_END.unpack_from(tail, end)[5])
        end64 = tail.rfind(b"PK\x06\x06", 0, end - _END64.size + 4)
        if end64 >= 0:
            sizes.append(_END64.unpack_from(tail, end64)[8])
    return min(max(sizes), length)


def _find_overlapping(infos: list[zipfile.ZipInfo]) -> set[int]:
    """Ids of entries that share packed bytes with others, as no packer writes them."""
    found: set[int] = set()
    for one, next_one in pairwise(sorted(infos, key=lambda info: info.header_offset)):
        end = one.header_offset + _LOCAL_HEADER_BYTES + one.compress_size
        if next_one.header_offset < end:
            found |= {id(one), id(next_one)}
    return found


def _find_fault(info: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "file.special"
    if info.flag_bits & ENCRYPTED:
        return "file.encrypted"
    return None if info.compress_type in _COMPRESSIONS else "file.compression"
