"""What holds for all tests: their order, their names, and what they need not wait for.

Each worker takes whole files, and the last to end decides how long the suite takes.
"""

import gc
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

LONGEST = (
    "defs/test_main_job.py",
    "real/test_main_job.py",
    "deploy/test_services.py",
    "defs/test_cancel.py",
    "warehouse/test_marts.py",
    "registry/test_race.py",
    "modalities/genomics/test_public_files.py",
    "modalities/ehr/conformance/test_column_filter.py",
    "modalities/ehr/test_edge_cases.py",
    "ingest/test_crash.py",
    "training/test_run.py",
    "registry/test_promotion.py",
    "modalities/genomics/features/test_carriers.py",
    "warehouse/test_versions.py",
    "training/test_mirror.py",
    "modalities/ehr/test_examples.py",
    "modalities/imaging/test_isolation.py",
    "modalities/ehr/test_edge_files.py",
    "modalities/imaging/deidentify/test_real.py",
    "bulk_export/test_resume.py",
    "warehouse/test_view_sources.py",
    "meds/test_export.py",
    "modalities/imaging/test_conflicts.py",
    "modalities/genomics/test_fuzz.py",
    "modalities/imaging/export/test_export.py",
    "registry/test_recipes.py",
    "pacs/test_orthanc_dimse.py",
    "pacs/test_receive.py",
    "meds/test_events.py",
)

gc.disable()  # until all tests are imported: a fifth of that time


def pytest_collection_finish() -> None:
    """Look for garbage again, but not among the million objects of modules, which all stay."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Let them go at the end: DuckDB tells of each that does not."""
    gc.unfreeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the tests of `LONGEST` to the front; all else stays where it is."""
    root = Path(__file__).parent
    order = {root / name: number for number, name in enumerate(LONGEST)}
    assert all(path.exists() for path in order)
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name compressed bytes by their argument: in gzip is the second in which they were made."""
    return argname if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


@event.listens_for(Engine, "connect")
def _spare_the_disk(connection: object, _record: object) -> None:
    """Let SQLite leave it to the system when the records of Dagster and MLflow reach the disk.

    A record survives the death of its process as before, and no test takes the power away. Dagster
    opens, commits and closes thousands of times in a run, and would wait for the disk each time.
    """
    if isinstance(connection, sqlite3.Connection):
        # A file that is no database is refused later, as without this.
        with suppress(sqlite3.DatabaseError):
            connection.execute("PRAGMA synchronous = OFF")
