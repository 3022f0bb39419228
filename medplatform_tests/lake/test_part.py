"""What the files of a table are like."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from medplatform.lake import Column, Table
from medplatform.lake.part import write_part

TEXTS = pa.list_(pa.struct([("code", pa.string()), ("rank", pa.int32())]))
TABLE = Table(
    name="toy_row",
    description="One row per toy.",
    columns=(
        Column(name="name", dtype=pa.string(), description="Name."),
        Column(name="size", dtype=pa.int64(), description="Size."),
        Column(name="labels", dtype=TEXTS, description="Labels."),
    ),
    key=("name",),
)


def test_texts_have_dictionaries_wherever_they_are_nested(tmp_path: Path) -> None:
    row = {"name": "a", "size": 1, "labels": [{"code": "x", "rank": 1}]}
    lineage = {"source_id": "s", "record_number": 1}
    content = pa.Table.from_pylist([{**row, **lineage}], schema=TABLE.schema())
    write_part(TABLE, content, tmp_path / "part.parquet")
    group = pq.read_metadata(tmp_path / "part.parquet").row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    assert {c.path_in_schema: "RLE_DICTIONARY" in c.encodings for c in columns} == {
        "name": True,
        "size": False,
        "labels.list.element.code": True,
        "labels.list.element.rank": False,
        "source_id": True,
        "record_number": False,
    }
    assert pq.read_table(tmp_path / "part.parquet").equals(content)
