"""Counting values in text, in parsed content and in columns."""

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medplatform.modalities.ehr.columns.leaves import (
    leaves_in_array,
    leaves_in_content,
    leaves_in_text,
)

from .written import NASTY, STYLES, Style, write

_SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from(NASTY) | st.text(max_size=5)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "{}", "[]", '"', "\\", ","]), _VALUES)


def scalars(value: object) -> int:
    """All of them, null among them."""
    children = value.values() if isinstance(value, dict) else value
    return sum(map(scalars, children)) if isinstance(value, dict | list) else 1  # pyright: ignore[reportArgumentType]


@given(st.lists(_OBJECTS, min_size=1, max_size=3), STYLES)
@settings(max_examples=300, deadline=None)
def test_text_is_never_counted_short(objects: list[dict], style: Style) -> None:
    """What it is for: a count that is too low could hide a loss."""
    lines = [json.dumps(o, ensure_ascii=style.ascii_only).encode() for o in objects]
    expected = sum(map(scalars, objects))
    assert leaves_in_text(b"\n".join(lines), len(lines)) == expected
    style = Style(style.space, style.ascii_only, escaped_names=False)
    spaced = "\n".join(write(o, style) for o in objects).encode()
    assert leaves_in_text(spaced, len(lines)) >= expected


@pytest.mark.parametrize(
    ("content", "leaves"),
    [
        ({}, 0),
        ({"a": None}, 0),
        ({"a": [None, 1], "b": [{}, None, {"c": "x"}]}, 4),
        ({"a": {"b": {"c": []}}}, 0),
        ({"a": False, "b": ""}, 2),
    ],
)
def test_content(content: dict, leaves: int) -> None:
    assert leaves_in_content(content) == leaves


@pytest.mark.parametrize(
    ("values", "leaves"),
    [
        ([{"a": ["x", None], "b": None}], 2),
        ([None, {"a": None, "b": [{"c": 1}, None]}], 2),
        ([{"a": [], "b": [{"c": None}]}], 0),
    ],
)
def test_array(values: list, leaves: int) -> None:
    kind = pa.struct(
        {"a": pa.list_(pa.string()), "b": pa.list_(pa.struct({"c": pa.int64()}))}.items()
    )
    array = pa.array(values, kind)
    assert leaves_in_array(array) == leaves
    assert leaves_in_array(pa.concat_arrays([array, array]).slice(len(array))) == leaves


def test_what_stands_in_null_parents_does_not_count() -> None:
    child = pa.array([1, 2], pa.int64())
    hidden = pa.StructArray.from_arrays([child], names=["a"], mask=pa.array([True, False]))
    assert leaves_in_array(hidden) == 1
