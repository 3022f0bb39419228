"""How many values there are: counted in JSON text and in Arrow arrays, by independent ways.

A leaf is a JSON scalar, nulls within arrays (FHIR pads primitive arrays with them) among them.
What goes into the columns of a block must come out of its text: an element that a schema did not
have, or a parser dropped, shows here.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

_QUOTE = ord('"')
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_UNMARKED = bytes(set(range(256)) - set(b'",{}[]'))


def leaves_in_text(lines: bytes, records: int) -> int:
    """Scalars in valid JSON objects, separated by newlines, without parsing them.

    Every comma outside a string separates two children of a container, and every container that
    is not empty has one child more than commas. So the containers cancel out:
    scalars = commas + records - empty containers.
    """
    lines = _ESCAPED.sub(b"", lines)  # quotes among it
    marks = np.frombuffer(lines.translate(None, _UNMARKED), dtype=np.uint8)
    quotes_before = np.cumsum(marks == _QUOTE, dtype=np.uint8)
    outside = (marks * (quotes_before & 1 == 0)).tobytes()  # zero in strings
    return outside.count(b",") + records - _empty_containers(lines, outside)


def _empty_containers(lines: bytes, marks: bytes) -> int:
    """Empty objects and arrays; a pair of brackets in a string is rare enough to look closer.

    In `marks`, brackets outside strings, an array of one number is a pair too.
    """
    total = 0
    for pair in (b"{}", b"[]"):
        at = lines.find(pair) if pair in marks else -1
        while at >= 0:
            start = lines.rfind(b"\n", 0, at) + 1
            total += lines.count(b'"', start, at) % 2 == 0
            at = lines.find(pair, at + 2)
    return total


def leaves_in_array(array: pa.Array) -> int:
    """Scalars in a nested array: values that are not null, and nulls that are items of lists."""
    if pa.types.is_struct(array.type):
        assert isinstance(array, pa.StructArray)
        return sum(leaves_in_array(child) for child in array.flatten())
    if pa.types.is_list(array.type):
        assert isinstance(array, pa.ListArray)
        items = array.flatten()
        return leaves_in_array(items) + items.null_count
    return len(array) - array.null_count


def leaves_in_content(content: Mapping[str, Any]) -> int:
    """Scalars in a parsed object; a null that is no item of an array is no value."""
    return sum(_leaves(value) for value in content.values() if value is not None)


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return leaves_in_content(value)
    if isinstance(value, list):
        return sum(map(_leaves, value))
    return 1
