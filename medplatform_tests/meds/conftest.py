"""A site per test."""

from pathlib import Path

import pytest

from medplatform_tests.meds.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
