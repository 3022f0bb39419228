"""Columns without those that hold nothing."""

import pyarrow as pa
import pytest

from medplatform.modalities.ehr.columns.items import map_items
from medplatform.modalities.ehr.columns.trim import trim

from .written import without_nulls

KIND = pa.struct(
    [
        ("id", pa.string()),
        ("gone", pa.struct([("x", pa.int64())])),
        ("name", pa.list_(pa.struct([("given", pa.list_(pa.string())), ("use", pa.string())]))),
        ("empty", pa.struct([("x", pa.int64()), ("y", pa.int64())])),
    ]
)
ROWS = [
    {"id": "a", "name": [{"given": ["x", None]}, None, {}]},
    None,
    {"id": "b", "name": [], "empty": {}},
    {"id": None, "name": None},
]


@pytest.mark.parametrize("start", [0, 1, 2])
def test_what_holds_nothing_has_no_column(start: int) -> None:
    trimmed = trim(pa.array([*ROWS[:start], *ROWS], KIND).slice(start))
    assert [without_nulls(row) for row in trimmed.to_pylist()] == [
        {"id": "a", "name": [{"given": ["x", None]}, None, {}]},
        None,
        {"id": "b", "name": [], "empty": {}},
        {},
    ]
    assert trimmed.type.names == ["id", "name", "empty"]
    assert trimmed.type.field("name").type.value_type.names == ["given"]
    assert trimmed.type.field("empty").type.names == ["x"]


def test_items_of_a_slice_are_replaced() -> None:
    lists = pa.array([[1], [2, 3], None, []], pa.list_(pa.int64())).slice(1)
    assert map_items(lists, lambda items: items.cast(pa.string())).to_pylist() == [
        ["2", "3"],
        None,
        [],
    ]
