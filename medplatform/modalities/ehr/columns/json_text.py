"""Nested columns back to FHIR JSON: decimals exactly as they were delivered, siblings left out."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pyarrow as pa

SIBLING = "__"
"""Between the name of an element and what its column says beside the value: `value__text`."""


def to_json(elements: pa.Array) -> Iterator[str | None]:
    """Each element, or list of elements, as JSON; None where there is none."""
    for element in elements.to_pylist():
        yield None if element is None else orjson.dumps(_without_siblings(element)).decode()


def _without_siblings(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _exact(value, name)
            for name, item in value.items()
            if item is not None and SIBLING not in name
        }
    if isinstance(value, list):
        return [_without_siblings(item) for item in value]
    return value


def _exact(content: Mapping[str, Any], name: str) -> Any:
    text = content.get(f"{name}{SIBLING}text")
    return _without_siblings(content[name]) if text is None else orjson.Fragment(text)
