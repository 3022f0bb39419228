"""One delivered thing to read, wherever it lies: a file, or a member of an archive."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from medplatform.modalities.delivery import Source
from medplatform.modalities.imaging.layout import Kind
from medplatform.modalities.imaging.sources.container import NO_ROOT, place_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file of a delivery, or a member of one of its archives.

    `number` is its record number within the source, from 1 over all members of an archive and all
    copies of one content. `sha256` is that of its own bytes. `root` is the folder that its archive
    stands for, and `name` its path within that. Names may identify patients: they go into no log.
    """

    source: Source
    number: int
    kind: Kind
    sha256: str
    name: PurePosixPath
    root: PurePosixPath = NO_ROOT

    @property
    def relative(self) -> PurePosixPath:
        """Its path in the delivery, as if every archive were a folder."""
        return place_of(self.root, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A member, or the rest of an archive behind a break, that cannot be read."""

    source: Source
    number: int
    unit: str
    code: str


@dataclass(frozen=True, slots=True)
class Held:
    """An item whose bytes lie at `path` until it is released; a context manager that does so."""

    item: Item
    path: Path
    is_spooled: bool = False

    def release(self) -> None:
        """Give up the bytes: what was unpacked is removed, a delivered file stays."""
        if self.is_spooled:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.release()


def readable_path(path: Path) -> PurePosixPath:
    """A path whose bytes are all text: those that are no UTF-8 are written as escapes."""
    return PurePosixPath(os.fsencode(path).decode("utf-8", "backslashreplace"))
