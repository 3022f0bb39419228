"""What came of an export, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class KindCount:
    """What became of the rows of a table, as far as one kind of event goes."""

    kind: str
    table: str
    rows: int
    """Rows of the table in the lake, as its ledger says."""
    events: int
    """Events of the kind in the written files."""
    left_out: Mapping[str, int]
    """Reason -> rows that gave no event of the kind."""

    @property
    def is_balanced(self) -> bool:
        """The count identity: every row gave an event or a reason."""
        return self.rows == self.events + sum(self.left_out.values())


@dataclass(frozen=True, slots=True)
class SplitCount:
    """What was written of one split."""

    split: str
    subjects: int
    shards: int
    events: int


@dataclass(frozen=True, slots=True)
class Export:
    """A written data set."""

    folder: Path
    version: str
    """16 hex digits that name the state of the lake and how it was split."""
    codes: int
    kinds: tuple[KindCount, ...]
    splits: tuple[SplitCount, ...]

    @property
    def subjects(self) -> int:
        """Subjects with at least one event."""
        return sum(split.subjects for split in self.splits)

    @property
    def shards(self) -> int:
        """Data files."""
        return sum(split.shards for split in self.splits)

    @property
    def events(self) -> int:
        """Events in all data files."""
        return sum(split.events for split in self.splits)

    def accounting(self) -> list[dict[str, Any]]:
        """One JSON object per kind of event: rows, events, and rows left out by reason."""
        return [
            {
                "kind": count.kind,
                "table": count.table,
                "rows": count.rows,
                "events": count.events,
                "left_out": dict(count.left_out),
            }
            for count in self.kinds
        ]
