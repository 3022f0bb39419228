"""What came of a delivery."""

from dataclasses import dataclass
from typing import Literal

from medplatform.lake import LedgerEntry

INCOMPLETE = ("file.truncated", "file.corrupt")
"""Codes of files that were read up to a break: how many records follow it, nobody knows."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of one delivery in one run.

    `delivery` is its name, or a label where the name is unusable. `unchanged`: the ledger had it
    already. `unreadable`: it could not be opened or read to the end, `problem` says why; nothing of
    it was counted, it waits in landing. `rejected` with a `problem`: `entry` is an attempt to read
    it again, and what was published before stays.
    """

    modality: str
    delivery: str
    status: Literal["published", "rejected", "duplicate", "unchanged", "unreadable"]
    entry: LedgerEntry | None = None
    problem: str | None = None

    @property
    def is_new(self) -> bool:
        """Whether this run read the delivery."""
        return self.status in ("published", "rejected", "duplicate")

    @property
    def is_incomplete(self) -> bool:
        """Whether a file was read only up to a break, so that more may have been delivered."""
        return self.entry is not None and is_incomplete(self.entry)

    @property
    def has_nothing_accepted(self) -> bool:
        """Whether records were refused and none gave a row."""
        if self.entry is None or self.entry.tables:
            return False
        is_refused = any(counts.quarantined for counts in self.entry.counts().values())
        return is_refused and self.entry.status == "published"


def is_incomplete(entry: LedgerEntry) -> bool:
    """Whether a file of a delivery was read only up to a break."""
    return any(code in entry.refusals for code in INCOMPLETE)
