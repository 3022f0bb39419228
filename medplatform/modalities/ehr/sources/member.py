"""The JSON texts of a delivered file: the file itself, or the files of a zip archive.

Archives are read in place: nothing is unpacked to disk, and a name is never used as a path. A
hidden file in an archive is no more a record than one in a folder, and a folder holds none.
"""

import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from medplatform.modalities.ehr.issue import Issue, make_issue, refused
from medplatform.modalities.ehr.sources.plain import CHUNK_BYTES, Tape, decompress
from medplatform.modalities.files import is_record

MAX_ARCHIVE_BYTES = 64 << 30
"""Of all files of an archive together, unpacked."""
BOMB_BYTES = 1 << 30
BOMB_RATIO = 1000
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_LINE_SUFFIXES = frozenset({".ndjson", ".jsonl"})
_ENCRYPTED = 0x1  # APPNOTE.TXT, 4.4.4
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@dataclass(frozen=True, slots=True)
class Member:
    """One text. `position` says how far into the delivered file it was read."""

    has_lines: bool
    """Whether its name says that it is NDJSON."""
    chunks: Callable[[], Iterator[bytes]]
    position: Callable[[], int]

    def tape(self, offset: int = 0) -> Tape:
        """Its plain bytes from an offset on."""
        return Tape(self.chunks()).skip_to(offset)


def read_members(path: Path) -> Iterator[Member | Issue]:
    """The texts of a file, or why one cannot be read; each is read before the next is asked for."""
    with path.open("rb") as stream:
        is_archive = stream.read(4) in _ZIP_MAGIC
    if is_archive:
        yield from _read_archive(path)
    else:
        yield _plain_member(path)


def _plain_member(path: Path) -> Member:
    position = 0

    def pieces() -> Iterator[bytes]:
        nonlocal position
        position = 0
        with path.open("rb", buffering=0) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                position += len(chunk)
                yield chunk

    return Member(has_lines(path.name), lambda: decompress(pieces()), lambda: position)


def _read_archive(path: Path) -> Iterator[Member | Issue]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        yield make_issue("file.corrupt")
        return
    with archive:
        budget = _Budget(MAX_ARCHIVE_BYTES)
        done = 0
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if info.is_dir():
                continue
            if (issue := _find_fault(info)) is not None:
                yield issue
            elif is_record(Path(info.filename)):
                yield _archived_member(archive, info, budget, done)
            done += info.compress_size


def _find_fault(info: zipfile.ZipInfo) -> Issue | None:
    name = PurePosixPath(info.orig_filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in "".join(name.parts[:1]):
        return make_issue("file.unsafe_name")
    if info.flag_bits & _ENCRYPTED:
        return make_issue("file.encrypted")
    if info.compress_type not in _COMPRESSIONS:
        return make_issue("file.compression")
    if info.file_size > BOMB_BYTES and info.file_size > BOMB_RATIO * info.compress_size:
        return make_issue("file.bomb")
    return None


class _Budget:
    """How much of an archive may still be unpacked; what is read twice counts once."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, chunks: Iterator[bytes], spent: int) -> Iterator[bytes]:
        """Pass bytes on; the first `spent` of them are paid for."""
        for chunk in chunks:
            spent -= len(chunk)
            if spent < 0:
                self.left += spent
                spent = 0
            if self.left < 0:
                raise refused("file.too_large")
            yield chunk


def _archived_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget, done: int
) -> Member:
    position = done
    before = budget.left

    def pieces() -> Iterator[bytes]:
        nonlocal position
        packed = 0
        try:
            with archive.open(info) as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    packed += len(chunk)
                    share = min(packed / info.file_size, 1) if info.file_size else 1
                    position = done + int(info.compress_size * share)
                    yield chunk
        except NotImplementedError:
            raise refused("file.compression") from None
        except OSError as error:
            if error.errno is not None:  # of the disk; bzip2 has no error of its own
                raise
            raise refused("file.corrupt") from None
        except (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError):
            raise refused("file.corrupt") from None

    def chunks() -> Iterator[bytes]:
        packed = pieces()
        first = next(packed, b"")
        if first.startswith(_ZIP_MAGIC):
            raise refused("file.nested")
        whole = decompress(_chain(first, packed))
        yield from budget.spend(whole, before - budget.left)

    return Member(has_lines(info.filename), chunks, lambda: position)


def _chain(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def has_lines(name: str) -> bool:
    """Whether a name says that a file is NDJSON.

    >>> has_lines("Patient.000.ndjson.gz"), has_lines("bundle.json")
    (True, False)
    """
    suffixes = PurePosixPath(name).suffixes
    return not _LINE_SUFFIXES.isdisjoint(suffix.lower() for suffix in suffixes)
