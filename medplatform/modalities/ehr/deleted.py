"""The patients whom their source deleted, of whom nothing counts (`medplatform.lake.current`)."""

from medplatform.lake import Lake
from medplatform.lake.current import deleted_patients
from medplatform.modalities.ehr.tables import DELETION, PATIENT

_NOBODY = "(select null::varchar as patient_id, null::varchar as delivery)"


def query_deleted_patients(lake: Lake) -> str | None:
    """SQL for DuckDB that gives their patient_id; None where nothing was ever deleted."""
    deletions = lake.relation(DELETION.name)
    return deletions and deleted_patients(deletions, lake.relation(PATIENT.name) or _NOBODY)


def find_deleted_patients(lake: Lake) -> list[str]:
    """Their pseudonyms."""
    import duckdb

    query = query_deleted_patients(lake)
    if query is None:
        return []
    with duckdb.connect() as connection:
        return [patient_id for (patient_id,) in connection.execute(query).fetchall()]
