"""docs/imaging-training.md: what it shows runs, and what it lists is all there is."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from medplatform.training.data import freeze_dataset
from medplatform.training.images.intensity import PRESETS
from medplatform.training.images.resident import DEVICE_SHARE
from medplatform.training.images.spec import ImageSpec, Percentiles
from medplatform.training.recipes import LESION_SEGMENTATION
from medplatform_tests.training.images.phantom import phantom
from medplatform_tests.training.images.stored import StoredImages

TEXT = (Path(__file__).parents[3] / "docs" / "imaging-training.md").read_text()


def test_the_example_runs(tmp_path: Path) -> None:
    declaring, training = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    image, mask = phantom(64)
    stored = StoredImages(tmp_path / "lake")
    for number in range(20):
        stored.add(
            f"i{number}",
            [image[0].astype(np.uint16) * 8],
            masks={1: [mask[0]]},
            modality="CT",
            rescale_slope=1.0,
            rescale_intercept=-1500.0,
        )
    shown: dict[str, Any] = {}
    exec(declaring, shown)
    snapshot = freeze_dataset(
        replace(LESION_SEGMENTATION, collect=shown["collect"]),
        stored.publish(),
        tmp_path / "marts",
        tmp_path / "datasets",
    )
    batches: list[tuple[torch.Tensor, torch.Tensor]] = []
    shown |= {"snapshot": snapshot, "step": lambda *batch: batches.append(batch)}
    exec(training, shown)
    assert len(batches) == 2 * len(shown["loader"])
    for images, masks in batches:
        assert images.shape[1:] == masks.shape[1:] == (1, 48, 48)
        assert ((images > 0.5) != masks.bool()).float().mean() < 0.1


def test_it_names_every_field_and_preset() -> None:
    table = TEXT[TEXT.index("| field |") : TEXT.index("Values are")]
    named = set(
        re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in table.splitlines() if row))
    )
    assert named == set(ImageSpec.model_fields)
    assert all(preset in table for preset in PRESETS)


@pytest.mark.parametrize(
    "words", [f"{Percentiles().low} to {Percentiles().high}", f"less than {DEVICE_SHARE}"]
)
def test_its_figures_are_those_of_the_code(words: str) -> None:
    assert words in TEXT
