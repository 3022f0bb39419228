"""The members of an archive, those of the archives within it included, one by one."""

from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO

from medplatform.modalities.imaging.layout import HEAD_BYTES, Kind, kind_of_content
from medplatform.modalities.imaging.sources.container import (
    MAX_DEPTH,
    MAX_NESTED_BYTES,
    NO_ROOT,
    Allowance,
    Container,
    container_of,
    folder_of,
    is_hidden,
    member_name,
    place_of,
    plain_name,
)
from medplatform.modalities.imaging.sources.entry import Entry, breaks_reported
from medplatform.modalities.imaging.sources.plain import (
    CHUNK_BYTES,
    Broken,
    PlainStream,
    Stream,
    read_exactly,
)
from medplatform.modalities.imaging.sources.tarred import tar_entries
from medplatform.modalities.imaging.sources.zipped import zip_entries


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive in an open file; its path is `name` within the folder `root`."""

    file: IO[bytes]
    container: Container
    root: PurePosixPath
    name: PurePosixPath
    home: str
    """Name of the folder that the delivered file lies in."""
    depth: int = 1

    def kind_of(self, name: PurePosixPath, head: bytes) -> Kind:
        """The kind of a member."""
        place = place_of(self.root, name)
        return kind_of_content(place if len(place.parts) > 1 else self.home / place, head)


@dataclass(slots=True)
class Member:
    """A file in an archive with its first bytes, or with the code of why it cannot be read.

    `root` is the folder that its archive stands for, `name` its path within that.
    """

    root: PurePosixPath
    name: PurePosixPath
    kind: Kind | None = None
    code: str | None = None
    head: bytes = b""
    stream: Stream | None = None

    @property
    def unit(self) -> str:
        """The unit in which it is counted; that of a file where nothing of it can be read."""
        return self.kind.unit if self.kind else "file"

    def chunks(self) -> Iterator[bytes]:
        """All its bytes, once and before the next member is asked for.

        Raises
        ------
        Broken
            It cannot be read, or not to its end.
        """
        if self.stream is None:
            raise Broken(self.code or "file.corrupt")
        yield self.head
        with breaks_reported():
            while chunk := self.stream.read(CHUNK_BYTES):
                yield chunk


def read_file(path: Path, name: PurePosixPath, folder: str | None = None) -> Iterator[Member]:
    """The members of an archive that are records, in its order, and what cannot be read.

    Parameters
    ----------
    path, name
        The archive, and its path in the delivery.
    folder
        Where archives within it are unpacked, to nameless files; by default where the system keeps
        temporary files.
    """
    with path.open("rb") as file:
        container = container_of(name, file.read(HEAD_BYTES))
        if container is None:
            return
        archive = Archive(file, container, NO_ROOT, name, path.parent.name)
        try:
            yield from _read(archive, Allowance.of(path.stat().st_size), folder)
        except _TooMany:
            yield Member(NO_ROOT, name, code="file.too_many")


class _TooMany(Exception):
    """The archive has more members than are read."""


def _read(archive: Archive, allowance: Allowance, folder: str | None) -> Iterator[Member]:
    root, entries = _open(archive)
    try:
        for entry in entries:
            yield from _read_entry(replace(archive, root=root), entry, allowance, folder)
    except Broken as error:
        yield Member(root, archive.name, code=error.code)


def _open(archive: Archive) -> tuple[PurePosixPath, Iterator[Entry]]:
    """The folder that an archive stands for, and its entries.

    A compressed file stands for itself in the folder that it lies in.
    """
    root = folder_of(place_of(archive.root, archive.name))
    match archive.container:
        case Container.ZIP:
            return root, zip_entries(archive.file)
        case Container.UNKNOWN:
            return root, iter([Entry(code="file.compression")])
    head = PlainStream(archive.file, archive.container).read(HEAD_BYTES)
    if container_of(PurePosixPath(), head) is Container.TAR:
        return root, tar_entries(archive.file, archive.container)
    single = _Single(PlainStream(archive.file, archive.container))
    name = plain_name(archive.name).as_posix()
    return archive.root, iter([Entry(name, open=lambda: nullcontext(single))])


def _read_entry(
    archive: Archive, entry: Entry, allowance: Allowance, folder: str | None
) -> Iterator[Member]:
    name = archive.name if entry.is_rest else member_name(entry.name)
    if name is not None and not entry.is_rest and is_hidden(name):
        return
    allowance.members -= 1
    if allowance.members < 0:
        raise _TooMany
    if name is None:
        yield Member(archive.root, archive.name, code="file.unsafe_name")
    elif code := entry.code or _refuse(name, entry, allowance):
        yield Member(archive.root, name, code=code)
    else:
        yield from _read_data(archive, name, entry, allowance, folder)


def _refuse(name: PurePosixPath, entry: Entry, allowance: Allowance) -> str | None:
    is_archive = folder_of(name) != name
    return allowance.refuse(entry.size, entry.packed, is_archive=is_archive)


def _read_data(
    archive: Archive, name: PurePosixPath, entry: Entry, allowance: Allowance, folder: str | None
) -> Iterator[Member]:
    assert entry.open
    with ExitStack() as stack:
        try:
            with breaks_reported():
                stream = stack.enter_context(entry.open())
                head = read_exactly(stream, HEAD_BYTES)
        except Broken as error:
            yield Member(archive.root, name, code=error.code)
            return
        member = Member(archive.root, name, archive.kind_of(name, head), None, head, stream)
        container = container_of(name, head)
        if container is None:
            yield member
        elif archive.depth == MAX_DEPTH:
            yield Member(archive.root, name, code="file.nested")
        else:
            with TemporaryFile(dir=folder) as file:
                nested = replace(
                    archive, file=file, container=container, name=name, depth=archive.depth + 1
                )
                yield from _read_nested(nested, member, allowance, folder)


def _read_nested(
    archive: Archive, packed: Member, allowance: Allowance, folder: str | None
) -> Iterator[Member]:
    """The members of an archive that is a member itself, as far as it could be unpacked."""
    code = None
    try:
        for chunk in packed.chunks():
            archive.file.write(chunk)
            if archive.file.tell() > MAX_NESTED_BYTES:
                raise Broken("file.too_large")
    except Broken as error:
        code = error.code
    archive.file.flush()
    yield from _read(archive, allowance, folder)
    if code:
        yield Member(packed.root, packed.name, code=code)


class _Single:
    """A compressed file as the one member that it is."""

    def __init__(self, stream: PlainStream) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        if not piece and self._stream.fault:
            raise Broken(self._stream.fault)
        return piece
