"""What is found in staged files is what is found in all of their rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medplatform.lake import Column, Lake, Stage, Table
from medplatform.quality import rules_of, validate, validate_staged
from medplatform.quality.validate import columns_read

VISIT = Table(
    name="ehr_encounter",
    description="One row per visit.",
    columns=(
        Column(name="visit_id", dtype=pa.string(), description="Id."),
        Column(name="status", dtype=pa.string(), values=("done", "planned"), description="State."),
        Column(name="weight_kg", dtype=pa.float64(), minimum=1, maximum=300, description="Weight."),
        Column(name="started_at", dtype=pa.timestamp("us", "UTC"), description="Start."),
        Column(name="ended_at", dtype=pa.timestamp("us", "UTC"), description="End."),
    ),
    key=("visit_id", "record_number"),
)
NAMED = replace(VISIT, key=("visit_id",))
GOOD = {"visit_id": "a", "status": "done", "weight_kg": 70.0, "started_at": 0, "ended_at": 5}


@contextmanager
def staged(folder: Path, rows: list[dict], table: Table = VISIT) -> Iterator[Stage]:
    whole = [{**GOOD, "source_id": "s", "record_number": n, **row} for n, row in enumerate(rows)]
    with Lake(folder).stage("toy", "d", "g") as stage:
        stage.write(table, pa.Table.from_pylist(whole, schema=table.schema()))
        stage.close()
        yield stage


@pytest.mark.parametrize("cells", [1, 20, 1_000_000])
@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ([{}] * 9, set()),
        ([{}] * 8 + [{"record_number": 3}], {"key_is_unique"}),
        ([{}] * 8 + [{"status": "gone"}], {"codes_are_known"}),
        ([{}] * 8 + [{"weight_kg": 7000.0}], {"values_are_plausible"}),
        ([{}] * 8 + [{"started_at": 9}], {"dates_are_in_order"}),
        ([{"visit_id": None, "weight_kg": None, "status": None}] * 9, set()),
    ],
)
def test_files_and_slices_are_judged_as_all_rows_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cells: int,
    changes: list[dict],
    broken: set[str],
) -> None:
    monkeypatch.setattr("medplatform.quality.staged._CELLS", 8 * cells)
    with staged(tmp_path, changes) as stage:
        found = list(validate_staged(stage))
        rows = stage.read(VISIT.name, columns_read(rules_of(VISIT)))
        assert found == validate(VISIT, rows, stage.columns(VISIT.name))
    assert {finding.check for finding in found if not finding.success} == broken


@pytest.mark.parametrize("names", [[], ["a"], [None], ["a", None], [None, None], ["a", "a", None]])
@pytest.mark.parametrize("most", [1, 1_000_000])
def test_keys_of_one_column_are_judged_as_all_rows_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str | None], most: int
) -> None:
    monkeypatch.setattr("medplatform.lake.slices._MOST_HASHED", most)
    with staged(tmp_path, [{"visit_id": name} for name in names], NAMED) as stage:
        found = list(validate_staged(stage))
        rows = stage.read(NAMED.name, columns_read(rules_of(NAMED)))
        assert found == validate(NAMED, rows, stage.columns(NAMED.name))


def test_a_required_value_that_is_missing_is_told_by_the_footer(tmp_path: Path) -> None:
    with staged(tmp_path, [{}, {}]) as stage:
        (part,) = (stage.folder / VISIT.name).iterdir()
        rows = stage.read(VISIT.name)
        pq.write_table(rows.set_column(5, "source_id", pa.array(["s", None])), part)
        (finding,) = [f for f in validate_staged(stage) if f.rule.startswith("source_id")]
    assert (finding.success, finding.value, finding.rows) == (False, 1, 2)
