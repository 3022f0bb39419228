"""An append-only log whose records are chained by hashes.

Each record holds the SHA-256 of the one before it, so a deleted, reordered or edited record is
found by `verify`. Cutting off the tail is found against the head digest that `verify` returns,
where somebody has kept it elsewhere.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

GENESIS = "0" * 64


class BrokenChain(RuntimeError):
    """The log was tampered with; the message names the first record that does not fit."""


class AuditRecord(BaseModel):
    """One thing that somebody did. `detail` never holds values of a patient's record."""

    model_config = ConfigDict(frozen=True)

    sequence: int
    at: datetime
    actor: str
    action: str
    detail: dict[str, Any]
    previous: str
    digest: str


class AuditLog:
    """A JSON-lines file of chained records; appends are serialised over processes by a lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, actor: str, action: str, **detail: Any) -> AuditRecord:
        """Add a record durably and return it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            last = list(self._records(stream.read()))[-1:]
            content = {
                "sequence": last[0].sequence + 1 if last else 1,
                "at": datetime.now(UTC).isoformat(),
                "actor": actor,
                "action": action,
                "detail": detail,
                "previous": last[0].digest if last else GENESIS,
            }
            line = {**content, "digest": _digest(content)}
            stream.write(json.dumps(line, sort_keys=True).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        return AuditRecord.model_validate(line)

    def records(self) -> list[AuditRecord]:
        """All records, checked.

        Raises
        ------
        BrokenChain
            A record was deleted, moved or edited.
        """
        return list(self._records(self.path.read_bytes())) if self.path.exists() else []

    def verify(self) -> str:
        """Check the whole chain and return its head digest."""
        records = self.records()
        return records[-1].digest if records else GENESIS

    def _records(self, content: bytes) -> Iterator[AuditRecord]:
        previous = GENESIS
        for number, line in enumerate(content.splitlines(), 1):
            try:
                fields = json.loads(line)
                digest = fields.pop("digest")
            except (ValueError, KeyError, AttributeError, TypeError) as error:
                raise BrokenChain(f"{self.path}: record {number} cannot be read.") from error
            if fields.get("previous") != previous or digest != _digest(fields):
                raise BrokenChain(
                    f"{self.path}: record {number} does not continue the chain. "
                    f"Restore the log from its last good copy and find out who wrote to it."
                )
            yield AuditRecord.model_validate({**fields, "digest": digest})
            previous = digest


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
