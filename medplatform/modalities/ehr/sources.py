"""From a delivered file to its records: numbered, with their offset and exactly their bytes.

NDJSON is read in memory bounded by its longest line, a document in memory bounded by its size;
both are capped. Nothing here raises for bad content: what cannot be read is a record with a fault.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medplatform.modalities.ehr.content import (
    BLANK,
    MAX_RECORD_BYTES,
    Layout,
    find_layout,
    read_chunks,
)
from medplatform.modalities.ehr.document import Part, split_document
from medplatform.modalities.ehr.issue import Issue, Refused, make_issue


@dataclass(frozen=True, slots=True)
class Record:
    """One record as delivered: `offset` counts plain bytes from the start of the file.

    `number` counts from 1; it is 0 where `fault` concerns the whole file.
    """

    number: int
    offset: int
    raw: bytes
    full_url: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    fault: Issue | None = None

    @property
    def is_blank(self) -> bool:
        """An empty line."""
        return self.fault is None and not self.raw.strip(BLANK)


@dataclass(frozen=True, slots=True)
class _Block:
    """A line, or a whole document."""

    offset: int
    raw: bytes
    fault: Issue | None = None


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file, in order.

    Where the rest of a file cannot be read, one record with a fault stands for that rest.
    """
    try:
        layout = find_layout(path)
    except Refused as error:
        yield Record(0, 0, b"", fault=error.issue)
        return
    if layout is Layout.DOCUMENT:
        yield from _read_document(path)
        return
    number = 0
    for block in _read_lines(path):
        for record in _open_line(block, number):
            number = record.number
            yield record


def _read_document(path: Path) -> Iterator[Record]:
    pieces: list[bytes] = []
    held = 0
    try:
        for chunk in read_chunks(path):
            pieces.append(chunk)
            held += len(chunk)
            if held > MAX_RECORD_BYTES:
                yield Record(0, 0, b"", fault=make_issue("file.too_large"))
                return
        raw = b"".join(pieces)
        parts = split_document(raw)
    except Refused as error:
        yield Record(0, 0, b"", fault=error.issue)
    except (ValueError, RecursionError):
        yield Record(0, 0, b"", fault=make_issue("file.not_json"))
    else:
        yield from _cut(raw, parts, 0, 0)


def _open_line(block: _Block, number: int) -> Iterator[Record]:
    """A line is one record, but for a Bundle, whose entries are records."""
    if b'"Bundle"' in block.raw and block.raw.lstrip(BLANK).startswith(b"{"):
        try:
            yield from _cut(block.raw, split_document(block.raw), number, block.offset)
        except (ValueError, RecursionError):
            yield Record(number + 1, block.offset, block.raw)
        return
    yield Record(number + 1, block.offset, block.raw, fault=block.fault)


def _cut(raw: bytes, parts: list[Part], number: int, offset: int) -> Iterator[Record]:
    for part in parts:
        number += 1
        yield Record(
            number,
            offset + part.start,
            raw[part.start : part.end],
            part.full_url,
            part.aliases,
            make_issue("entry.no_resource") if part.start == part.end else None,
        )


def _read_lines(path: Path) -> Iterator[_Block]:
    pieces: list[bytes] = []  # of the line that is not complete yet
    start = held = 0
    try:
        for chunk in read_chunks(path):
            first, *others = chunk.split(b"\n")
            pieces.append(first)
            held += len(first)
            for line in others:
                yield _join(start, pieces, held)
                start += held + 1
                pieces, held = [line], len(line)
            if held > MAX_RECORD_BYTES:
                pieces.clear()
    except Refused as error:
        yield _Block(start, b"", error.issue)
        return
    if held:
        yield _join(start, pieces, held)


def _join(start: int, pieces: list[bytes], held: int) -> _Block:
    if held > MAX_RECORD_BYTES:
        return _Block(start, b"", make_issue("record.too_large"))
    return _Block(start, b"".join(pieces))
