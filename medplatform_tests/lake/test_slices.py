"""Reading a staged table back in slices."""

import pyarrow as pa
import pytest

from medplatform.lake import Column, Lake, Table

TABLE = Table(
    name="toy_row",
    description="One row per toy.",
    columns=(
        Column(name="name", dtype=pa.string(), description="Name."),
        Column(name="size", dtype=pa.int64(), description="Size."),
    ),
    key=("name",),
)


@pytest.mark.parametrize(("most", "slices"), [(1000, 1), (100, 1), (99, 2), (10, 10)])
def test_slices_hold_all_rows_and_equal_keys_together(tmp_path, most: int, slices: int) -> None:
    rows = [{"name": f"n{i % 40}" if i % 41 else None, "size": i} for i in range(100)]
    with Lake(tmp_path).stage("toy", "d", "g") as stage:
        stage.write(TABLE, [{**row, "source_id": "s", "record_number": 1} for row in rows])
        stage.close()
        found = list(stage.slices("toy_row", ["size", "name"], most, together=True))
        assert [path.name for path in stage.folder.iterdir()] == ["toy_row"]
    assert len(found) == slices
    assert sorted(row["size"] for part in found for row in part.to_pylist()) == list(range(100))
    names = [set(part["name"].to_pylist()) for part in found]
    assert sum(map(len, names)) == len(set().union(*names)) == 41


def test_slices_of_single_rows_are_consecutive(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("medplatform.lake.stage.PART_BYTES", 1)
    with Lake(tmp_path).stage("toy", "d", "g") as stage:
        for part in range(3):
            rows = [{"name": "a", "size": 10 * part + place} for place in range(5)]
            lineage = {"source_id": "s", "record_number": 1}
            content = pa.Table.from_pylist(
                [{**row, **lineage} for row in rows], schema=TABLE.schema()
            )
            stage.write(TABLE, content)
        stage.close()
        found = list(stage.slices("toy_row", ["size"], 3, together=False))
    assert max(part.num_rows for part in found) == 3
    sizes = [size for part in found for size in part["size"].to_pylist()]
    assert sizes == [*range(5), *range(10, 15), *range(20, 25)]


def test_slices_cross_part_files(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medplatform.lake.stage.PART_BYTES", 1)
    with Lake(tmp_path).stage("toy", "d", "g") as stage:
        for _ in range(3):
            row = {"name": "a", "size": 1, "source_id": "s", "record_number": 1}
            stage.write(TABLE, pa.Table.from_pylist([row], schema=TABLE.schema()))
        stage.close()
        assert len(stage.parts()["toy_row"]) == 3
        assert [
            s.num_rows for s in stage.slices("toy_row", ["name"], 2, together=True) if s.num_rows
        ] == [3]


def test_footers_tell_how_many_values_are_missing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("medplatform.lake.stage.PART_BYTES", 1)
    table = Table(
        name="toy_row",
        description="One row per toy.",
        columns=(
            *TABLE.columns,
            Column(name="weight_kg", dtype=pa.float64(), description="Weight."),
            Column(name="colors", dtype=pa.list_(pa.string()), description="Colors."),
        ),
        key=("name",),
    )
    with Lake(tmp_path).stage("toy", "d", "g") as stage:
        for name in ("a", None, None):
            row = {"name": name, "size": 1, "source_id": "s", "record_number": 1}
            stage.write(table, pa.Table.from_pylist([row], schema=table.schema()))
        stage.close()
        found = stage.null_counts("toy_row")
    assert found == {"name": 2, "size": 0, "source_id": 0, "record_number": 0}


@pytest.mark.parametrize(("names", "are_distinct"), [("abc", True), ("aba", False)])
def test_keys_are_compared_across_part_files(
    tmp_path, monkeypatch, names: str, are_distinct: bool
) -> None:
    monkeypatch.setattr("medplatform.lake.stage.PART_BYTES", 1)
    with Lake(tmp_path).stage("toy", "d", "g") as stage:
        for name in names:
            row = {"name": name, "size": 1, "source_id": "s", "record_number": 1}
            stage.write(TABLE, pa.Table.from_pylist([row], schema=TABLE.schema()))
        stage.close()
        assert stage.has_distinct_keys("toy_row") == are_distinct
