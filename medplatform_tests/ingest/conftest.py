"""What the tests of ingest share."""

from pathlib import Path

import pytest

from medplatform_tests.ingest.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
