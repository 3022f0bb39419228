"""How many records a file holds, counted without the reader's own cutting.

Lines are counted as newlines. Of Bundles and arrays an outline is taken with a regular expression
for brackets, everything deeper than their entries left out, and parsed as JSON. gzip data are
decompressed by the standard library. Shared with the reader are only the questions which texts a
file holds (`read_members`), how records stand in them (`find_layout`), whether a request deletes,
and, for damaged data, how far the bytes can be read.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from medplatform.modalities.breaks import count_openings, find_breaks
from medplatform.modalities.ehr.issue import Issue, Refused
from medplatform.modalities.ehr.outline import count_text, count_values
from medplatform.modalities.ehr.sources.block import MAX_RECORD_BYTES
from medplatform.modalities.ehr.sources.layout import Layout, find_layout
from medplatform.modalities.ehr.sources.member import Member, read_members
from medplatform.modalities.ehr.sources.plain import BLANK, BOM, GZIP_MAGIC, Tape

_CHUNK_BYTES = 256 << 10


def count_resources(path: Path) -> int:
    """The records of a file: blank lines, deletions and broken records are among them.

    A file, or the rest of a file, that cannot be read counts as one.
    """
    return sum(
        1 if isinstance(member, Issue) else _count_member(member, path)
        for member in read_members(path)
    )


def _count_member(member: Member, path: Path) -> int:
    try:
        layout, tape = find_layout(member)
    except Refused:
        return 1
    try:
        return _count(layout, Tape(_gunzip(member, path)).skip_to(tape.offset))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return _count(layout, member.tape(tape.offset))


def _gunzip(member: Member, path: Path) -> Iterator[bytes]:
    with path.open("rb") as packed:
        if packed.peek(2)[:2] != GZIP_MAGIC:
            yield from member.chunks()
            return
        with gzip.open(packed) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk


def _count(layout: Layout, tape: Tape) -> int:
    if layout is Layout.VALUES:
        return count_values(tape)
    if layout is Layout.LINES:
        return _count_lines(tape)
    line = tape.line()
    first = count_values(line, only_first=True)
    while line.read():
        pass
    if tape.fault:
        return first
    return first + _count_lines(tape.skip_to(tape.offset + 1))


def _count_lines(tape: Tape) -> int:
    total = held = 0
    pieces: list[bytes] = []  # of the line that is not complete yet
    while chunk := tape.read():
        first, newline, others = chunk.partition(b"\n")
        pieces.append(first)
        held += len(first)
        if held > MAX_RECORD_BYTES:
            pieces.clear()
        if newline:
            total += _count_line(b"".join(pieces))
            complete, newline, last = others.rpartition(b"\n")
            total += _count_complete(complete + newline)
            pieces, held = [last], len(last)
    if tape.fault:
        return total + 1
    return total + _count_line(b"".join(pieces)) if held else total


def _count_complete(lines: bytes) -> int:
    """The records of lines that each end in a newline."""
    breaks = find_breaks(lines)
    newlines = len(breaks)
    objects = lines.startswith(b"{") + count_openings(lines, breaks, b"{")
    if objects == newlines and b'"Bundle"' not in lines:
        return newlines
    return sum(map(_count_line, lines.split(b"\n")[:-1]))


def _count_line(line: bytes) -> int:
    text = line.removeprefix(BOM).strip(BLANK)
    if not text.startswith(b"[") and b'"Bundle"' not in text:
        return 1
    found = count_text(text)
    return 1 if found is None else found
