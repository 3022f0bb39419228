"""Where the resources stand in a JSON document: a Bundle, an array, or a single resource.

Positions, not copies: each resource is judged from exactly the bytes that were delivered, so
decimals keep their text. The text is scanned as Latin-1, in which a character is a byte; JSON's
own punctuation is ASCII, so this finds the same structure as UTF-8.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = JSONDecoder()
STRUCTURE = frozenset({"resourceType", "entry", "resource", "fullUrl"})
"""Keys that decide which records there are; none may stand twice in a Bundle or an entry."""


@dataclass(slots=True)
class Part:
    """One record: bytes `start` to `end` of the document, none for an entry without resource.

    `aliases` maps the fullUrl of each entry of the same Bundle to the id of its resource.
    """

    start: int
    end: int
    full_url: str | None = None
    aliases: dict[str, str] = field(default_factory=dict)


def split_document(raw: bytes) -> list[Part]:
    """The records of a document in their order.

    Bundles are opened at every level; a Bundle without entries is a record of its own.

    Raises
    ------
    ValueError
        The text is not JSON.
    RecursionError
        The text is nested too deeply.
    """
    cursor = _Cursor(raw.decode("latin-1"))
    if cursor.peek() == "[":
        parts = [part for _ in cursor.items() for part in _read_resource(cursor).parts]
    else:
        parts = _read_resource(cursor).parts
    if cursor.peek():
        raise ValueError("content after the document")
    return parts


class _Cursor:
    """A position in JSON text; every method first passes over white space."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        """The next character, empty at the end."""
        if space := _SPACE.match(self.text, self.at):
            self.at = space.end()
        return self.text[self.at : self.at + 1]

    def value(self) -> Any:
        """Read one whole value."""
        self.peek()
        content, self.at = _DECODER.raw_decode(self.text, self.at)
        return content

    def members(self) -> Iterator[str]:
        """The keys of an object; the caller reads each value before it asks for the next key."""
        self._expect("{")
        seen = set[str]()
        while self.peek() != "}":
            key = self.value()
            if not isinstance(key, str) or (key in STRUCTURE and key in seen):
                raise ValueError("a key is no string, or stands twice")
            seen.add(key)
            self._expect(":")
            yield key
            if not self._goes_on("}"):
                break
        self._expect("}")

    def items(self) -> Iterator[None]:
        """Stop before each element of an array; the caller reads it."""
        self._expect("[")
        while self.peek() != "]":
            yield
            if not self._goes_on("]"):
                break
        self._expect("]")

    def _expect(self, character: str) -> None:
        if self.peek() != character:
            raise ValueError(f"{character} expected")
        self.at += 1

    def _goes_on(self, closing: str) -> bool:
        if self.peek() != ",":
            return False
        self.at += 1
        if self.peek() == closing:
            raise ValueError("comma before the end")
        return True


@dataclass(slots=True)
class _Found:
    parts: list[Part]
    is_bundle: bool = False
    resource_id: str | None = None


def _read_resource(cursor: _Cursor) -> _Found:
    is_object = cursor.peek() == "{"
    start = cursor.at
    if not is_object:
        cursor.value()
        return _Found([Part(start, cursor.at)])
    facts: dict[str, Any] = {}
    entries: list[Part] = []
    aliases: dict[str, str] = {}
    for key in cursor.members():
        if key == "entry" and cursor.peek() == "[":
            for _ in cursor.items():
                entries += _read_entry(cursor, aliases)
        elif key in ("resourceType", "id"):
            facts[key] = cursor.value()
        else:
            cursor.value()
    if facts.get("resourceType") == "Bundle":
        return _Found(entries or [Part(start, cursor.at)], is_bundle=True)
    resource_id = facts.get("id")
    return _Found(
        [Part(start, cursor.at)], resource_id=resource_id if isinstance(resource_id, str) else None
    )


def _read_entry(cursor: _Cursor, aliases: dict[str, str]) -> list[Part]:
    is_object = cursor.peek() == "{"
    start = cursor.at
    if not is_object:
        cursor.value()
        return [Part(start, start)]
    found: _Found | None = None
    full_url: str | None = None
    for key in cursor.members():
        if key == "resource":
            found = _read_resource(cursor)
        elif key == "fullUrl":
            full_url = _as_text(cursor.value())
        else:
            cursor.value()
    if found is None:
        return [Part(start, start)]
    if not found.is_bundle:
        found.parts[0].full_url = full_url
        found.parts[0].aliases = aliases
        if full_url and found.resource_id:
            aliases[full_url] = found.resource_id
    return found.parts


def _as_text(value: Any) -> str | None:
    """A string that was scanned as Latin-1, as the UTF-8 it was delivered in."""
    if not isinstance(value, str):
        return None
    try:
        return value.encode("latin-1").decode()
    except ValueError:  # it held escapes beyond Latin-1, or is not UTF-8
        return value
