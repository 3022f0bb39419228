"""Whatever is done to the bytes of images, each file is accepted or refused, and none stops all."""

from pathlib import Path

import pytest

from benchmarks.fuzz_imaging import fuzz
from benchmarks.imaging.samples import make_images


@pytest.mark.filterwarnings("ignore")  # pydicom warns of what it writes here
def test_damaged_images_are_accounted_for(tmp_path: Path) -> None:
    broken, outcomes = fuzz(12, 7, make_images(), tmp_path, files=10)
    assert not broken
    assert outcomes["delivered"] == 120
    assert outcomes["accepted"] > 10
    assert sum(outcomes.values()) - outcomes["delivered"] - outcomes["accepted"] > 10
