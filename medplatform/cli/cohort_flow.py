"""How many patients each condition of the cohort leaves over, from the models of the warehouse."""

from contextlib import closing
from pathlib import Path

_STEPS = {
    "patients": "select count(*) from staging.stg_ehr_patient",
    "followed up for a year and more": "select count(*) from intermediate.int_patient_followup "
    "where last_recorded_at >= first_recorded_at + interval '365 days'",
    "as adults, before any cardiovascular event: rows": "select count(*) "
    "from intermediate.int_index_encounter",
    "with an event within the horizon": "select count(*) from intermediate.int_outcome "
    "where outcome",
}


def cohort_flow(root: Path) -> list[dict[str, str | int]]:
    """One row per step, in order; none where no patient was delivered.

    Parameters
    ----------
    root
        Folder of the warehouse, `<data>/dbt`, after a build.
    """
    import duckdb

    from medplatform.warehouse.runner import database

    with closing(duckdb.connect(str(database(root)), read_only=True)) as warehouse:
        counts = {step: warehouse.execute(query).fetchall()[0][0] for step, query in _STEPS.items()}
    if not counts["patients"]:
        return []
    return [{"step": step, "patients": count} for step, count in counts.items()]
