"""Which marts a run publishes, and what may be said about a failure."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from medplatform import warehouse
from medplatform.lake import Lake
from medplatform.warehouse import BuildResult, NodeResult, WarehouseError, build, publish, runner
from medplatform.warehouse.results import safe_message

PASSED = {"a": "success", "a_is_unique": "pass", "b": "success", "a_fits_b": "pass"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A warehouse with the tables of two marts, and Parquet files of the run before."""
    (tmp_path / "marts").mkdir()
    with closing(duckdb.connect(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts")
        for name in ("a", "b"):
            connection.execute(f"create table marts.{name} as select range as id from range(3)")
            pl.DataFrame({"id": [77]}).write_parquet(tmp_path / f"marts/{name}.parquet")
    return tmp_path


def run(root: Path, statuses: dict[str, str]) -> BuildResult:
    """Publish after a dbt run of two marts, a test of one and a test of both."""
    marts = {f"model.m.{name}": _node(name, "model", "marts") for name in ("a", "b")}
    tests = {f"test.m.{name}": _node(name, "test") for name in ("a_is_unique", "a_fits_b")}
    children = {"model.m.a": ["test.m.a_is_unique", "test.m.a_fits_b"], "model.m.b": []}
    children["model.m.b"].append("test.m.a_fits_b")
    manifest = {"nodes": {**marts, **tests}, "unit_tests": {}, "child_map": children}
    results = [
        {
            "unique_id": next(key for key in (*marts, *tests) if key.endswith(f".{name}")),
            "status": status,
            "execution_time": 0.1,
            "failures": 2 if status == "fail" else None,
            "message": None,
        }
        for name, status in statuses.items()
    ]
    target = root / "target"
    target.mkdir()
    (target / "manifest.json").write_text(json.dumps(manifest))
    (target / "run_results.json").write_text(json.dumps({"results": results}))
    return publish(target, root / "warehouse.duckdb", root / "marts")


def _node(name: str, kind: str, schema: str | None = None) -> dict[str, Any]:
    return {"name": name, "resource_type": kind, "config": {"schema": schema}}


def ids(root: Path, name: str) -> list[int]:
    return pl.read_parquet(root / f"marts/{name}.parquet")["id"].to_list()


def test_marts_whose_tests_passed_are_published(root: Path) -> None:
    result = run(root, PASSED)
    assert result.is_good
    assert result.marts == {"a": 3, "b": 3}
    assert ids(root, "a") == ids(root, "b") == [0, 1, 2]
    assert sorted(path.name for path in (root / "marts").iterdir()) == ["a.parquet", "b.parquet"]


def test_a_warning_does_not_hold_a_mart_back(root: Path) -> None:
    assert run(root, PASSED | {"a_is_unique": "warn"}).marts == {"a": 3, "b": 3}


@pytest.mark.parametrize(
    ("statuses", "published"),
    [
        ({"a_is_unique": "fail"}, {"b": 3}),
        ({"a_is_unique": "error"}, {"b": 3}),
        ({"a_is_unique": "skipped"}, {"b": 3}),
        ({"a_fits_b": "fail"}, {}),
        ({"b": "error", "a_fits_b": "skipped"}, {}),
    ],
)
def test_a_mart_with_a_problem_stays_as_it_was(
    root: Path, statuses: dict[str, str], published: dict[str, int]
) -> None:
    result = run(root, PASSED | statuses)
    assert not result.is_good
    assert result.marts == published
    assert ids(root, "a") == [77]
    assert ids(root, "b") == ([0, 1, 2] if "b" in published else [77])


def test_a_mart_that_the_run_did_not_build_stays_as_it_was(root: Path) -> None:
    assert run(root, {"b": "success"}).marts == {"b": 3}
    assert ids(root, "a") == [77]


def test_problems_are_what_failed_not_what_was_skipped_for_it(root: Path) -> None:
    result = run(root, PASSED | {"a": "error", "a_is_unique": "skipped", "a_fits_b": "skipped"})
    assert [node.name for node in result.problems] == ["a"]


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        ("fail", "Got 3 results, configured to fail if != 0", "3 rows break the rule"),
        ("pass", "", ""),
        (
            "error",
            "Runtime Error in model m (models/m.sql)\n  Conversion Error: Could not convert "
            "string 'Jane Roe' to INT32",
            "Conversion Error",
        ),
        (
            "error",
            "Runtime Error in model m (models/m.sql)\n  Binder Error: Referenced column "
            '"x" not found in FROM clause!\n  Candidate bindings: "y"',
            'Binder Error: Referenced column "x" not found in FROM clause!',
        ),
        ("error", "Jane Roe", "dbt error"),
    ],
)
def test_messages_name_columns_but_never_values(status: str, message: str, said: str) -> None:
    assert safe_message(status, 3, message) == said


def test_a_long_list_of_problems_is_cut(tmp_path: Path) -> None:
    nodes = [
        NodeResult(name=f"n{i}", kind="test", status="fail", seconds=0, message="1 rows")
        for i in range(14)
    ]
    text = runner.explain(BuildResult(tuple(nodes)), tmp_path)
    assert "test n0: 1 rows" in text
    assert "n10" not in text
    assert "and 4 more" in text


def test_a_dbt_that_cannot_start_leads_to_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "PROJECT", tmp_path / "no_project")
    with pytest.raises(WarehouseError, match="dbt could not start"):
        build(Lake(tmp_path / "lake"), [], root=tmp_path / "dbt", marts=tmp_path / "marts")


def test_environment_keeps_what_dbt_writes_below_one_folder(tmp_path: Path) -> None:
    environment = warehouse.prepare(tmp_path / "dbt")
    written = ("MEDPLATFORM_WAREHOUSE", "DBT_TARGET_PATH", "DBT_LOG_PATH")
    assert all(Path(environment[name]).is_relative_to(tmp_path / "dbt") for name in written)
