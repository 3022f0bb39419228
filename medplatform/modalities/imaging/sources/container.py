"""Which files are containers of others, and the bounds that unpacking keeps to."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath, PurePosixPath
from typing import Self

from medplatform.modalities.files import CLOSED
from medplatform.modalities.imaging.layout import (
    SIDECAR_SUFFIXES,
    VOLUME_SUFFIXES,
    has_dicom_signature,
)

NO_ROOT = PurePosixPath()
"""The folder of the delivery itself."""
MAX_DEPTH = 3
"""Of archives within archives."""
MAX_MEMBERS = 250_000
MAX_MEMBER_BYTES = 2 << 30
MAX_NESTED_BYTES = 8 << 30
"""Of an archive within an archive: it lies on disk while it is read."""
MAX_ARCHIVE_BYTES = 256 << 30
"""Of all members together, unpacked."""
MAX_OFFSET = 1 << 43
"""Forged sizes beyond it cannot even be sought (8 TiB; a file of ext4 has up to 16)."""
BOMB_BYTES = 1 << 30
BOMB_RATIO = 1000
MAX_DIRECTORY_BYTES = 64 << 20
"""Of the central directory of a zip archive, which is held in memory."""

_TAR_MAGIC = slice(257, 262)
_BZIP2_BLOCK = slice(4, 10)
_DRIVE = re.compile("[A-Za-z]:")
_APPLE_FOLDER = "__MACOSX"
_RARE = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")


class Container(StrEnum):
    """Formats that hold other files."""

    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTANDARD = "zstd"
    UNKNOWN = "unknown"
    """An archive that cannot be read here: RAR, 7-Zip."""


_SUFFIXES = frozenset(
    {".bz2", ".gz", ".tar", ".tbz2", ".tgz", ".txz", ".tzst", ".xz", ".zip", ".zst"}
)


def container_of(name: PurePath, head: bytes) -> Container | None:
    """The format of a container by its first bytes (`layout.HEAD_BYTES`), None for any other file.

    A DICOM signature goes before all others; office documents are zip archives, but documents, and
    compressed NIfTI is a format of its own, which is inflated only as far as its header says.
    """
    if has_dicom_signature(head) or name.suffix.lower() in SIDECAR_SUFFIXES:
        return None
    if name.name.lower().endswith(VOLUME_SUFFIXES):
        return None
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Container.ZIP
    if head[_TAR_MAGIC] == b"ustar":
        return Container.TAR
    if head.startswith(b"\x1f\x8b\x08"):
        return Container.GZIP
    if head.startswith(b"BZh") and head[_BZIP2_BLOCK] == b"1AY&SY":
        return Container.BZIP2
    if head.startswith(b"\xfd7zXZ\0"):
        return Container.XZ
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return Container.ZSTANDARD
    return Container.UNKNOWN if head.startswith(_RARE) else None


def folder_of(name: PurePosixPath) -> PurePosixPath:
    """The folder that an archive stands for: its own path without the suffixes of its format.

    >>> str(folder_of(PurePosixPath("ward/images.tar.gz")))
    'ward/images'
    """
    while name.suffix.lower() in _SUFFIXES:
        name = name.with_suffix("")
    return name


def plain_name(name: PurePosixPath) -> PurePosixPath:
    """The path of a compressed file once it is unpacked.

    >>> str(plain_name(PurePosixPath("ward/1.dcm.gz")))
    'ward/1.dcm'
    """
    return name.with_suffix("") if name.suffix.lower() in _SUFFIXES else name


def place_of(root: PurePosixPath, name: PurePosixPath) -> PurePosixPath:
    """The path in the delivery of a member that an archive holds, as if it were unpacked.

    An archive whose members lie in a folder of its own name makes no second one.

    >>> str(place_of(PurePosixPath("masks"), PurePosixPath("masks/a.png")))
    'masks/a.png'
    """
    return (root.parent if root.name == name.parts[0] else root) / name


def member_name(text: str) -> PurePosixPath | None:
    """The path of a member within its archive, None where it leads out of it or nowhere.

    Bytes that are no text are written as escapes.
    """
    text = text.replace("\\", "/")
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    name = PurePosixPath(text)
    is_usable = bool(name.name) and not name.is_absolute() and ".." not in name.parts
    return name if is_usable and not _DRIVE.match(text) else None


def is_hidden(name: PurePosixPath) -> bool:
    """Whether a member is no record, as hidden files of a folder are none."""
    is_apple = _APPLE_FOLDER in name.parts
    return is_apple or name.as_posix() == CLOSED or any(p.startswith(".") for p in name.parts)


@dataclass(slots=True)
class Allowance:
    """What may still be taken out of an archive, those within it included."""

    members: int
    bytes: int
    is_suspect: bool
    """Whether no honest archive of its size would hold more bytes."""

    @classmethod
    def of(cls, packed: int) -> Self:
        """For an archive of so many bytes."""
        most = max(BOMB_BYTES, BOMB_RATIO * packed)
        is_suspect = most < MAX_ARCHIVE_BYTES
        return cls(MAX_MEMBERS, min(most, MAX_ARCHIVE_BYTES), is_suspect)

    def refuse(self, size: int, packed: int | None, *, is_archive: bool = False) -> str | None:
        """The code of why a member of so many bytes is not taken; None where it is."""
        if size > (MAX_NESTED_BYTES if is_archive else MAX_MEMBER_BYTES):
            return "file.too_large"
        if packed is not None and size > BOMB_BYTES and size > BOMB_RATIO * packed:
            return "file.bomb"
        self.bytes -= size
        if self.bytes >= 0:
            return None
        return "file.bomb" if self.is_suspect else "file.too_large"
