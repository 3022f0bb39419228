"""One JSON value of any size, opened as far as its records.

A text is cut by its brackets alone. What stands between the values that are cut out is kept as a
skeleton, `{"resourceType":"Bundle","entry":[0]}`, and parsed by the standard library. So a text
is opened if it is JSON down to its records, and each record stays the bytes that were delivered,
to be judged by itself.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from medplatform.modalities.ehr.sources.block import MAX_RECORD_BYTES
from medplatform.modalities.ehr.sources.plain import BLANK, Tape
from medplatform.modalities.ehr.sources.window import Window

STRUCTURE = frozenset({"resourceType", "entry", "resource", "fullUrl", "request"})
"""Keys that decide which records there are; none may stand twice in a Bundle or an entry."""
ENTRIES_FOLLOW = re.compile(rb'(?<!\\)"entry"[ \t\r\n]*:[ \t\r\n]*\Z')
_BLANK = re.compile(rb"[ \t\r\n]*")
_COMMA = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*")
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}
_BRACKET, _BRACE = ord("["), ord("{")
_SHORT_BYTES = 64 << 10


class RepeatedKey(ValueError):
    """A key stands twice that decides which records there are."""


@dataclass(slots=True)
class Item:
    """An element of an array, or an entry of a Bundle.

    `parts` are the objects and arrays directly within an entry, as positions in `text`.
    """

    offset: int
    text: bytes | None
    """None if it is too long."""
    is_scalar: bool = False
    """Neither object nor array."""
    parts: list[tuple[int, int]] = field(default_factory=list)


class Value:
    """The JSON value that begins on a tape; afterwards the tape stands behind it.

    Everything is known once the items have been read.

    Attributes
    ----------
    is_array
        An array, else an object.
    is_whole
        It ended before the tape did.
    is_blank
        There is none.
    is_broken
        It is no JSON down to its records; `code` of the reasons says why.
    is_bundle
        It is a Bundle, and its items are its entries.
    end
        Where it ends; if it is not whole, where its last item ends.
    dated
        When a Bundle was put together: its `timestamp`, else `meta.lastUpdated`.
    """

    def __init__(self, tape: Tape) -> None:
        self.is_array = self.is_whole = self.is_broken = self.is_bundle = False
        self.code = "file.not_json"
        self.dated: str | None = None
        first = _find_first(tape)
        self.start = self.end = self._used = tape.offset
        self.is_array = first == b"["
        self.is_blank = not first
        self.is_broken = first not in (b"[", b"{", b"")
        self._window = Window(tape, deepest=1 if self.is_array else 3)
        self._brackets = self._window.brackets()
        self._skeleton = bytearray()
        self._members: list[bytes] = []  # those of an object that are objects or arrays, if short
        self._head: bytes | None = None  # the skeleton before the entries
        self._has_items = False

    @property
    def is_open(self) -> bool:
        """Whether more of it may follow."""
        return not self.is_whole and not self.is_broken

    def items(self) -> Iterator[Item]:
        """The elements or entries, also if this turns out not to be a Bundle at its end."""
        if self.is_broken or self.is_blank:
            return
        try:
            at, kind, _ = next(self._brackets)
            self._used = at + 1
            if self.is_array:
                yield from self._read_elements(0)
            else:
                self._skeleton.append(kind)
                yield from self._read_members()
            self.is_whole = True
            self._window.leave_at(self.end)
        except EOFError:
            if self._head is not None:
                self._skeleton = bytearray(self._head + b"[]}")
        except ValueError:
            self.is_broken = True
        self._conclude()

    def _read_members(self) -> Iterator[Item]:
        for at, kind, level in self._brackets:
            gap = self._take(at)
            self._skeleton += gap
            if level == 0:
                _expect(kind == _CLOSING[_BRACE])
                self._skeleton.append(kind)
                self.end = at + 1
                return
            if kind == _BRACKET and self._head is None and ENTRIES_FOLLOW.search(gap):
                self._head = bytes(self._skeleton)
                self._used = at + 1
                yield from self._read_elements(1)
                self._members.append(b"")
            else:
                self._skip_member(at, kind)
            self._skeleton += b"[%d]" % (len(self._members) - 1)

    def _skip_member(self, start: int, opening: int) -> None:
        self._used = start
        for at, kind, level in self._brackets:
            if level == 1:
                _expect(kind == _CLOSING[opening])
                is_short = at - start < _SHORT_BYTES
                self._members.append(self._window.text(start, at + 1) or b"" if is_short else b"")
                self._use(at + 1)
                return
            if at - start > _SHORT_BYTES:
                self._use(at)

    def _read_elements(self, level: int) -> Iterator[Item]:
        """The elements of an array whose brackets have a level, and the array's end."""
        item: Item | None = None
        opening = 0
        for at, kind, found in self._brackets:
            is_opening = kind in _CLOSING
            if found == level:
                _expect(kind == _CLOSING[_BRACKET])
                yield from self._read_gap(at, is_last=True)
                self.end = at + 1
                self._use(at + 1)
                return
            if found > level + 1:
                assert item is not None
                _note_part(item, at - item.offset, is_opening)
            elif is_opening:
                yield from self._read_gap(at, is_last=False)
                item, opening = Item(at, None), kind
                self._use(at)
            else:
                assert item is not None
                _expect(kind == _CLOSING[opening])
                if at + 1 - item.offset <= MAX_RECORD_BYTES:
                    item.text = self._window.text(item.offset, at + 1)
                self._has_items = True
                yield item
                self.end = at + 1
                self._use(at + 1)

    def _read_gap(self, at: int, *, is_last: bool) -> Iterator[Item]:
        """What stands between two elements that are objects or arrays: a comma, or scalars."""
        start, gap = self._used, self._take(at)
        if gap == b"," and self._has_items and not is_last:
            return
        plain = _BLANK if is_last or not self._has_items else _COMMA
        if plain.fullmatch(gap):
            return
        before, after = b"[]" if self._has_items else b"", b"" if is_last else b"[]"
        values = _parse(b"[" + before + gap + after + b"]")
        for _ in range(len(values) - bool(before) - bool(after)):
            self._has_items = True
            yield Item(start, None, is_scalar=True)

    def _take(self, at: int) -> bytes:
        """The text since what was taken last, up to a bracket."""
        text = self._window.text(self._used, at)
        if text is None:
            self.code = "record.too_large"
            raise ValueError("too long to be parsed")
        self._use(at)
        return text

    def _use(self, offset: int) -> None:
        self._used = offset
        self._window.keep_from(offset)

    def _conclude(self) -> None:
        """Learn from the skeleton of an object what it is."""
        if (
            self.is_array
            or self.is_broken
            or self.is_blank
            or (not self.is_whole and self._head is None)
        ):
            return
        try:
            facts = parse_members(bytes(self._skeleton))
        except ValueError:
            self.is_broken = True
            return
        self.is_bundle = facts.get("resourceType") == "Bundle" and self._has_items
        self.dated = _as_text(facts.get("timestamp"))
        if self.dated is None and self.is_whole and isinstance(facts.get("meta"), list):
            self.dated = _last_updated(self._members[facts["meta"][0]])


