"""Counts the records of JSON values from an outline: the text without what is inside its records.

`{"resourceType":"Bundle","entry":[{},{}]}` is the outline of a Bundle of two. A regular expression
finds the brackets and the standard library judges the rest, so this shows by another way what the
reader must find.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from medplatform.modalities.ehr.sources.block import MAX_RECORD_BYTES
from medplatform.modalities.ehr.sources.entry import MAX_NESTING, is_deletion
from medplatform.modalities.ehr.sources.plain import BLANK, Tape
from medplatform.modalities.ehr.sources.value import ENTRIES_FOLLOW, STRUCTURE

# Up to the next bracket outside of strings.
_NEXT = re.compile(rb'((?:[^][{}"\\]++|\\.|"(?:[^"\\]++|\\.)*+")*+)([][{}])', re.DOTALL)
_CLOSING = {b"{": b"}", b"[": b"]"}
_READ_BYTES = 1 << 20


def count_values(tape: Tape, *, only_first: bool = False) -> int:
    """The records of a text of one or several values.

    What cannot be read counts as one, and so does what follows if only the first is asked for.
    """
    text = _Text(tape)
    total = 0
    while True:
        outline = _Outline(text)
        if outline.is_blank:
            return total + (1 if tape.fault else 0)
        total += outline.count
        if not outline.is_whole:
            return total + 1
        if only_first:
            return total + (1 if text.has_more() or tape.fault else 0)


def count_text(text: bytes, nesting: int = 0) -> int | None:
    """The records of a text that is one array or Bundle; None where it is neither, or broken."""
    if nesting > MAX_NESTING or not text.startswith((b"{", b"[")):
        return None
    source = _Text(Tape([text]))
    outline = _Outline(source, nesting)
    is_opened = outline.is_whole and outline.is_opened and not source.has_more()
    return outline.count if is_opened else None


def _count_item(text: bytes, is_entry: bool, nesting: int) -> int:
    """One, or the records of the Bundle in it."""
    if b'"Bundle"' not in text or not text.startswith(b"{"):
        return 1
    try:
        resource = _find_resource(text) if is_entry else text
    except (ValueError, RecursionError):
        return 1
    found = count_text(resource, nesting + 1) if resource.startswith(b"{") else None
    return 1 if found is None else found


def _find_resource(entry: bytes) -> bytes:
    """The resource of an entry; nothing where it is to be deleted."""
    parts: list[bytes] = []
    skeleton, depth = b"", 0
    for before, bracket in _Text(Tape([entry])).brackets():
        depth -= bracket in b"]}"
        if depth == 0:
            skeleton += before + bracket
        elif depth == 1 and bracket in _CLOSING:
            skeleton += before + b"[%d]" % len(parts)
            parts.append(bracket)
        else:
            parts[-1] += before + bracket
        depth += bracket in b"[{"
    members = _parse(skeleton)

    def part(key: str) -> bytes:
        number = members.get(key)
        return parts[number[0]] if isinstance(number, list) else b""

    return b"" if is_deletion(part("request")) else part("resource")


class _Text:
    """A text, bracket by bracket."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._held = b""
        self._at = 0

    def brackets(self) -> Iterator[tuple[bytes, bytes]]:
        """What stands before each bracket, and the bracket."""
        while True:
            if match := _NEXT.match(self._held, self._at):
                self._at = match.end()
                yield match[1], match[2]
                continue
            more = self._tape.gather(max(_READ_BYTES, len(self._held) - self._at))
            if not more:
                return
            self._held, self._at = self._held[self._at :] + more, 0

    def has_more(self) -> bool:
        """Whether anything but blanks follows."""
        chunk = self._held[self._at :]
        while not chunk.strip(BLANK):
            if not (chunk := self._tape.read()):
                return False
        return True


@dataclass(slots=True)
class _Item:
    pieces: list[bytes]
    size: int = 0

    def add(self, *texts: bytes) -> None:
        self.pieces += texts
        self.size += sum(map(len, texts))
        if self.size > MAX_RECORD_BYTES:
            self.pieces.clear()


