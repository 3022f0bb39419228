"""Deep elements as JSON text: nothing is lost, and readers of Parquet can open the file."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from medplatform.modalities.ehr.columns.fold import DEEPEST, fold
from medplatform.modalities.ehr.columns.json_text import to_json


def nested(levels: int) -> tuple[dict[str, Any], pa.StructType]:
    """Elements within elements, in lists."""
    content: dict[str, Any] = {"linkId": "leaf", "value": 72.5, "value__text": "72.50"}
    fields = [("linkId", pa.string()), ("value", pa.float64()), ("value__text", pa.string())]
    kind = pa.struct(fields)
    for _ in range(levels - 1):
        content = {"linkId": "x", "item": [content]}
        kind = pa.struct([("linkId", pa.string()), ("item", pa.list_(kind))])
    return content, kind


def test_shallow_elements_stay_as_they_are() -> None:
    content, kind = nested(DEEPEST)
    array = pa.array([content, None], kind)
    assert fold(array) is array


def test_deep_elements_are_json_with_exact_numbers() -> None:
    content, kind = nested(DEEPEST + 2)
    folded = fold(pa.array([content, None, {"linkId": "only"}, content], kind))
    first, nothing, only, last = folded.to_pylist()
    assert (nothing, only) == (None, {"linkId": "only", "item": None})
    assert first == last
    for _ in range(DEEPEST - 1):
        (first,) = first["item"]
    assert set(first) == {"linkId", "item__json"}
    assert first["item__json"] == '[{"linkId":"x","item":[{"linkId":"leaf","value":72.50}]}]'


def test_folded_lists_keep_slices_and_nulls() -> None:
    content, kind = nested(DEEPEST + 1)
    rows = [None, {"linkId": "a", "item": None}, {"linkId": "b", "item": []}, content]
    array = pa.array([*rows, *rows], kind)
    assert fold(array.slice(4)).to_pylist() == fold(pa.array(rows, kind)).to_pylist()
    assert json.loads(next(to_json(array.slice(7)))) == json.loads(  # pyright: ignore[reportArgumentType]
        next(to_json(pa.array([content], kind)))  # pyright: ignore[reportArgumentType]
    )


def test_duckdb_and_arrow_open_what_was_folded(tmp_path: Path) -> None:
    content, kind = nested(100)
    table = pa.table({"item": fold(pa.array([content], kind))})
    path = tmp_path / "x.parquet"
    pq.write_table(table, path)
    assert pq.read_table(path).equals(table)
    assert duckdb.sql(f"select item from '{path}'").to_arrow_table().num_rows == 1
