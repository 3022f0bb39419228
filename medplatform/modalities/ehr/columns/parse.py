"""Accepted resources of one type, from JSON lines to one nested Arrow array.

pyarrow's JSON reader does it with the columns of the `Shape`, which makes it an error rather than
a loss when a line has an element more; then the shape grows and the block is read again. Decimals
are read as text (see `decimals`), so that 72.50 stays 72.50.
"""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.json as pj

from medplatform.modalities.breaks import count_openings, find_breaks
from medplatform.modalities.ehr.columns.decimals import (
    count_wrapped,
    unwrap,
    wrap,
    wrapped_type,
)
from medplatform.modalities.ehr.columns.leaves import (
    leaves_in_array,
    leaves_in_content,
    leaves_in_text,
)
from medplatform.modalities.ehr.columns.shape import INTEGERS, Shape
from medplatform.modalities.ehr.definitions import Release


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


def parse_unjudged(lines: Sequence[bytes], shape: Shape) -> pa.StructArray | None:
    """Parse lines of which nobody knows yet what they are, with what the shape has.

    Returns
    -------
    array
        One struct per line, of type `shape.raw_type()`. None unless each line is certainly one
        JSON object, of the resource type, without repeated keys, with elements of the shape alone
        and of their JSON types. Only the digits of decimals may still be no number in JSON.
    """
    text = b"\n".join(lines)
    if not (_holds_one_object_a_line(text, len(lines)) and _is_utf8(text) and _is_plain(shape)):
        return None
    try:
        block = _read(text, shape)
    except pa.ArrowInvalid:
        return None
    is_certain = (
        len(block.content) == len(lines)
        and block.types == {shape.definition.type}
        and block.is_typed
        and leaves_in_array(block.content) == leaves_in_text(text, len(lines)) - len(lines)
    )
    return block.content if is_certain else None


def _holds_one_object_a_line(text: bytes, lines: int) -> bool:
    """Whether line breaks can only be between objects.

    Within valid JSON no line ends with a closing brace and the next begins with an opening one.
    """
    breaks = find_breaks(text)
    between = count_openings(text, breaks, b"{", b"}")
    is_between = len(breaks) == between == lines - 1
    return is_between and text.startswith(b"{") and text.endswith(b"}")


def _is_utf8(text: bytes) -> bool:
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _is_plain(shape: Shape) -> bool:
    """Whether no number is read as text but single decimals."""
    leaves = [leaf.definition for _, leaf in shape.leaves()]
    decimals = {leaf.name for leaf in leaves if leaf.type == "decimal"}
    return not any(
        leaf.type == "integer64"
        or (leaf.type in INTEGERS and leaf.name in decimals)
        or (leaf.type == "decimal" and leaf.is_list)
        for leaf in leaves
    )


def _parse_fast(text: bytes, shape: Shape, release: Release) -> pa.StructArray | None:
    """The array, or None where pyarrow's reader does not cope."""
    for _ in range(2):
        try:
            return _read(text, shape).content
        except pa.ArrowInvalid:
            if not _grow(text, shape, release):
                return None
    return None


class _Block(NamedTuple):
    """What was read: one struct per object, their types, and whether decimals were numbers."""

    content: pa.StructArray
    types: set[str | None]
    is_typed: bool


def _read(text: bytes, shape: Shape) -> _Block:
    wrapped, numbers = wrap(text, shape)
    table = pj.read_json(
        io.BytesIO(wrapped),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(wrapped) + 1),
        parse_options=pj.ParseOptions(
            explicit_schema=pa.schema([("resourceType", pa.string()), *wrapped_type(shape)]),
            unexpected_field_behavior="error",
        ),
    )
    types = set(table["resourceType"].unique().to_pylist())
    array = table.drop_columns("resourceType").to_struct_array().combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    content = unwrap(array, shape.raw_type())
    return _Block(content, types, count_wrapped(array) == numbers)


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
