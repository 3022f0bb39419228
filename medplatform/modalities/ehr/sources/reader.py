"""Reads a delivered file block by block."""

from collections.abc import Iterator
from pathlib import Path

from medplatform.modalities.ehr.issue import Issue, Refused, make_issue
from medplatform.modalities.ehr.sources.block import Block
from medplatform.modalities.ehr.sources.builder import Builder
from medplatform.modalities.ehr.sources.documents import read_long, read_values
from medplatform.modalities.ehr.sources.layout import Layout, find_layout
from medplatform.modalities.ehr.sources.lines import read_lines
from medplatform.modalities.ehr.sources.member import Member, read_members
from medplatform.modalities.ehr.sources.plain import BLANK


def read_blocks(path: Path, *, block_bytes: int = 8 << 20) -> Iterator[Block]:
    """The blocks of a file, in order.

    Parameters
    ----------
    block_bytes
        How much text a block holds, but for its last piece: about this, or one longer record.
    """
    builder = Builder(block_bytes)
    for member in read_members(path):
        if isinstance(member, Issue):
            builder.add_fault(member)
            continue
        builder.position = member.position
        yield from _read_member(member, builder)
        if builder.is_full:
            yield builder.take()
    yield from builder.flush()


def _read_member(member: Member, builder: Builder) -> Iterator[Block]:
    try:
        layout, tape = find_layout(member)
    except Refused as error:
        builder.add_fault(error.issue)
        return
    if layout is Layout.VALUES:
        yield from read_values(member.tape, tape, builder)
    elif layout is Layout.LINES:
        yield from read_lines(tape, builder)
    else:
        yield from _read_long_line(member, tape.offset, builder)


def _read_long_line(member: Member, start: int, builder: Builder) -> Iterator[Block]:
    """Read a first line that is too long to be held in memory, then the others."""
    end = yield from read_long(lambda offset: member.tape(offset).line(), start, builder)
    tape = member.tape(start if end is None else end)
    line = tape.line()
    has_more = False
    while chunk := line.read():
        has_more = has_more or bool(chunk.strip(BLANK))
    if end is not None and (tape.fault or has_more):
        builder.add_fault(tape.fault or make_issue("file.not_json"), end)
    if tape.fault:
        return
    yield from read_lines(tape.skip_to(tape.offset + 1), builder)
