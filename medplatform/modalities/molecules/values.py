"""A delivered assay value: number, relation and text."""

import math
import re
from typing import NamedTuple

MAX_TEXT_CHARACTERS = 64
"""A longer text is none of a few classes."""

_MISSING = frozenset(
    ("", "na", "n/a", "n.a.", "nan", "nd", "n.d.", "none", "null", "missing", "-", "--", ".", "?")
)
_RELATION = r"(?P<relation><=|>=|<<|>>|<|>|=|~|≤|≥|≈)?\s*"
_NUMBER = re.compile(_RELATION + r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_COMMA_NUMBER = re.compile(_RELATION + r"(?P<number>[+-]?\d+,\d+(?:[eE][+-]?\d+)?)")
_RELATIONS = {"≤": "<=", "≥": ">=", "≈": "~", "<<": "<", ">>": ">"}
_TRUTH = {"true": 1.0, "false": 0.0}
_CONCENTRATION = "pM|nM|uM|µM|μM|mM"
_UNITS = (
    f"{_CONCENTRATION}|M|pmol/L|nmol/L|umol/L|µmol/L|mmol/L|mol/L|pg/mL|ng/mL|ug/mL|µg/mL|mg/mL|mg/L|"
    "g/L|mg/kg|kcal/mol|kJ/mol|eV|nm|%|h|min|s|°C|K|Da|g/mol|mL/min/kg|uL/min/mg|cm/s"
)
_UNIT = re.compile(rf"[(\[]\s*({_UNITS})\s*[)\]]$|_({_CONCENTRATION})$")


class Value(NamedTuple):
    """One value; `number` and `relation` are None of a class."""

    text: str
    number: float | None = None
    relation: str | None = None


def parse_value(
    text: str, relation: str | None = None, *, decimal_comma: bool = False
) -> Value | None:
    """Read a value, None where it is missing.

    `relation` is that of a column of its own; `decimal_comma` reads `6,25` as a number too.
    """
    text = text.strip()
    if text.lower() in _MISSING:
        return None
    if text.lower() in _TRUTH:
        return Value(text, _TRUTH[text.lower()], "=")
    match = _NUMBER.fullmatch(text)
    if match is None and decimal_comma:
        match = _COMMA_NUMBER.fullmatch(text)
    if match is None or not math.isfinite(number := float(match["number"].replace(",", "."))):
        return Value(text)
    sign = match["relation"] or (relation or "").strip().strip("'") or "="
    sign = _RELATIONS.get(sign, sign)
    return Value(text, number, sign if sign in ("=", "<", "<=", ">", ">=", "~") else None)


def has_comma(value: Value) -> bool:
    """Whether a text would be a number if its comma were a decimal point."""
    return value.number is None and _COMMA_NUMBER.fullmatch(value.text) is not None


def unit_of(column: str) -> str | None:
    """The unit that a column name ends with, in brackets or behind an underscore."""
    match = _UNIT.search(column)
    return (match[1] or match[2]) if match else None
