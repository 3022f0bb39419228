"""A delivery of images that is being filled.

`landing/.pacs/<name>/` (0700) holds half-written files in `parts/` and, in `delivery/`, what
becomes the delivery by one rename. A file is there whole or not at all: it is synced before it gets
its name, and noted in `.pacs/instances.jsonl` of the delivery, which tells later runs what they
need not fetch. Files are named by digests, so that no UID, however strange, is part of a path.
"""

import hashlib
import itertools
import os
import shutil
import threading
from collections.abc import Collection
from pathlib import Path

import msgspec

from medplatform.modalities.delivery import CLOSED
from medplatform.pacs.header import Header, InstanceKey
from medplatform.transfer.private import append_line, move_folder, read_lines

ROOT = ".pacs"
INSTANCES = Path(".pacs") / "instances.jsonl"
"""In a delivery: one line per instance."""
_NAME_DIGITS = 32


class Stored(msgspec.Struct, kw_only=True, frozen=True):
    """An instance of a delivery. `file` is its path there, `sha256` that of its data set."""

    study: str
    series: str
    sop: str
    sha256: str
    file: str
    bytes: int

    @property
    def key(self) -> InstanceKey:
        """Which instance it is."""
        return InstanceKey(self.study, self.series, self.sop)


class Draft:
    """The private folder of one delivery. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parts = root / "parts"
        self.delivery = root / "delivery"
        self._log = self.delivery / INSTANCES
        self._stored: dict[InstanceKey, dict[str, Stored]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.bytes = 0
        self._recover()

    @property
    def stored(self) -> list[Stored]:
        """What the delivery holds; an instance with two contents twice."""
        return [one for contents in self._stored.values() for one in contents.values()]

    def holds(self, key: InstanceKey) -> bool:
        """Whether an instance is there."""
        return key in self._stored

    def new_part(self) -> Path:
        """Where the next file may be written."""
        return self.parts / f"{next(self._numbers)}"

    def keep(self, part: Path, header: Header) -> bool:
        """Take a whole file over; False where the same content is there.

        Raises
        ------
        OSError
            It cannot be written; it is then no part of the delivery.
        """
        with self._lock:
            contents = self._stored.get(header.key, {})
            if header.sha256 in contents:
                part.unlink()
                return False
            name = hashlib.sha256("\n".join((*header.key, header.sha256)).encode()).hexdigest()
            file = Path(name[:2]) / f"{name[:_NAME_DIGITS]}.dcm"
            target = self.delivery / file
            target.parent.mkdir(parents=True, exist_ok=True)
            with part.open("rb") as stream:
                os.fsync(stream.fileno())
                size = os.fstat(stream.fileno()).st_size
            part.replace(target)
            study, series, sop = header.key
            stored = Stored(
                study=study,
                series=series,
                sop=sop,
                sha256=header.sha256,
                file=file.as_posix(),
                bytes=size,
            )
            append_line(self._log, stored)
            self._take_up(stored)
            return True

    def drop(self, unwanted: Collection[Stored]) -> None:
        """Take files out again."""
        with self._lock:
            for one in unwanted:
                (self.delivery / one.file).unlink(missing_ok=True)
                del self._stored[one.key][one.sha256]
                self.bytes -= one.bytes
                if not self._stored[one.key]:
                    del self._stored[one.key]
            if unwanted:
                self._rewrite()

    def publish(self, target: Path) -> None:
        """Make it a closed delivery, at once."""
        (self.delivery / CLOSED).touch()
        move_folder(self.delivery, target)
        self.clear()

    def clear(self) -> None:
        """Forget it."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _recover(self) -> None:
        """Take up what an earlier run left: whole files that were noted, and nothing else."""
        shutil.rmtree(self.parts, ignore_errors=True)
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.parts, self._log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        (self.delivery / CLOSED).unlink(missing_ok=True)
        noted = {one.file: one for one in read_lines(self._log, Stored)}
        for path in self.delivery.glob("*/*.dcm"):
            one = noted.get(path.relative_to(self.delivery).as_posix())
            if one is None or path.stat().st_size != one.bytes:
                path.unlink()
            else:
                self._take_up(one)
        self._rewrite()

    def _take_up(self, one: Stored) -> None:
        self._stored.setdefault(one.key, {})[one.sha256] = one
        self.bytes += one.bytes

    def _rewrite(self) -> None:
        self._log.unlink(missing_ok=True)
        for one in self.stored:
            append_line(self._log, one)
