"""The contents of a delivery: looked over once, then handed out as often as they are wanted."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.imaging.layout import Kind, kind_of
from medplatform.modalities.imaging.sources.item import Held, Item, Refused, readable_path


class Contents:
    """What a delivery holds; a context manager that removes what it unpacked.

    Parameters
    ----------
    delivery
        Its files are sorted by path.
    folder
        Where a private folder is made for what is unpacked.
    """

    def __init__(self, delivery: Delivery, folder: Path) -> None:
        self.delivery = delivery
        self.surveyed = 0
        self._spool = TemporaryDirectory(dir=folder, prefix="unpacked-")
        self._items: dict[Kind, list[Item]] = defaultdict(list)
        self._numbers: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._spool.cleanup()

    def items(self, kind: Kind) -> list[Item]:
        """The items of a kind that the survey has met, in its order."""
        return self._items[kind]

    def survey(self) -> Iterator[Held | Refused]:
        """Everything once, in order of path and, within an archive, of its members."""
        for source in self.delivery.sources:
            self.surveyed += 1
            yield from self._survey_source(source)

    def fetch(self, items: Collection[Item]) -> Iterator[Held]:
        """Some of the items that the survey met, in its order; whoever takes one releases it."""
        for item in items:
            yield Held(item, item.source.path)

    def _survey_source(self, source: Source) -> Iterator[Held | Refused]:
        self._numbers[source.source_id] += 1
        item = Item(
            source=source,
            number=self._numbers[source.source_id],
            kind=kind_of(source.path),
            sha256=source.sha256,
            name=readable_path(source.path.relative_to(self.delivery.root)),
        )
        self._items[item.kind].append(item)
        yield Held(item, source.path)
