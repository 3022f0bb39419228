"""Each step of the flow counts the patients that its model of the warehouse holds."""

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from medplatform.cli.cohort_flow import cohort_flow
from medplatform.warehouse.runner import database


def write_warehouse(root: Path, patients: int) -> Path:
    """So many patients; the second is followed up for a day, the third has an event."""
    with closing(duckdb.connect(str(database(root)))) as warehouse:
        for statement in (
            "create schema staging",
            "create schema intermediate",
            f"create table staging.stg_ehr_patient as select * from range({patients})",
            "create table intermediate.int_patient_followup as select "
            "timestamp '2020-01-01' as first_recorded_at, "
            "timestamp '2020-01-01' + to_days(if(range = 1, 1, 365)) as last_recorded_at "
            f"from range({patients})",
            f"create table intermediate.int_index_encounter as select * from range(2, {patients})",
            "create table intermediate.int_outcome as select range = 2 as outcome "
            f"from range(2, {patients})",
        ):
            warehouse.execute(statement)
    return root


@pytest.mark.parametrize(("patients", "expected"), [(5, [5, 4, 3, 1]), (0, [])])
def test_patients_are_counted_step_by_step(
    tmp_path: Path, patients: int, expected: list[int]
) -> None:
    flow = cohort_flow(write_warehouse(tmp_path, patients))
    assert [row["patients"] for row in flow] == expected
