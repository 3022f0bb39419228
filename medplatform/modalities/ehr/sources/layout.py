"""How the records stand in a text: on lines (NDJSON), or as JSON values over many lines."""

import re
from enum import StrEnum

from medplatform.modalities.ehr.issue import refused
from medplatform.modalities.ehr.sources.brackets import Brackets
from medplatform.modalities.ehr.sources.member import Member
from medplatform.modalities.ehr.sources.plain import BLANK, BOM, Tape

MAX_HELD_BYTES = 8 << 20
"""Longer documents are not held in memory but read twice."""
_EVERY_LEVEL = 1 << 30
_FIRST_LINE = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+[^\n]*+\n[ \t\r\n]*+[^ \t\r\n]"  # and what follows it
)


class Layout(StrEnum):
    """How the records stand in a text."""

    LINES = "lines"
    """One JSON value on a line."""
    LONG_LINE = "long line"
    """The same, but the first line is too long to be held in memory."""
    VALUES = "values"
    """JSON values, one or several, each of which may span lines."""


def find_layout(member: Member) -> tuple[Layout, Tape]:
    """Look at the first line that is not blank.

    Returns
    -------
    tuple
        The layout, and the text from behind a byte order mark on, or from its long line on.

    Raises
    ------
    Refused
        The bytes are no UTF-8 JSON at all.
    """
    tape = member.tape()
    head = _peek(tape)
    if _is_wide(head[:4]):
        raise refused("file.encoding")
    if head.startswith(BOM):
        tape.skip_to(len(BOM))
        head = head[len(BOM) :]
    start = tape.offset + len(head)
    head = head.lstrip(BLANK)
    start -= len(head)
    if head[:1] not in b"{[":
        if not member.has_lines and b"\n{" not in head:
            raise refused("file.format")
        return Layout.LINES, tape
    line, newline, others = head.partition(b"\n")
    if newline or len(head) < MAX_HELD_BYTES:
        return _judge_line(line, others.lstrip(BLANK), member.has_lines), tape
    return Layout.LONG_LINE, tape.skip_to(start)


def _is_wide(start: bytes) -> bool:
    """Whether a text in UTF-16 or UTF-32 begins so: with its mark, or with JSON in wide characters.

    Zeros alone are the beginning of other files, such as DICOM.
    """
    first = start.lstrip(b"\0")
    if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    return b"\0" in start and first[:1] in {bytes([byte]) for byte in BLANK + b"{["}


def _peek(tape: Tape) -> bytes:
    """The first line that is not blank and the beginning of the next, or what may be held."""
    pieces: list[bytes] = []
    held = 0
    while held < MAX_HELD_BYTES and (chunk := tape.read()):
        pieces.append(chunk)
        held += len(chunk)
        if b"\n" in chunk and _FIRST_LINE.match(b"".join(pieces)):
            break
    head = b"".join(pieces)
    tape.put_back(head)
    return head


def _judge_line(line: bytes, others: bytes, has_lines: bool) -> Layout:
    """What the name says decides only where the first line is the only one."""
    brackets = Brackets(_EVERY_LEVEL)
    found = list(brackets.scan(line))
    if not line or (brackets.depth <= 0 and not brackets.in_string):
        return Layout.LINES
    if not others:
        return Layout.LINES if has_lines else Layout.VALUES
    if brackets.in_string or brackets.depth <= 0:
        return Layout.LINES  # a string cannot span lines: this line is broken by itself
    if _begins_anew(others, has_lines):
        return Layout.LINES
    around = [kind for _, kind, level in found if level == brackets.depth - 1][-1]
    return Layout.VALUES if _goes_on(line, others, chr(around)) else Layout.LINES


def _begins_anew(others: bytes, has_lines: bool) -> bool:
    """Whether an object follows on a line of its own, and another one, as in no JSON value."""
    line, _, next_lines = others.partition(b"\n")
    brackets = Brackets(0)
    brackets.scan(line)
    is_whole = not brackets.depth and not brackets.in_string and line.rstrip(BLANK).endswith(b"}")
    following = next_lines.lstrip(BLANK)[:1]
    ends = following == b"{" or (has_lines and not following)
    return is_whole and line.startswith(b"{") and ends


def _goes_on(line: bytes, others: bytes, around: str) -> bool:
    """Whether what follows a line may be the rest of a value that the line leaves open."""
    before, after = chr(line.rstrip(BLANK)[-1]), chr(others[0])
    if before in "{[,":
        begins_name = after == '"' or (before == "{" and after == "}")
        return begins_name if around == "{" else after not in "},:"
    if before == ":":
        return after not in "]},:"
    return after in ("]," if around == "[" else "},:")
