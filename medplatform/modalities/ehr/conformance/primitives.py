r"""The primitive types of FHIR: what the accept filter takes, and what is right.

`schema` (JSON Schema) takes only values that fhir.resources certainly accepts; each is therefore
narrower than the specification in the way its comment tells. `is_valid` is the rule itself; it
decides where fhir.resources has no model, and it never refuses what `schema` takes.

Regular expressions run in two engines (Rust's and Python's), so they use only ASCII classes and
`[...]` ranges that mean the same in both, never `\s`, `\d` or `\w`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

_YEAR = "[1-9][0-9]{3}"
_LEAP_YEAR = "(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:1[26]|[2468][048]|[3579][26])00)"
_DAY = (
    "(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    "|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_DATE = f"(?:{_YEAR}-{_DAY}|{_LEAP_YEAR}-02-29)"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
_ZONE = r"(?:Z|[+\-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_PARTIAL = f"{_YEAR}(?:-(?:0[1-9]|1[0-2]))?"
# Not white space in any engine's reading: all of Unicode but the blocks that hold white space.
_VISIBLE = "[!-~\u00a1-\u167f\u2030-\u205e\u2070-\u2fff\u3001-\ufefe\uff00-\U0010ffff]"
_SPACE = r"[ \t\r\n]*"
_SIGN = f"(?:[A-Za-z0-9+/]{_SPACE})"

_RULE_YEAR = "(?:[0-9](?:[0-9](?:[0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_RULE_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_RULE_DATE = re.compile(
    rf"({_RULE_YEAR})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])(T{_RULE_TIME}{_ZONE})?)?)?"
)
_RULE_TIME_ONLY = re.compile(_RULE_TIME)
_STRING = re.compile(r"[ \r\n\t\S]")
_BASE64 = re.compile(rf"{_SPACE}(?:{_SIGN}{{4}})*(?:{_SIGN}{{2}}={_SPACE}=|{_SIGN}{{3}}=)?{_SPACE}")
_CODE = re.compile(r"[^\s]+(?:\s[^\s]+)*")
_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_OID = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+")
_UUID = re.compile(r"(?:urn:uuid:)?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_INTEGER64 = re.compile(r"0|-?[1-9][0-9]{0,18}")
_INT32 = 2**31
_EXACT_DOUBLE = 2**53


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive type: its JSON types, a schema of what is surely right, and the rule."""

    json_types: tuple[type, ...]
    schema: dict[str, Any]
    is_valid: Callable[[Any], bool]

    def is_json_type(self, value: object) -> bool:
        """Whether the value has a JSON type of this primitive (true is no number)."""
        return type(value) in self.json_types


def _text(pattern: str | None, is_valid: Callable[[str], object]) -> Primitive:
    schema = {"type": "string"} if pattern is None else {"type": "string", "pattern": pattern}
    return Primitive((str,), schema, lambda value: bool(is_valid(value)))


def _whole(minimum: int, maximum: int) -> Primitive:
    schema = {"type": "integer", "minimum": minimum, "maximum": maximum}
    return Primitive(
        (int, float), schema, lambda value: minimum <= value <= maximum and value == int(value)
    )


def _is_date(text: str, *, least: int, most: int) -> bool:
    """Whether the date exists and names from `least` to `most` of year, month, day, time."""
    match = _RULE_DATE.fullmatch(text)
    if match is None or not least <= sum(part is not None for part in match.groups()) <= most:
        return False
    if match[3] is None:
        return True
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return False
    return True


def _is_integer64(value: int | float | str) -> bool:
    """R5 writes integer64 as a string, since JSON readers round large numbers."""
    if isinstance(value, str) and not _INTEGER64.fullmatch(value):
        return False
    return value == int(value) if isinstance(value, float) else -(2**63) <= int(value) < 2**63


def _anything(text: str) -> bool:
    return True


PRIMITIVES: dict[str, Primitive] = {
    "boolean": Primitive((bool,), {"type": "boolean"}, lambda value: True),
    # The rule asks for one character that is no odd white space; here it must be visible.
    "string": _text(_VISIBLE, _STRING.search),
    # fhir.resources passes over stray characters and too much padding.
    "base64Binary": _text(f"^{_BASE64.pattern}$", _BASE64.fullmatch),
    # Spaces only between words, where the rule allows other white space.
    "code": _text(f"^{_VISIBLE}+(?: {_VISIBLE}+)*$", _CODE.fullmatch),
    # fhir.resources takes 255 characters, the specification 64.
    "id": _text(r"^[A-Za-z0-9\-.]{1,64}$", _ID.fullmatch),
    # NaN and infinity cannot be written in JSON; every finite number is a decimal.
    "decimal": Primitive((int, float), {"type": "number"}, lambda value: True),
    "integer": _whole(-_INT32, _INT32 - 1),
    # Only what a double holds exactly, since schemas may compare numbers as doubles.
    "integer64": Primitive(
        (int, float, str),
        {
            "anyOf": [
                {"type": "string", "pattern": "^(?:0|-?[1-9][0-9]{0,17})$"},
                {"type": "integer", "minimum": -_EXACT_DOUBLE, "maximum": _EXACT_DOUBLE},
            ]
        },
        _is_integer64,
    ),
    "unsignedInt": _whole(0, _INT32 - 1),
    "positiveInt": _whole(1, _INT32 - 1),
    # fhir.resources takes any text in these.
    "uri": _text(None, _anything),
    "canonical": _text(None, _anything),
    "markdown": _text(None, _anything),
    "xhtml": _text(None, _anything),
    # Any text too at present, but its model may check URLs: visible ASCII only.
    "url": _text("^[!-~]+$", _anything),
    "oid": _text(r"^urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+$", _OID.fullmatch),
    # fhir.resources takes version 4 only.
    "uuid": _text(
        "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        _UUID.fullmatch,
    ),
    # Years from 1000, days that exist, no leap second, nanoseconds at most.
    "date": _text(f"^(?:{_PARTIAL}|{_DATE})$", lambda text: _is_date(text, least=1, most=3)),
    "dateTime": _text(
        f"^(?:{_PARTIAL}|{_DATE}(?:T{_TIME}{_ZONE})?)$",
        lambda text: _is_date(text, least=1, most=4),
    ),
    "instant": _text(f"^{_DATE}T{_TIME}{_ZONE}$", lambda text: _is_date(text, least=4, most=4)),
    "time": _text(f"^{_TIME}$", _RULE_TIME_ONLY.fullmatch),
}
"""By name; the same in every release but for integer64, which R5 added."""
