"""Resources as JSON text, written in every way that JSON allows, and what they say.

Numbers are `Number`s, so that what is written is known to the last digit; the text and the plain
values come from the same content and share nothing else with the parser.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from medplatform.modalities.ehr.definitions import ElementDefinition, Release, elements_of

NASTY = [
    *(
        '"',
        "\\",
        '\\"',
        '"value":1.50',
        "{}",
        "[]",
        '{"a":[]}',
        ",",
        '",',
        "\\\\",
        "\u0000",
        "\x7f",
    ),
    *("é", "n\u0303", "𝕏", "\U0010ffff", "\u2028", "\ufeff", " ", "", "null", "1.50", "2020-01-01"),
]
"""Texts that a parser working on bytes could mistake for something else."""
_TEXTS = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_DECIMALS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,19})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)


class Number(str):
    """A JSON number as it is written."""


@dataclass(frozen=True, slots=True)
class Style:
    """How JSON is written: white space after and before signs, and which characters escaped."""

    space: str
    ascii_only: bool
    escaped_names: bool


STYLES = st.builds(Style, st.sampled_from(["", "", " ", "\t "]), st.booleans(), st.booleans())


def write(value: Any, style: Style) -> str:
    """JSON text."""
    between = style.space + "," + style.space
    if isinstance(value, Mapping):
        pairs = [
            f"{_name(name, style)}{style.space}:{style.space}{write(item, style)}"
            for name, item in value.items()
        ]
        return "{" + style.space + between.join(pairs) + style.space + "}"
    if isinstance(value, list):
        return "[" + style.space + between.join(write(v, style) for v in value) + style.space + "]"
    if isinstance(value, Number):
        return value
    return json.dumps(value, ensure_ascii=style.ascii_only)


def _name(name: str, style: Style) -> str:
    return f'"\\u{ord(name[0]):04x}{name[1:]}"' if style.escaped_names else json.dumps(name)


def resources(
    resource_type: str, release: Release, depth: int = 3
) -> st.SearchStrategy[dict[str, Any]]:
    """Content with the structure of a type, null values and empty containers among it."""
    return _structs(resource_type, release, depth)


@cache
def _structs(type_name: str, release: Release, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    elements = [
        element
        for element in elements_of(type_name, release).values()
        if element.type != "Resource" and (element.is_primitive or depth > 0)
    ]
    return st.lists(st.sampled_from(elements), max_size=5, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries(
            {element.name: _values(element, release, depth - 1) for element in chosen}
        )
    )


def _values(element: ElementDefinition, release: Release, depth: int) -> st.SearchStrategy[Any]:
    if element.is_primitive:
        items = _scalars(element.type)
    else:
        items = _structs(element.type, release, depth)
    if not element.is_list:
        return st.none() | items
    may_be_null = element.is_primitive or element.name.startswith("_")
    return st.lists(st.none() | items if may_be_null else items, max_size=3)


def _scalars(kind: str) -> st.SearchStrategy[Any]:
    if kind == "boolean":
        return st.booleans()
    if kind == "decimal":
        return _DECIMALS.map(Number)
    if kind == "integer64":
        return st.integers(-(2**63), 2**63 - 1).map(str)
    if kind in ("integer", "positiveInt", "unsignedInt"):
        return st.integers(-(2**31), 2**31 - 1).map(lambda number: Number(str(number)))
    return _TEXTS


def read(content: Mapping[str, Any], type_name: str, release: Release) -> dict[str, Any]:
    """The values that a row of columns must hold, without the nulls of objects."""
    made = {}
    for name, value in content.items():
        definition = elements_of(type_name, release)[name]
        if value is None:
            continue
        items = value if definition.is_list else [value]
        parts = [None if item is None else _read(item, definition, release) for item in items]
        made[name] = parts if definition.is_list else parts[0]
    return made


def _read(value: Any, definition: ElementDefinition, release: Release) -> Any:
    if not definition.is_primitive:
        return read(value, definition.type, release)
    if definition.type in ("integer", "integer64", "positiveInt", "unsignedInt"):
        return int(value)
    return str(value) if isinstance(value, Number) else value


def without_nulls(row: Any) -> Any:
    """A row of columns without the fields that are null."""
    if isinstance(row, dict):
        return {name: without_nulls(item) for name, item in row.items() if item is not None}
    return [without_nulls(item) for item in row] if isinstance(row, list) else row


def leaves(content: Any) -> int:
    """How many values there are; nulls count where they are items of lists."""
    if isinstance(content, Mapping):
        return sum(leaves(item) for item in content.values() if item is not None)
    if isinstance(content, list):
        return sum(map(leaves, content))
    return 1
