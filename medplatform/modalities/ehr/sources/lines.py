"""Cuts NDJSON into records: bytes in, lines out, nothing parsed but Bundles."""

from collections.abc import Iterator

from medplatform.modalities.ehr.issue import make_issue
from medplatform.modalities.ehr.sources.block import MAX_RECORD_BYTES, Block
from medplatform.modalities.ehr.sources.builder import Builder
from medplatform.modalities.ehr.sources.entry import cut, may_be_bundle
from medplatform.modalities.ehr.sources.plain import BLANK, BOM, Tape

# A line that begins like this is what it says: neither a Bundle nor blank.
_TYPE_FIRST = (b'{"resourceType":"', b'{"resourceType": "')
_BUNDLE_FIRST = tuple(start + b'Bundle"' for start in _TYPE_FIRST)
_FIRST_BYTES = max(map(len, _BUNDLE_FIRST))


def read_lines(tape: Tape, builder: Builder) -> Iterator[Block]:
    """Cut the rest of a text, which begins a line."""
    pieces: list[bytes] = []  # of the line that is not complete yet
    held = 0
    start = tape.offset
    while chunk := tape.read():
        lines = chunk.split(b"\n")
        held += len(lines[0])
        pieces.append(lines[0])
        if held > MAX_RECORD_BYTES:
            pieces.clear()
        if len(lines) == 1:
            continue
        if held > MAX_RECORD_BYTES:
            builder.add_fault(make_issue("record.too_large"), start)
            start += held + 1
            del lines[0]
        elif len(pieces) > 1:
            lines[0] = b"".join(pieces)
        last = lines.pop()
        pieces = []
        if b"\r" in chunk or not _are_plain(lines):
            yield from _add_one_by_one(lines, start, builder)
        else:
            builder.add_lines(lines, start)
        pieces, held, start = [last], len(last), tape.offset - len(last)
        if builder.is_full:
            yield builder.take()
    if tape.fault:
        builder.add_fault(tape.fault, start or None)
    elif held > MAX_RECORD_BYTES:
        builder.add_fault(make_issue("record.too_large"), start)
    elif held:
        yield from _add_one_by_one([b"".join(pieces)], start, builder)


def _are_plain(lines: list[bytes]) -> bool:
    """Whether each line is a record as it is; few begin differently, so few are looked at."""
    beginnings = {line[:_FIRST_BYTES] for line in lines}
    return (
        all(start.startswith(_TYPE_FIRST) for start in beginnings)
        and not any(start.startswith(_BUNDLE_FIRST) for start in beginnings)
        and not (lines and b"\r" in lines[0])  # which began in an earlier chunk
    )


def _add_one_by_one(lines: list[bytes], start: int, builder: Builder) -> Iterator[Block]:
    for line in lines:
        text = line.removeprefix(BOM).strip(BLANK)
        offset = start + line.find(text[:1])
        start += len(line) + 1
        if not text:
            builder.add_blank()
        elif (may_be_bundle(text) or text.startswith(b"[")) and (found := cut(text, offset)):
            for one in found:
                yield from builder.add_cut(one)
        else:
            builder.add_line(text, offset)
        if builder.is_full:
            yield builder.take()
