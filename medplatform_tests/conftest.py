"""What holds for all tests: the longest files come first, and names are the same in all workers.

Each worker takes whole files, and the last to end decides how long the suite takes.
"""

from pathlib import Path

import pytest

LONGEST = (
    "defs/test_main_job.py",
    "real/test_main_job.py",
    "deploy/test_services.py",
    "warehouse/test_marts.py",
    "defs/test_cancel.py",
    "registry/test_race.py",
    "training/test_run.py",
    "training/test_mirror.py",
    "pacs/test_orthanc_dimse.py",
    "warehouse/test_versions.py",
    "modalities/ehr/conformance/test_column_filter.py",
    "modalities/imaging/test_isolation.py",
    "registry/test_promotion.py",
    "meds/test_events.py",
    "modalities/ehr/conformance/test_accept_filter.py",
    "meds/test_export.py",
    "modalities/imaging/test_conflicts.py",
    "volumes/test_assets.py",
    "modalities/imaging/deidentify/test_real.py",
    "registry/test_recipes.py",
    "modalities/ehr/test_flatten.py",
    "ingest/test_crash.py",
    "modalities/ehr/test_examples.py",
    "modalities/ehr/deidentify/test_deidentifier.py",
    "warehouse/test_view_sources.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the tests of `LONGEST` to the front; all else stays where it is."""
    root = Path(__file__).parent
    order = {root / name: number for number, name in enumerate(LONGEST)}
    assert all(path.exists() for path in order)
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name compressed bytes by their argument: in gzip is the second in which they were made."""
    return argname if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None
