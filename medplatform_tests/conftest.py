"""What holds for all tests: the longest files come first.

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
    "training/test_run.py",
    "warehouse/test_view_tables.py",
    "ingest/test_crash.py",
    "synthetic/test_faults.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the tests of `LONGEST` to the front; all else stays where it is."""
    root = Path(__file__).parent
    order = {root / name: number for number, name in enumerate(LONGEST)}
    assert all(path.exists() for path in order)
    items.sort(key=lambda item: order.get(item.path, len(order)))