class _Outline:
    """The outline of the next value of a text.

    `count` are its records; of a value that does not end, those that do. A broken value is not
    whole and has none.
    """

    def __init__(self, text: _Text, nesting: int = 0) -> None:
        self.count = 0
        self.is_whole = self.is_opened = self.is_blank = False
        self._nesting = nesting
        self._stack: list[bytes] = []
        self._is_array = self._is_inside = False  # of the array whose elements are the items
        self._skeleton = bytearray()  # of an object, without its items
        self._head: bytes | None = None  # the same before its items
        self._items = bytearray()
        self._item: _Item | None = None  # that has not ended
        self._nested = 0  # records of Bundles in items, but for the first of each
        try:
            self._read(text)
        except (ValueError, RecursionError):
            self.is_whole, self.count = False, 0

    def _read(self, text: _Text) -> None:
        for before, bracket in text.brackets():
            _expect(bracket in _CLOSING or bool(self._stack))
            opening = bracket if bracket in _CLOSING else self._stack.pop()
            level = len(self._stack)
            if level == 0 and bracket in _CLOSING:
                self._begin(before, bracket)
            elif self._is_inside:
                self._add_inside(before, bracket, opening, level - (0 if self._is_array else 1))
            elif level <= 1:
                self._add_outside(before, bracket, opening, level)
            if bracket in _CLOSING:
                self._stack.append(bracket)
            elif not self._stack:
                self.is_whole = True
                self._conclude()
                return
        self.is_blank = not self._stack and not text.has_more()
        if self._stack:
            self._conclude_early()

    def _begin(self, before: bytes, bracket: bytes) -> None:
        _expect(not before.strip(BLANK))
        self._is_array = self._is_inside = bracket == b"["
        (self._items if self._is_array else self._skeleton).extend(bracket)

    def _add_outside(self, before: bytes, bracket: bytes, opening: bytes, level: int) -> None:
        if bracket not in _CLOSING:
            _expect(bracket == _CLOSING[opening])
            self._skeleton += before + bracket if level == 0 else bracket
            return
        self._skeleton += before
        if bracket == b"[" and self._head is None and ENTRIES_FOLLOW.search(before):
            self._head, self._is_inside = bytes(self._skeleton), True
            self._items += bracket
        else:
            self._skeleton += bracket

    def _add_inside(self, before: bytes, bracket: bytes, opening: bytes, level: int) -> None:
        """Level 0 are the brackets around the items, level 1 those of the items."""
        if level <= 1 and bracket not in _CLOSING:
            _expect(bracket == _CLOSING[opening])
        if level == 0:
            self._items += before + bracket
            self._is_inside = False
            self._skeleton += b"" if self._is_array else b"[]"
        elif level == 1 and bracket in _CLOSING:
            self._items += before + bracket
            self._item = _Item([bracket], 1)
        elif self._item:
            self._item.add(before, bracket)
            if level == 1:
                self._items += bracket
                text = b"".join(self._item.pieces)
                self._nested += _count_item(text, not self._is_array, self._nesting) - 1
                self._item = None

    def _conclude(self) -> None:
        items = _parse(self._items) if self._items else []
        is_bundle = not self._is_array and _parse(self._skeleton).get("resourceType") == "Bundle"
        self.is_opened = self._is_array or (is_bundle and bool(items))
        self.count = len(items) + self._nested if self.is_opened else 1

    def _conclude_early(self) -> None:
        if self._item:
            self._items += _CLOSING[bytes(self._items[-1:])]
        items = (
            _parse(self._items + b"]" if self._is_inside else self._items) if self._items else []
        )
        if not self._is_array:
            head = _parse(self._head + b"[]}") if self._head is not None else {}
            if head.get("resourceType") != "Bundle":
                return
        self.count = len(items) - (1 if self._item else 0) + self._nested


def _expect(condition: bool) -> None:
    if not condition:
        raise ValueError("no JSON")


def _parse(outline: bytes | bytearray) -> Any:
    return json.loads(outline.decode(), object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs if key in STRUCTURE]
    _expect(len(keys) == len(set(keys)))
    return dict(pairs)
