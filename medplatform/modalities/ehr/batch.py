"""Records of one resource type from one or many files, enough of them to be worth a column.

Bundles hold a few resources of many types, and an export many files of one; either way what is
read, de-identified and written is a batch of one type.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import msgspec

from medplatform.modalities.delivery import Source
from medplatform.modalities.ehr.sources import Block

BATCH_BYTES = 6 << 20
"""Of one type; small enough for the caches, large enough for columns to pay."""
PENDING_BYTES = 16 << 20
"""Of all types together, before the largest goes."""


class Head(msgspec.Struct):
    """Type and id of a record, None where they cannot be read."""

    resource_type: str | None = msgspec.field(default=None, name="resourceType")
    id: str | None = None


@dataclass(slots=True)
class Batch:
    """Records that say that they are of one type (`None`: they say nothing that can be read)."""

    resource_type: str | None
    lines: list[bytes] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    offsets: list[int | None] = field(default_factory=list)
    full_urls: list[str | None] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    size: int = 0

    def add(self, source: Source, block: Block, which: slice) -> None:
        """Take over some records of a block."""
        lines = block.lines[which]
        self.lines += lines
        self.sources += [source] * len(lines)
        self.numbers += block.numbers[which]
        self.offsets += block.offsets[which]
        self.full_urls += block.full_urls[which]
        self.aliases.update(block.aliases)
        self.size += sum(map(len, lines))

    def __len__(self) -> int:
        return len(self.lines)


_DECODER = msgspec.json.Decoder(Head)
_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def peek(line: bytes) -> Head:
    """Type and id of a record, as far as they can be read without judging it."""
    try:
        return _DECODER.decode(line)
    except _ERRORS:
        return Head()


def peek_all(lines: Sequence[bytes]) -> list[Head]:
    """The same of many records, together where each line is one JSON object.

    Within valid JSON, no closing brace is followed by a line break and an opening brace.
    """
    if all(line[:1] == b"{" and line[-1:] == b"}" for line in lines):
        try:
            heads = _DECODER.decode_lines(b"\n".join(lines))
        except _ERRORS:
            heads = []
        if len(heads) == len(lines):
            return heads
    return list(map(peek, lines))


class Batches:
    """Sorts the records of blocks by type and hands out batches that are full."""

    def __init__(self) -> None:
        self._pending: dict[str | None, Batch] = {}

    def add(self, source: Source, block: Block, kinds: Iterable[str | None]) -> Iterator[Batch]:
        """Take the records of a block, whose types are given; yield the batches that are full."""
        start = 0
        for kind, same in groupby(kinds):
            end = start + sum(1 for _ in same)
            batch = self._pending.setdefault(kind, Batch(kind))
            if block.aliases and _disagree(batch.aliases, block.aliases):
                yield batch
                batch = self._pending[kind] = Batch(kind)
            batch.add(source, block, slice(start, end))
            if batch.size >= BATCH_BYTES:
                yield self._pending.pop(kind)
            start = end
        while sum(batch.size for batch in self._pending.values()) >= PENDING_BYTES:
            yield self._pending.pop(max(self._pending, key=lambda k: self._pending[k].size))

    def rest(self) -> Iterator[Batch]:
        """The batches that never became full."""
        yield from self._pending.values()
        self._pending.clear()


def _disagree(known: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return any(known.get(url, target) != target for url, target in other.items())
