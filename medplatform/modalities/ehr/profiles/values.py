"""The values of FHIRPath that invariants use: items with their types, and steps between them.

A collection is a list of `Item`s. The type of an item is known where the resource shows it (a
choice, a nested resource, the target of a reference) and otherwise left open; a question that
hangs on an open type is `Undecided`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medplatform.modalities.ehr.element import Number
from medplatform.modalities.ehr.profiles.base import PRIMITIVES, type_code
from medplatform.modalities.ehr.profiles.match import is_typed_name
from medplatform.modalities.ehr.profiles.value_tests import referenced_type

# Types that are kinds of another: FHIR R4, Data Types 2.24.0.
_PARENTS = {"code": "string", "id": "string", "markdown": "string"} | dict.fromkeys(
    ("Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity"), "Quantity"
)
_PARENTS |= dict.fromkeys(("canonical", "oid", "url", "uuid"), "uri")
_PARENTS |= dict.fromkeys(("positiveInt", "unsignedInt"), "integer")
_SYSTEM_TYPES = {"Boolean": bool, "String": str, "Integer": int, "Decimal": float}


class Undecided(Exception):
    """The record does not show what the constraint asks."""


@dataclass(frozen=True, slots=True)
class Item:
    """A value with its type, where it is known, and the `_name` object beside a primitive."""

    value: Any
    type_code: str = ""
    companion: Any = None


@dataclass(frozen=True, slots=True)
class Context:
    """The resource and the value that the constraint is on."""

    root: Mapping[str, Any]
    value: Any


Items = list[Item]
TRUE: Items = [Item(True)]
FALSE: Items = [Item(False)]
# Something of which only the type is known: what a reference points to, the rest of a primitive.
OPAQUE = object()


def truth(items: Items) -> bool | None:
    """A collection as a boolean: empty is None, a single other value counts as true."""
    if not items:
        return None
    if len(items) > 1:
        raise Undecided
    value = items[0].value
    return value if isinstance(value, bool) else True


def navigate(items: Items, name: str) -> Items:
    """The children of a name, of every type where the name is a choice."""
    found: Items = []
    for item in items:
        parent = item.value if isinstance(item.value, dict) else item.companion
        if parent is OPAQUE or item.value is OPAQUE:
            raise Undecided
        if not isinstance(parent, dict):
            continue
        companion_name = f"_{name}"
        if name in parent or companion_name in parent:
            _collect(found, parent.get(name), parent.get(companion_name), "")
            continue
        for key in parent:
            plain = key.removeprefix("_")
            if is_typed_name(plain, name):
                if plain is not key and plain in parent:
                    continue
                code = type_code(plain[len(name) :])
                _collect(found, parent.get(plain), parent.get(f"_{plain}"), code)
    return found


def _collect(found: Items, value: Any, companion: Any, code: str) -> None:
    if not isinstance(value, list) and not isinstance(companion, list):
        if value is not None or companion is not None:
            found.append(Item(value, code, companion))
        return
    values = value if isinstance(value, list) else []
    companions = companion if isinstance(companion, list) else []
    for index in range(max(len(values), len(companions))):
        one = values[index] if index < len(values) else None
        other = companions[index] if index < len(companions) else None
        if one is not None or other is not None:
            found.append(Item(one, code, other))


def is_of_type(item: Item, name: str) -> bool:
    """Whether an item is of a type, or of a kind of it."""
    value = item.value
    if name in _SYSTEM_TYPES and not item.type_code:
        if isinstance(value, dict):
            return False
        kind = _SYSTEM_TYPES[name]
        return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    code = item.type_code
    if not code and isinstance(value, dict) and isinstance(value.get("resourceType"), str):
        code = value["resourceType"]
    if not code:
        # A primitive is never an object; which primitive a text is the record does not show.
        if isinstance(value, dict) and name in PRIMITIVES:
            return False
        raise Undecided
    return code == name or _PARENTS.get(code) == name


def is_type(items: Items, names: Items) -> Items:
    """`is`: of a single value."""
    if not items:
        return []
    if len(items) > 1:
        raise Undecided
    return flag(is_of_type(items[0], names[0].value))


def as_type(items: Items, names: Items) -> Items:
    """`as`: the values of the type."""
    return [item for item in items if is_of_type(item, names[0].value)]


def flag(value: bool) -> Items:
    """A boolean as a collection."""
    return TRUE if value else FALSE


def single(items: Items) -> Item:
    """The only item."""
    if len(items) != 1 or items[0].value is OPAQUE:
        raise Undecided
    return items[0]


def resolve(items: Items, root: Mapping[str, Any]) -> Items:
    """What references point to: only the type is known."""
    return [Item(OPAQUE, referenced_type(item.value, root) or "") for item in items]


def text_of(items: Items) -> str | None:
    """A single value as text, None for an empty collection."""
    if not items:
        return None
    value = single(items).value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    # An object, or a decimal, whose text as it was delivered is not known.
    raise Undecided


def number_of(value: Any) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Number):
        raise Undecided
    return float(value)


def equal(left: Any, right: Any) -> bool:
    """Equality of two values; numbers by size, however they are written."""
    if isinstance(left, Number) or isinstance(right, Number):
        return number_of(left) == number_of(right)
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return left == right
