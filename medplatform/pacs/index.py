"""Which instances were delivered, from whichever PACS and in whichever way.

The deliveries themselves say it (`.pacs/instances.jsonl`); this is their index, in SQLite, made
again where it is missing. A delivery that was removed from landing no longer counts. UIDs are kept
as digests only.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from medplatform.pacs.draft import INSTANCES, ROOT, Stored
from medplatform.pacs.header import InstanceKey
from medplatform.transfer.private import read_lines

MODALITY = "imaging"
_FILE = "delivered.sqlite"
_DIGEST_BYTES = 16
_SCHEMA = """
create table if not exists delivery (
    id integer primary key, name text unique, changed integer, bytes integer
);
create table if not exists instance (
    key blob, content blob, delivery integer, primary key (key, content, delivery)
) without rowid;
create index if not exists instance_delivery on instance (delivery);
"""


class Index:
    """Looks delivered instances up. Safe to use from several threads."""

    def __init__(self, landing: Path) -> None:
        self._folder = landing / MODALITY
        path = landing / ROOT / _FILE
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(path, timeout=60, check_same_thread=False)
        path.chmod(0o600)
        self._lock = threading.Lock()
        with self._lock, self._database:
            self._database.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        self.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def refresh(self) -> None:
        """Take up what was delivered, or removed, since the last time."""
        with self._lock, self._database:
            # Immediate, since two processes that read first and write then would be in each
            # other's way.
            self._database.execute("begin immediate")
            known = {
                name: (number, changed, size)
                for number, name, changed, size in self._database.execute(
                    "select id, name, changed, bytes from delivery"
                )
            }
            present = self._present()
            for name, (number, *state) in known.items():
                if present.get(name) != tuple(state):
                    self._forget(number)
            for name, state in present.items():
                if known.get(name, (0,))[1:] != state:
                    self._learn(name, *state)

    def holds(self, key: InstanceKey, sha256: str | None = None) -> bool:
        """Whether an instance was delivered; with that content, where one is given."""
        condition, values = "key = ?", [_digest(key)]
        if sha256 is not None:
            condition, values = "key = ? and content = ?", [*values, _content(sha256)]
        with self._lock:
            query = f"select 1 from instance where {condition} limit 1"
            return self._database.execute(query, values).fetchone() is not None

    def missing(self, keys: Iterable[InstanceKey]) -> list[InstanceKey]:
        """Those that were not delivered."""
        return [key for key in keys if not self.holds(key)]

    def _present(self) -> dict[str, tuple[int, int]]:
        """The deliveries with images of a PACS, and the state of their lists."""
        found = {}
        for path in self._folder.glob(f"[!.]*/{INSTANCES}"):
            facts = path.stat()
            found[path.parents[1].name] = facts.st_mtime_ns, facts.st_size
        return found

    def _forget(self, number: int) -> None:
        self._database.execute("delete from instance where delivery = ?", [number])
        self._database.execute("delete from delivery where id = ?", [number])

    def _learn(self, name: str, changed: int, size: int) -> None:
        row = self._database.execute(
            "insert into delivery (name, changed, bytes) values (?, ?, ?) returning id",
            [name, changed, size],
        ).fetchone()
        lines = read_lines(self._folder / name / INSTANCES, Stored)
        self._database.executemany(
            "insert or ignore into instance values (?, ?, ?)",
            ((_digest(one.key), _content(one.sha256), row[0]) for one in lines),
        )


def _digest(key: InstanceKey) -> bytes:
    return hashlib.sha256("\n".join(key).encode()).digest()[:_DIGEST_BYTES]


def _content(sha256: str) -> bytes:
    return bytes.fromhex(sha256)[:_DIGEST_BYTES]
