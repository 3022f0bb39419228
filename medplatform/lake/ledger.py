"""The ledger: one JSON file per delivery that says what was read and what came of it.

A delivery exists for readers from the moment its entry is in place, and the entry is written
last. Entries hold counts, digests and safe labels, never values or file paths of the source.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Counts(BaseModel):
    """What became of the records of one kind in one source file."""

    delivered: int = 0
    accepted: int = 0
    quarantined: int = 0
    blank: int = 0
    kept: int = 0
    """Valid, but of a kind the platform has no table for: it stays in landing."""

    @property
    def is_balanced(self) -> bool:
        """The count identity: every delivered record is accounted for exactly once."""
        return self.delivered == self.accepted + self.quarantined + self.blank + self.kept

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            **{name: getattr(self, name) + getattr(other, name) for name in type(self).model_fields}
        )


class SourceEntry(BaseModel):
    """One delivered file: digest, size, a label without identifiers, counts per kind of record."""

    source_id: str
    sha256: str
    bytes: int
    label: str
    counts: dict[str, Counts] = Field(default_factory=dict)


class WrittenFile(BaseModel):
    """One Parquet file of the lake, its path relative to the lake's root."""

    path: str
    rows: int
    bytes: int
    sha256: str


class LedgerEntry(BaseModel):
    """All that is known of one delivery.

    `rejected_attempt` is a later reading that was rejected while this one was published: the rows
    of this one stay, the counts, findings and quarantine of both are kept. A new reading, if it is
    not rejected too, replaces both.
    """

    model_config = ConfigDict(extra="forbid")

    modality: str
    delivery: str
    status: Literal["published", "rejected", "duplicate"]
    generation: str
    content_digest: str
    sources: list[SourceEntry]
    tables: dict[str, list[WrittenFile]] = Field(default_factory=dict)
    quarantine: list[WrittenFile] = Field(default_factory=list)
    findings: list[dict[str, Any]] = Field(default_factory=list)
    refusals: dict[str, int] = Field(default_factory=dict)
    kept_kinds: dict[str, int] = Field(default_factory=dict)
    facts: dict[str, str] = Field(default_factory=dict)
    """What the reader found out about the whole delivery, such as the release of its format."""
    reports: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)
    """Tables of counts that a reader made, by title, such as how often elements are there."""
    duplicate_of: str | None = None
    rejected_attempt: "LedgerEntry | None" = None
    code_version: str
    started_at: datetime
    finished_at: datetime

    @property
    def readings(self) -> "list[LedgerEntry]":
        """This reading and, where there is one, the rejected attempt after it."""
        return [self, self.rejected_attempt] if self.rejected_attempt else [self]

    def files(self) -> Iterator[WrittenFile]:
        """Every file in the lake that belongs to the delivery."""
        for reading in self.readings:
            yield from reading.quarantine
            for files in reading.tables.values():
                yield from files

    def rows(self, table: str) -> int:
        """Rows this delivery added to a table."""
        return sum(file.rows for file in self.tables.get(table, []))

    def has_rows_of(self, digest: str) -> bool:
        """Whether the rows of this delivery are those of a content.

        Not without any row: names of files decide how they are read, and are no part of the digest.
        """
        return self.status == "published" and bool(self.tables) and self.content_digest == digest

    def counts(self) -> dict[str, Counts]:
        """Counts per kind of record over all source files."""
        total: dict[str, Counts] = {}
        for source in self.sources:
            for unit, counts in source.counts.items():
                total[unit] = total.get(unit, Counts()) + counts
        return total


class Ledger:
    """The folder of entries."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, modality: str, delivery: str) -> Path:
        """Where the entry of a delivery stands."""
        return self.root / modality / f"{delivery}.json"

    def get(self, modality: str, delivery: str) -> LedgerEntry | None:
        """The entry of a delivery, None if it was never read to the end."""
        path = self.path(modality, delivery)
        if not path.exists():
            return None
        return LedgerEntry.model_validate_json(path.read_bytes())

    def entries(self, modality: str | None = None) -> Iterator[LedgerEntry]:
        """All entries, or those of one modality, by delivery name."""
        for path in sorted(self.root.glob(f"{modality or '*'}/*.json")):
            yield LedgerEntry.model_validate_json(path.read_bytes())

    def twin(self, modality: str, delivery: str, digest: str) -> str | None:
        """Another delivery that published rows of exactly the same content."""
        for entry in self.entries(modality):
            if entry.delivery != delivery and entry.has_rows_of(digest):
                return entry.delivery
        return None

    def holds(self, entry: LedgerEntry) -> bool:
        """Whether an entry still says where its records are.

        That of a duplicate does until the delivery that it is a copy of is read with other content.
        """
        if entry.duplicate_of is None:
            return True
        twin = self.get(entry.modality, entry.duplicate_of)
        return twin is not None and twin.has_rows_of(entry.content_digest)

    def put(self, entry: LedgerEntry) -> None:
        """Write an entry atomically: it is there whole or not at all, also after a power cut."""
        path = self.path(entry.modality, entry.delivery)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, entry.model_dump_json(indent=1).encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target, flush to disk, rename over it, flush the folder.

    The draft has a fixed name, so what a killed writer left is overwritten by the next one: callers
    make sure that there is one writer at a time.
    """
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
