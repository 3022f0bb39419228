"""Cuts JSON values that may span lines: Bundles, arrays and single resources.

What fits into memory is read once. A longer value is read twice: first to see that it is JSON
down to its records and what its fullUrls stand for, then record by record.
"""

from collections.abc import Callable, Generator, Iterator

from medplatform.modalities.ehr.issue import Issue, make_issue
from medplatform.modalities.ehr.sources.block import MAX_RECORD_BYTES, Block
from medplatform.modalities.ehr.sources.builder import Builder
from medplatform.modalities.ehr.sources.entry import Cut, open_item
from medplatform.modalities.ehr.sources.index import Index
from medplatform.modalities.ehr.sources.layout import MAX_HELD_BYTES
from medplatform.modalities.ehr.sources.plain import CHUNK_BYTES, Tape
from medplatform.modalities.ehr.sources.value import Item, Value

Open = Callable[[int], Tape]
"""Gives the text from an offset on."""


def read_values(open_at: Open, tape: Tape, builder: Builder) -> Iterator[Block]:
    """Cut the values of a text one after the other, from where a tape stands."""
    start, held = tape.offset, b""
    while True:
        value = Value(_tape_of(held, start))
        items = list(value.items())
        if value.is_open:
            if more := tape.gather(MAX_HELD_BYTES - len(held)):
                held += more
                continue
            if len(held) >= MAX_HELD_BYTES:
                end = yield from read_long(open_at, start, builder)
                if end is None:
                    return
                tape, start, held = open_at(end), end, b""
                continue
        text = held[value.start - start : value.end - start]
        if not (yield from _add_value(value, items, text, tape.fault, builder)):
            return
        held, start = held[value.end - start :], value.end


def _tape_of(text: bytes, start: int) -> Tape:
    view = memoryview(text)
    pieces = (bytes(view[at : at + CHUNK_BYTES]) for at in range(0, len(text), CHUNK_BYTES))
    return Tape(pieces, start)


def _add_value(
    value: Value, items: list[Item], text: bytes, fault: Issue | None, builder: Builder
) -> Generator[Block, None, bool]:
    """Add what is held in memory; return whether there may be more behind it."""
    if value.is_broken:
        builder.add_fault(make_issue(value.code), value.start or None)
        return False
    if value.is_array:
        for item in items:
            found = Cut()
            open_item(item, True, found)
            yield from builder.add_cut(found)
    elif value.is_bundle:
        found = Cut()
        for item in items:
            open_item(item, False, found)
        found.date(value.dated)
        yield from builder.add_cut(found)
    elif value.is_whole:
        builder.add_line(text, value.start)
    if builder.is_full:
        yield builder.take()
    if not value.is_whole:
        _add_rest(value, fault, builder)
    return value.is_whole


def _add_rest(value: Value, fault: Issue | None, builder: Builder) -> None:
    """What is missing of a value that is not whole; a text may also end without one."""
    if fault or not value.is_blank:
        builder.add_fault(fault or make_issue("file.not_json"), value.end or None)


def read_long(open_at: Open, start: int, builder: Builder) -> Generator[Block, None, int | None]:
    """Cut one value that is too long to be held in memory.

    Returns
    -------
    int or None
        Where it ends, if it does.
    """
    tape = open_at(start)
    value = Value(tape)
    index = Index()
    for item in value.items():
        if not value.is_array:
            index.add(item)
    if value.is_broken:
        builder.add_fault(make_issue(value.code), value.start or None)
        return None
    if value.is_array:
        yield from _read_long_array(open_at, value, builder)
    elif value.is_bundle:
        yield from _read_long_bundle(open_at, value, index, builder)
    elif value.is_whole:
        _add_long_record(open_at, value, builder)
    if not value.is_whole:
        _add_rest(value, tape.fault, builder)
        return None
    return value.end


def _read_long_array(open_at: Open, value: Value, builder: Builder) -> Iterator[Block]:
    for item in Value(open_at(value.start)).items():
        found = Cut()
        open_item(item, True, found)
        yield from builder.add_cut(found)
        if builder.is_full:
            yield builder.take()


def _read_long_bundle(
    open_at: Open, value: Value, index: Index, builder: Builder
) -> Iterator[Block]:
    yield from builder.enter(index.aliases)
    for part in index.read(open_at(value.start), value.dated):
        builder.add_part(part)
        if builder.is_full:
            yield builder.take()
    yield from builder.leave()


def _add_long_record(open_at: Open, value: Value, builder: Builder) -> None:
    size = value.end - value.start
    if size > MAX_RECORD_BYTES:
        builder.add_fault(make_issue("record.too_large"), value.start)
    else:
        builder.add_line(open_at(value.start).take(size), value.start)
