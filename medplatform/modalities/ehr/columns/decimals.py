"""Decimals on their way through a JSON reader that would round them.

Before it, each number of a decimal element becomes an object that holds its text, `{"n":"72.50"}`,
which no other element can be; after it, the text alone. Numbers in lists become strings.
"""

import re

import pyarrow as pa

from medplatform.modalities.ehr.columns.items import map_items
from medplatform.modalities.ehr.columns.shape import INTEGERS, Shape

_NUMBER = rb"-?[0-9][0-9.eE+-]*"
_ITEM = re.compile(_NUMBER)
_WRAPPED = pa.struct([("n", pa.string())])


def wrap(text: bytes, shape: Shape) -> tuple[bytes, int]:
    """The text with objects for the numbers of decimal elements, and how many there were.

    In valid JSON a quote, a name, a quote and a colon cannot stand inside a string, where the
    second quote would be escaped, so looking for the name is exact.
    """
    decimals = [leaf.definition for _, leaf in shape.leaves() if leaf.definition.type == "decimal"]
    count = 0
    if single := {d.name for d in decimals if not d.is_list}:
        names = "|".join(sorted(single)).encode()
        parts = re.split(rb'("(?:%s)"\s*:\s*)(%s)' % (names, _NUMBER), text)
        parts[2::3] = [b'{"n":"%s"}' % number for number in parts[2::3]]
        count, text = len(parts) // 3, b"".join(parts)
    if lists := {d.name for d in decimals if d.is_list}:
        names = "|".join(sorted(lists)).encode()
        text = re.sub(
            rb'"(?:%s)"\s*:\s*\[[^\]]*\]' % names, lambda m: _ITEM.sub(rb'"\g<0>"', m[0]), text
        )
    return text, count


def wrapped_type(shape: Shape) -> pa.StructType:
    """The Arrow type of what is read from text that `wrap` made."""
    decimals = {leaf.definition.name for _, leaf in shape.leaves() if _is_decimal(leaf)}
    wrapped = _wrapped_type(shape, decimals)
    assert isinstance(wrapped, pa.StructType)
    return wrapped


def unwrap(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """What was read, as the type (`Shape.raw_type()`) in which decimals are text."""
    if array.type == kind:
        return array
    if array.type == _WRAPPED and not pa.types.is_struct(kind):
        return unwrap(array.flatten()[0], kind)
    if isinstance(array, pa.ListArray):
        return map_items(array, lambda items: unwrap(items, kind.value_type))
    if isinstance(array, pa.StructArray):
        children = [unwrap(array.field(n), field.type) for n, field in enumerate(kind)]
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)
    return array.cast(kind)


def count_wrapped(array: pa.Array) -> int:
    """How many objects of decimals there are in what was read."""
    if array.type == _WRAPPED:
        return len(array) - array.null_count
    if isinstance(array, pa.StructArray):
        return sum(map(count_wrapped, array.flatten()))
    return count_wrapped(array.flatten()) if isinstance(array, pa.ListArray) else 0


def _is_decimal(shape: Shape) -> bool:
    return shape.definition.type == "decimal"


def _wrapped_type(shape: Shape, decimals: set[str]) -> pa.DataType:
    definition = shape.definition
    if not definition.is_primitive:
        children = shape.children.items()
        kind = pa.struct([(name, _wrapped_type(child, decimals)) for name, child in children])
        return pa.list_(kind) if definition.is_list else kind
    is_number = _is_decimal(shape) or definition.type in INTEGERS
    if definition.type == "integer64":  # which R5 writes in quotes
        return pa.list_(pa.string()) if definition.is_list else pa.string()
    if is_number and definition.name in decimals:
        return pa.list_(pa.string()) if definition.is_list else _WRAPPED
    return shape.raw_type()
