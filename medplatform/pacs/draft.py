"""A delivery of images that is being filled.

`landing/.pacs/<name>/` (0700) holds half-written files in `parts/` and, in `delivery/`, what
becomes the delivery by one rename. A file is there whole or not at all: it is synced before it gets
its name, and noted in `.pacs/instances.jsonl` of the delivery, which tells later runs what they
need not fetch. Files are named by digests, so that no UID, however strange, is part of a path, and
so that one which a kill left without its note can be told from a damaged one.
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
from medplatform.pacs.header import Header, InstanceKey, NotDicom, read_header
from medplatform.transfer.private import (
    append_line,
    encode_line,
    move_folder,
    read_lines,
    sync_folder,
    write_private,
)

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

        It is then safe on the disk, and survives a kill.

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
            with part.open("rb") as stream:
                os.fsync(stream.fileno())
                size = os.fstat(stream.fileno()).st_size
            stored = _stored(header, size)
            target = self.delivery / stored.file
            if not target.parent.exists():
                target.parent.mkdir()
                sync_folder(self.delivery)
            part.replace(target)
            try:
                sync_folder(target.parent)
                append_line(self._log, stored)
            except OSError:
                target.unlink(missing_ok=True)
                raise
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
            self._write_log()

    def publish(self, target: Path) -> None:
        """Make it a closed delivery, at once.

        Raises
        ------
        OSError
            That cannot be. The draft stays as it is, and may be filled further.
        """
        with self._lock:
            self._write_log()
            (self.delivery / CLOSED).touch()
            sync_folder(self.delivery)
            move_folder(self.delivery, target)
        self.clear()

    def clear(self) -> None:
        """Forget it."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _recover(self) -> None:
        """Take up what an earlier run left: whole files, noted or not, and nothing else."""
        shutil.rmtree(self.parts, ignore_errors=True)
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.parts, self._log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.root.parent, self.root, self.delivery):
            sync_folder(folder)
        (self.delivery / CLOSED).unlink(missing_ok=True)
        for left in self._log.parent.glob(".*.draft"):
            left.unlink()
        found = {
            path.relative_to(self.delivery).as_posix(): path.stat().st_size
            for path in self.delivery.glob("*/*.dcm")
        }
        for one in read_lines(self._log, Stored):
            if found.get(one.file) == one.bytes:
                del found[one.file]
                self._take_up(one)
        for path in (self.delivery / file for file in sorted(found)):
            if one := _identify(path):
                self._take_up(one)
            else:
                path.unlink()
        self._write_log()

    def _take_up(self, one: Stored) -> None:
        self._stored.setdefault(one.key, {})[one.sha256] = one
        self.bytes += one.bytes

    def _write_log(self) -> None:
        """Let the notes say what is held, where they do not."""
        content = b"".join(encode_line(one) for one in self.stored)
        if content != (self._log.read_bytes() if self._log.exists() else b""):
            write_private(self._log, content)


def _stored(header: Header, size: int) -> Stored:
    """The note of an instance; key and content give the file its name."""
    study, series, sop = header.key
    name = hashlib.sha256("\n".join((*header.key, header.sha256)).encode()).hexdigest()
    return Stored(
        study=study,
        series=series,
        sop=sop,
        sha256=header.sha256,
        file=f"{name[:2]}/{name[:_NAME_DIGITS]}.dcm",
        bytes=size,
    )


def _identify(path: Path) -> Stored | None:
    """The note of a file that has none; None where its content is not what its name says."""
    try:
        one = _stored(read_header(path), path.stat().st_size)
    except NotDicom:
        return None
    return one if Path(one.file).name == path.name else None
