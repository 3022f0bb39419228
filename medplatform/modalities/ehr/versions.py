"""Which versions of which resources a delivery has brought so far.

Kept in a temporary database that SQLite moves from memory to disk as it grows, and that holds
digests only: a delivery of ten million resources costs disk, not memory.
"""

import sqlite3
from hashlib import blake2b
from typing import Literal

_DIGEST_BYTES = 16


class Versions:
    """Remembers (type, id, version) with a digest of the content. Close it after use."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(
            "create table version (key blob primary key, content blob not null) without rowid"
        )
        self._database.execute("begin")

    def add(
        self, resource_type: str, resource_id: str, version: str, content: bytes
    ) -> Literal["new", "same", "other"]:
        """Note a version; say whether it is new, known with the same content, or with another."""
        key = _digest("\n".join((resource_type, resource_id, version)).encode())
        digest = _digest(content)
        known = self._database.execute(
            "select content from version where key = ?", (key,)
        ).fetchone()
        if known:
            return "same" if known[0] == digest else "other"
        self._database.execute("insert into version values (?, ?)", (key, digest))
        return "new"

    def close(self) -> None:
        """Delete the temporary database."""
        self._database.close()


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=_DIGEST_BYTES).digest()
