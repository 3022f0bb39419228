"""Accepted resources of one type, from JSON lines to one nested Arrow array.

pyarrow's JSON reader does it with the columns of the `Shape`, which makes it an error rather than
a loss when a line has an element more; then the shape grows and the block is read again. Decimals
become strings before they are parsed, so that 72.50 stays 72.50.
"""

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json as pj

from medplatform.modalities.ehr.columns.leaves import (
    leaves_in_array,
    leaves_in_content,
    leaves_in_text,
)
from medplatform.modalities.ehr.columns.shape import INTEGERS, Shape
from medplatform.modalities.ehr.definitions import Release

_NUMBER = rb"-?[0-9][0-9.eE+-]*"
_ITEM = re.compile(_NUMBER)


class LostLeaves(RuntimeError):
    """Not every value of a block reached its columns: a defect of the platform."""


def parse(lines: Sequence[bytes], shape: Shape, release: Release) -> tuple[pa.StructArray, int]:
    """Parse valid resources of one type, one per line, without contained resources.

    `shape` grows by the elements that are new.

    Returns
    -------
    array
        One struct per line, of type `shape.raw_type()`.
    leaves
        Number of values in it; as many as the lines have, without `resourceType`.

    Raises
    ------
    LostLeaves
        The lines have more values than the array.
    """
    if not lines:
        return pa.array([], shape.raw_type()), 0
    text = b"\n".join(lines)
    expected = leaves_in_text(text, len(lines)) - len(lines)
    array = _parse_fast(text, shape, release)
    if array is None or (found := leaves_in_array(array)) != expected:
        array, expected = _parse_exactly(lines, shape, release)
        found = leaves_in_array(array)
    if found != expected or len(array) != len(lines):
        raise LostLeaves(f"{expected} values were delivered, {found} read")
    return array, found


def _parse_fast(text: bytes, shape: Shape, release: Release) -> pa.StructArray | None:
    """The array, or None where pyarrow's reader does not cope."""
    for _ in range(2):
        try:
            return _read(_quote_decimals(text, shape), shape)
        except pa.ArrowInvalid:
            if not _grow(text, shape, release):
                return None
    return None


def _read(text: bytes, shape: Shape) -> pa.StructArray:
    raw_type = shape.raw_type()
    names = _text_numbers(shape)
    parsed_type = _with_text(raw_type, names) if names else raw_type
    schema = pa.schema([pa.field("resourceType", pa.string()), *parsed_type])
    table = pj.read_json(
        io.BytesIO(text),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
        parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
    )
    array = table.drop_columns("resourceType").to_struct_array().combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    return array.cast(raw_type) if names else array


def _grow(text: bytes, shape: Shape, release: Release) -> bool:
    """Add the elements of a block to the shape; whether it grew.

    pyarrow infers which there are; of what type they are says FHIR.
    """
    before = str(shape.raw_type())
    try:
        inferred = pj.read_json(
            io.BytesIO(text),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
        )
    except pa.ArrowInvalid:
        for line in text.split(b"\n"):
            shape.grow(json.loads(line), release)
    else:
        shape.grow_names(inferred.schema, release)
    return str(shape.raw_type()) != before


def _quote_decimals(text: bytes, shape: Shape) -> bytes:
    """Make strings of the numbers of decimal elements.

    In valid JSON a quote, a name, a quote and a colon cannot stand inside a string, where the
    second quote would be escaped, so looking for the name is exact.
    """
    decimals = [leaf.definition for _, leaf in shape.leaves() if leaf.definition.type == "decimal"]
    if single := {d.name for d in decimals if not d.is_list}:
        names = "|".join(sorted(single)).encode()
        parts = re.split(rb'("(?:%s)"\s*:\s*)(%s)' % (names, _NUMBER), text)
        parts[2::3] = [b'"%s"' % number for number in parts[2::3]]
        text = b"".join(parts)
    if lists := {d.name for d in decimals if d.is_list}:
        names = "|".join(sorted(lists)).encode()
        text = re.sub(
            rb'"(?:%s)"\s*:\s*\[[^\]]*\]' % names, lambda m: _ITEM.sub(rb'"\g<0>"', m[0]), text
        )
    return text


def _text_numbers(shape: Shape) -> frozenset[str]:
    """Names of integers that stand in quotes when they are read.

    Those that are a decimal elsewhere were put in quotes, and R5 writes integer64 so.
    """
    decimals: set[str] = set()
    integers: set[str] = set()
    quoted: set[str] = set()
    for _, leaf in shape.leaves():
        if leaf.definition.type == "decimal":
            decimals.add(leaf.definition.name)
        elif leaf.definition.type == "integer64":
            quoted.add(leaf.definition.name)
        elif leaf.definition.type in INTEGERS:
            integers.add(leaf.definition.name)
    return frozenset(quoted | (decimals & integers))


def _with_text(kind: pa.DataType, names: frozenset[str], name: str = "") -> pa.DataType:
    """The type with strings for the integers of these names."""
    if pa.types.is_list(kind):
        return pa.list_(_with_text(kind.value_type, names, name))
    if pa.types.is_struct(kind):
        return pa.struct([(f.name, _with_text(f.type, names, f.name)) for f in kind])
    return pa.string() if name in names and kind == pa.int64() else kind


class _Number(str):
    """A JSON number as the text that was delivered."""

    __slots__ = ()


def _parse_exactly(
    lines: Sequence[bytes], shape: Shape, release: Release
) -> tuple[pa.StructArray, int]:
    """What `_parse_fast` does, value by value: for numbers and names written in unusual ways."""
    contents = [json.loads(line, parse_float=_Number, parse_int=_Number) for line in lines]
    expected = 0
    for content in contents:
        content.pop("resourceType", None)
        expected += leaves_in_content(content)
        shape.grow(content, release)
    rows = [_typed(content, shape) for content in contents]
    return pa.array(rows, type=shape.raw_type()), expected


def _typed(content: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    return {
        name: _typed_value(value, shape.children[name])
        for name, value in content.items()
        if value is not None
    }


def _typed_value(value: Any, shape: Shape) -> Any:
    if isinstance(value, list):
        return [None if item is None else _typed_value(item, shape) for item in value]
    if isinstance(value, dict):
        return _typed(value, shape)
    if shape.definition.type in INTEGERS:
        return int(value)
    return str(value) if isinstance(value, _Number) else value
