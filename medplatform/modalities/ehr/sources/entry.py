"""What a Bundle entry or an array element is: a record, a deletion, or a fault.

Bundles within Bundles are opened too, down to `MAX_NESTING`; deeper ones are records.
"""

import json
from collections import deque
from dataclasses import dataclass
from typing import Any

import msgspec

from medplatform.modalities.ehr.literal import read_literal
from medplatform.modalities.ehr.sources.plain import BLANK, Tape
from medplatform.modalities.ehr.sources.value import Item, RepeatedKey, Value, parse_members

MAX_NESTING = 16
_PIECE_BYTES = 1 << 20
_BRACE = ord("{")


class _Head(msgspec.Struct):
    """What a record calls itself."""

    resourceType: object = None
    id: object = None


_read_head = msgspec.json.Decoder(_Head).decode


@dataclass(slots=True)
class Part:
    """One record of a text: its bytes, the resource it deletes, or the code of its fault."""

    offset: int
    text: bytes = b""
    full_url: str | None = None
    code: str | None = None
    deletes: tuple[str, str, str | None] | None = None
    """Type, id and, where it is known, the instant."""

    def date(self, dated: str | None) -> None:
        """Take over from the Bundle what a deletion does not say itself."""
        if self.deletes and self.deletes[2] is None:
            self.deletes = (*self.deletes[:2], dated)


class Cut:
    """The records of a text, and what the fullUrls of its Bundles stand for."""

    __slots__ = ("aliases", "parts")

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.aliases: dict[str, str] = {}
        """As `Type/id`; empty for what stands for several resources."""

    def add(self, other: "Cut") -> None:
        """Append the records of another text."""
        self.parts += other.parts
        for url, reference in other.aliases.items():
            self.add_alias(url, reference)

    def add_alias(self, url: str, reference: str) -> None:
        """What already stands for another resource stands for none from now on."""
        if self.aliases.setdefault(url, reference) != reference:
            self.aliases[url] = ""

    def date(self, dated: str | None) -> None:
        """Say when the deletions were that do not say it themselves."""
        if dated:
            for part in self.parts:
                part.date(dated)

    def add_fault(self, offset: int, code: str) -> None:
        """Append what is no record."""
        self.parts.append(Part(offset, code=code))


def cut(text: bytes, offset: int = 0, nesting: int = 0) -> list[Cut] | None:
    """Open a text that is one Bundle or array; None where it is neither, or is broken.

    Aliases hold within a Bundle, so each element of an array is cut for itself.
    """
    if nesting > MAX_NESTING:
        return None
    tape = Tape(text[at : at + _PIECE_BYTES] for at in range(0, len(text), _PIECE_BYTES))
    value = Value(tape)
    items = deque(value.items())
    if not value.is_whole or value.is_broken or not (value.is_array or value.is_bundle):
        return None
    if any(rest.strip(BLANK) for rest in iter(tape.read, b"")):
        return None
    found = [Cut()]
    while items:
        if value.is_array:
            found.append(Cut())
        open_item(items.popleft(), value.is_array, found[-1], offset, nesting)
    found[-1].date(value.dated)
    return found


def open_item(item: Item, is_array: bool, found: Cut, offset: int = 0, nesting: int = 0) -> None:
    """Find the records in an item of an array or Bundle that stands at an offset."""
    at = offset + item.offset
    text = item.text
    if item.is_scalar or (text and not is_array and text[0] != _BRACE):
        found.add_fault(at, "json.not_an_object" if is_array else "entry.no_resource")
    elif text is None:
        found.add_fault(at, "record.too_large")
    elif is_array:
        _open_record(text, at, None, found, nesting)
    else:
        _open_entry(text, item.parts, at, found, nesting)


def _open_entry(
    text: bytes,
    spans: list[tuple[int, int]],
    offset: int,
    found: Cut,
    nesting: int,
) -> None:
    try:
        members = parse_members(_skeleton(text, spans))
        request = _part(text, spans, members.get("request"))
        if is_deletion(request):
            response = _part(text, spans, members.get("response"))
            _open_deletion(request, response, offset, found)
            return
    except RepeatedKey:
        found.add_fault(offset, "json.duplicate_key")
        return
    except (ValueError, RecursionError):
        found.add_fault(offset, "json.invalid")
        return
    number = members.get("resource")
    if not isinstance(number, list):
        found.add_fault(offset, "entry.no_resource")
        return
    url = members.get("fullUrl")
    start, end = spans[number[0]]
    full_url = url if isinstance(url, str) else None
    _open_record(text[start:end], offset + start, full_url, found, nesting)


def _skeleton(text: bytes, spans: list[tuple[int, int]]) -> bytes:
    """An object with numbers in the place of the objects and arrays in it: `{"request":[0]}`."""
    pieces: list[bytes] = []
    used = 0
    for number, (start, end) in enumerate(spans):
        pieces += text[used:start], b"[%d]" % number
        used = end
    pieces.append(text[used:])
    return b"".join(pieces)


def _part(text: bytes, spans: list[tuple[int, int]], number: object) -> bytes:
    """The object or array that a number in the skeleton stands for."""
    return text[slice(*spans[number[0]])] if isinstance(number, list) else b""


def _open_deletion(request: bytes, response: bytes, offset: int, found: Cut) -> None:
    """A deletion (FHIR R4, 3.1.0.7.1), or the fault of one that names no resource.

    A history, which has responses, names the version that came to be by the deletion; a request
    to delete a version (FHIR R5, 3.2.0.11.2) leaves the resource as it is.
    """
    url = read_object(request).get("url")
    literal = read_literal(url) if isinstance(url, str) else None
    if literal is None:
        found.add_fault(offset, "entry.deletion")
    elif literal.version_id is not None and not response:
        found.add_fault(offset, "entry.deletes_version")
    else:
        deleted_at = read_object(response).get("lastModified")
        instant = deleted_at if isinstance(deleted_at, str) else None
        deletes = literal.resource_type, literal.resource_id, instant
        found.parts.append(Part(offset, deletes=deletes))


def _open_record(text: bytes, offset: int, full_url: str | None, found: Cut, nesting: int) -> None:
    if may_be_bundle(text) and (nested := cut(text, offset, nesting + 1)) is not None:
        for one in nested:
            found.add(one)
        return
    found.parts.append(Part(offset, text, full_url))
    if full_url and (reference := _find_reference(text)) and not full_url.endswith("/" + reference):
        found.add_alias(full_url, reference)


def is_deletion(request: bytes) -> bool:
    """Whether the request of an entry, if any, is to delete.

    Raises
    ------
    ValueError
        It is no JSON.
    """
    return b"DELETE" in request and read_object(request).get("method") == "DELETE"


def read_object(text: bytes) -> dict[str, Any]:
    """A JSON object; empty for any other value, and for no text at all.

    Raises
    ------
    ValueError
        It is no JSON.
    """
    content = json.loads(text.decode()) if text else None
    return content if isinstance(content, dict) else {}


def may_be_bundle(text: bytes) -> bool:
    """Whether it is worth looking closer."""
    return b'"Bundle"' in text and text.startswith(b"{")


def _find_reference(text: bytes) -> str | None:
    """`Type/id` of a resource."""
    try:
        head = _read_head(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if isinstance(head.resourceType, str) and isinstance(head.id, str):
        return f"{head.resourceType}/{head.id}"
    return None