def parse_members(skeleton: bytes) -> dict[str, Any]:
    """The members of an object.

    Raises
    ------
    RepeatedKey
        A key that decides which records there are stands twice.
    ValueError
        It is no JSON.
    """
    text = skeleton.decode()
    members, end = _MEMBERS.raw_decode(text)
    if end != len(text):
        raise ValueError("no JSON")
    return members


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        keys = [key for key, _ in pairs if key in STRUCTURE]
        if len(keys) != len(set(keys)):
            raise RepeatedKey
    return members


_MEMBERS = json.JSONDecoder(object_pairs_hook=_unique)


def _find_first(tape: Tape) -> bytes:
    """Go to the first character that is not blank; empty at the end."""
    while chunk := tape.read():
        if text := chunk.lstrip(BLANK):
            tape.put_back(text)
            return text[:1]
    return b""


def _note_part(item: Item, at: int, is_opening: bool) -> None:
    if is_opening:
        item.parts.append((at, at))
    else:
        item.parts[-1] = (item.parts[-1][0], at + 1)


def _expect(condition: bool) -> None:
    if not condition:
        raise ValueError("no JSON")


def _parse(text: bytes) -> Any:
    return json.loads(text.decode())


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _last_updated(meta: bytes) -> str | None:
    try:
        content = _parse(meta)
    except (ValueError, RecursionError):
        return None
    return _as_text(content.get("lastUpdated")) if isinstance(content, dict) else None
