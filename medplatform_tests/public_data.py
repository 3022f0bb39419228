"""Where the public data of all modalities are that tests marked `real` read."""

import os
from pathlib import Path

_BESIDE = Path(__file__).parents[2] / "shared" / "data"
PUBLIC_DATA = Path(os.environ.get("MEDPLATFORM_TEST_DATA", _BESIDE))
"""Beside the checkout, or where `MEDPLATFORM_TEST_DATA` says."""
