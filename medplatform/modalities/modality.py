"""What a modality is: its tables, and a reader that turns a delivery into rows and refusals.

Adding one: a folder here with tables and a reader, and one line in `MODALITIES` (`__init__.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from medplatform.lake import Lake, LedgerEntry, Stage, Table, TableFamily
from medplatform.modalities.delivery import Delivery, Source
from medplatform.privacy import Identity

Progress = Callable[[str, int, int], None]
"""Called with what is being read, how much is done and how much there is."""


class Misconfigured(RuntimeError):
    """What an installation says about a modality cannot be used; the message names the remedy."""


class WorkerDied(Misconfigured):
    """A worker ended by itself, for want of memory most likely. Nothing was published."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


class Reader(Protocol):
    """Reads a whole delivery into a stage.

    A reader never raises for bad input: it refuses the record (or the file) and goes on. For each
    source file and kind of record it counts what was delivered and what became of it, so that
    delivered = accepted + quarantined + blank + kept.
    """

    def __call__(
        self, delivery: Delivery, stage: Stage, identity: Identity, progress: Progress, /
    ) -> None: ...


class Drawing(Protocol):
    """Draws a published delivery: table name -> title -> PNG, small and without identifiers."""

    def __call__(self, lake: Lake, entry: LedgerEntry, /) -> Mapping[str, Mapping[str, bytes]]: ...


def draw_nothing(_lake: Lake, _entry: LedgerEntry, /) -> Mapping[str, Mapping[str, bytes]]:
    """Of a modality whose deliveries say nothing to the eye."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Modality:
    """One kind of input.

    `count_records` counts the records of one source file by a way of its own, simpler than the
    reader (lines, files, VCF body lines), so that the count identity is checked against something
    the reader did not compute. It returns {unit: records}; {} means that the file holds none.

    `families` are tables that depend on what is delivered; their rows come from the same records as
    those of `tables`. `draw` makes the plots of a delivery that its assets show.
    """

    name: str
    title: str
    tables: tuple[Table, ...]
    read: Reader
    count_records: Callable[[Source], dict[str, int]]
    families: tuple[TableFamily, ...] = ()
    draw: Drawing = draw_nothing

    @property
    def declared(self) -> tuple[Table, ...]:
        """The tables, and for each family what its members have in common."""
        return (*self.tables, *(family.pattern for family in self.families))

    def covers(self, declared: Table, name: str) -> bool:
        """Whether one of `declared` is the table of a name, or the pattern of its family."""
        is_member = any(f.pattern is declared and f.has(name) for f in self.families)
        return is_member or declared.name == name
