"""The contents of a delivery: looked over once, then handed out as often as they are wanted."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from itertools import count, groupby
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.imaging.layout import Kind, kind_of_content, read_head
from medplatform.modalities.imaging.sources.archive import Member, read_file
from medplatform.modalities.imaging.sources.container import (
    MAX_MEMBER_BYTES,
    Allowance,
    container_of,
)
from medplatform.modalities.imaging.sources.item import (
    NO_ROOT,
    Held,
    Item,
    Refused,
    readable_path,
)
from medplatform.modalities.imaging.sources.plain import Broken

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


class ContentChanged(RuntimeError):
    """A delivered file is not what it was when it was looked over."""


class Contents:
    """What a delivery holds; a context manager that removes what it unpacked.

    Members of archives are unpacked one by one, once for each time that they are handed out: what
    lies on disk at a time is what is held.

    Parameters
    ----------
    delivery
        Its files are sorted by path.
    folder
        Where a private folder is made for what is unpacked.
    """

    def __init__(self, delivery: Delivery, folder: Path) -> None:
        self.delivery = delivery
        self.surveyed = 0
        self._spool = TemporaryDirectory(dir=folder, prefix="unpacked-")
        self._names = count()
        self._items: dict[Kind, list[Item]] = defaultdict(list)
        self._numbers: Counter[str] = Counter()
        self._first_numbers: dict[Path, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._spool.cleanup()

    def items(self, kind: Kind) -> list[Item]:
        """The items of a kind that the survey has met, in its order."""
        return self._items[kind]

    def survey(self) -> Iterator[Held | Refused]:
        """Everything once, in order of path and, within an archive, of its members."""
        for source in self.delivery.sources:
            self.surveyed += 1
            yield from self._survey_source(source)

    def fetch(self, items: Collection[Item]) -> Iterator[Held]:
        """Some of the items that the survey met, in its order; whoever takes one releases it.

        Raises
        ------
        ContentChanged
            An archive does not hold them any more.
        """
        for source, group in groupby(items, key=lambda item: item.source):
            wanted = {item.number: item for item in group}
            if source.path not in self._first_numbers:
                yield from (Held(item, source.path) for item in wanted.values())
            else:
                yield from self._fetch_members(source, wanted)

    def _survey_source(self, source: Source) -> Iterator[Held | Refused]:
        name = readable_path(source.path.relative_to(self.delivery.root))
        head = read_head(source.path)
        if container_of(name, head) is None:
            yield Held(self._add(source, kind_of_content(source.path, head), name), source.path)
            return
        before = self._numbers[source.source_id]
        self._first_numbers[source.path] = before + 1
        yield from self._survey_archive(source)
        if self._numbers[source.source_id] == before:
            del self._first_numbers[source.path]
            yield Held(self._add(source, Kind.ARCHIVE, name), source.path)

    def _survey_archive(self, source: Source) -> Iterator[Held | Refused]:
        left = Allowance.of(source.bytes).bytes
        for member in self._members(source):
            try:
                path, digest = self._unpack(member, min(left, MAX_MEMBER_BYTES))
            except Broken as error:
                number = self._next_number(source)
                yield Refused(source=source, number=number, unit=member.unit, code=error.code)
            else:
                left -= path.stat().st_size
                assert member.kind
                item = self._add(source, member.kind, member.name, member.root, digest)
                yield Held(item, path, is_spooled=True)

    def _fetch_members(self, source: Source, wanted: dict[int, Item]) -> Iterator[Held]:
        """Unpack those again that are wanted."""
        for number, member in enumerate(self._members(source), self._first_numbers[source.path]):
            if item := wanted.pop(number, None):
                try:
                    path, digest = self._unpack(member, MAX_MEMBER_BYTES)
                except Broken:
                    raise ContentChanged from None
                if digest != item.sha256:
                    raise ContentChanged
                yield Held(item, path, is_spooled=True)
            if not wanted:
                return
        raise ContentChanged

    def _members(self, source: Source) -> Iterator[Member]:
        name = readable_path(source.path.relative_to(self.delivery.root))
        return read_file(source.path, name, self._spool.name)

    def _unpack(self, member: Member, most: int) -> tuple[Path, str]:
        """Write a member to a private file; the file and the SHA-256 of its bytes."""
        suffix = member.name.suffix if _SUFFIX.fullmatch(member.name.suffix) else ""
        path = Path(self._spool.name, f"{next(self._names)}{suffix}")
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("xb") as file:
                for chunk in member.chunks():
                    size += len(chunk)
                    if size > most:
                        raise Broken("file.too_large")
                    digest.update(chunk)
                    file.write(chunk)
        except Broken:
            path.unlink()
            raise
        return path, digest.hexdigest()

    def _add(
        self,
        source: Source,
        kind: Kind,
        name: PurePosixPath,
        root: PurePosixPath = NO_ROOT,
        sha256: str | None = None,
    ) -> Item:
        item = Item(
            source=source,
            number=self._next_number(source),
            kind=kind,
            sha256=sha256 or source.sha256,
            name=name,
            root=root,
        )
        self._items[kind].append(item)
        return item

    def _next_number(self, source: Source) -> int:
        self._numbers[source.source_id] += 1
        return self._numbers[source.source_id]
