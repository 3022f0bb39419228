"""The sources of dbt follow the ledger, and a busy warehouse says so."""

import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from medplatform.lake import Column, Lake
from medplatform.modalities import TABLES
from medplatform.warehouse import POLYGENIC_SCORE, WarehouseError, refresh_views
from medplatform.warehouse.views import sql_type
from medplatform_tests.warehouse.records import patient, publish


def refresh(root: Path) -> None:
    refresh_views(
        Lake(root / "lake"), list(TABLES.values()), root / "dbt/warehouse.duckdb", root / "marts"
    )


def count(root: Path, relation: str) -> int:
    with closing(duckdb.connect(root / "dbt/warehouse.duckdb", read_only=True)) as connection:
        return connection.execute(f"select count(*) from {relation}").fetchall()[0][0]


def test_views_show_what_the_ledger_names_now(tmp_path: Path) -> None:
    root = tmp_path / "it's a folder"
    refresh(root)
    assert count(root, "lake.ehr_patient") == 0
    publish(root / "lake", "a", {"ehr_patient": [patient("ann", 1960)]})
    refresh(root)
    publish(root / "lake", "b", {"ehr_patient": [patient("bea", 1960)]})
    assert count(root, "lake.ehr_patient") == 1
    refresh(root)
    assert count(root, "lake.ehr_patient") == 2


def test_a_column_declared_since_is_null_in_older_rows(tmp_path: Path) -> None:
    publish(tmp_path / "lake", "a", {"ehr_patient": [patient("ann", 1960)]})
    old = TABLES["ehr_patient"]
    column = Column(name="declared_since", dtype=pa.int32(), description="New.")
    new = replace(old, columns=(*old.columns, column))
    refresh_views(Lake(tmp_path / "lake"), [new], tmp_path / "w.duckdb", tmp_path / "marts")
    with closing(duckdb.connect(tmp_path / "w.duckdb", read_only=True)) as connection:
        rows = connection.execute(
            "select patient_id, birth_year, declared_since, delivery from lake.ehr_patient"
        ).fetchall()
    assert rows == [("ann", 1960, None, "a")]


def test_a_mart_input_that_was_not_computed_is_an_empty_view(tmp_path: Path) -> None:
    refresh(tmp_path)
    assert count(tmp_path, "marts_input.polygenic_score") == 0
    (tmp_path / "marts").mkdir()
    values = {"patient_id": "ann", "score_name": "a", "score": 1.0}
    pl.DataFrame(values | {"matched_variants": 1, "listed_variants": 2}).write_parquet(
        tmp_path / "marts/polygenic_score.parquet"
    )
    refresh(tmp_path)
    assert count(tmp_path, "marts_input.polygenic_score") == 1


def test_a_warehouse_in_use_is_a_clear_error(tmp_path: Path) -> None:
    refresh(tmp_path)
    hold = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); "
        "sys.stdin.read()"
    )
    path = str(tmp_path / "dbt/warehouse.duckdb")
    with subprocess.Popen(
        [sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout and other.stdout.readline() == b"open\n"
        with pytest.raises(WarehouseError, match="Another process has"):
            refresh(tmp_path)
        other.communicate(b"")


@pytest.mark.parametrize("table", [*TABLES.values(), POLYGENIC_SCORE], ids=lambda t: t.name)
def test_every_column_type_has_a_name_in_duckdb(table: object) -> None:
    with closing(duckdb.connect()) as connection:
        for column in getattr(table, "all_columns", None) or getattr(table, "columns", ()):
            connection.execute(f"select null::{sql_type(column.dtype)}")


def test_lists_are_typed_by_their_items() -> None:
    assert sql_type(pa.list_(pa.float64())) == "double[]"
