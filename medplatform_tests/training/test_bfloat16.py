"""Recipes train in what a GPU computes in: with bfloat16 on any machine, and on a GPU where one is.

Both recipes are trained with the autocast of a GPU, on the CPU, which computes in bfloat16 too, if
slowly. What only a GPU refuses is refused here by hand.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from medplatform.training.learner import Learner
from medplatform.training.loop import Trained, train
from medplatform.training.recipe import TrainingConfig
from medplatform.training.recipes.ehr_risk import EhrRiskConfig
from medplatform.training.recipes.ehr_risk_model import EhrRiskLearner
from medplatform.training.recipes.lesion_segmentation import LesionSegmentationConfig
from medplatform.training.recipes.lesion_segmentation_model import LesionSegmentationLearner
from medplatform_tests.training.cohort import lesion_rows, patient_features, rows_of

RISK = EhrRiskConfig(epochs=6)
LESION = LesionSegmentationConfig(
    epochs=6, channels=(8, 16, 32), residual_units=1, crop_size=32, learning_rate=1e-2
)


class LikeAGpu(TorchFunctionMode):
    """Refuses what CUDA's autocast refuses (PyTorch, Automatic Mixed Precision, "Prefer
    binary_cross_entropy_with_logits"), and counts the layers that computed in bfloat16."""

    layers = 0

    def __torch_function__(self, func, types, args=(), kwargs=None) -> Any:
        if func is functional.binary_cross_entropy and torch.is_autocast_enabled("cpu"):
            raise RuntimeError("binary_cross_entropy is unsafe to autocast")
        result = func(*args, **(kwargs or {}))
        if func in (functional.linear, torch.conv2d) and result.dtype is torch.bfloat16:
            self.layers += 1
        return result


def fit(learner: Learner[Any], rows: pl.DataFrame, device: torch.device, folder: Path) -> Trained:
    held_out = rows.height // 4
    config: TrainingConfig = learner.config
    return train(
        learner,
        config,
        learner.tensors(rows[held_out:]),
        learner.tensors(rows[:held_out]),
        device=device,
        checkpoint=folder / "checkpoint.pt",
        key="key",
        report=lambda epoch, metrics: None,
    )


def risk(folder: Path) -> tuple[Learner[Any], pl.DataFrame]:
    return EhrRiskLearner(RISK), rows_of(patient_features(400), folder)


def lesion(folder: Path) -> tuple[Learner[Any], pl.DataFrame]:
    return LesionSegmentationLearner(LESION), lesion_rows(80)


RECIPES: dict[str, Callable[[Path], tuple[Learner[Any], pl.DataFrame]]] = {
    "ehr_risk": risk,
    "lesion_segmentation": lesion,
}
each_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


def check(trained: Trained, learner: Learner[Any], rows: pl.DataFrame) -> None:
    losses = [metrics["train_loss"] for metrics in trained.history]
    assert losses[-1] < losses[0]
    assert all(p.dtype is torch.float32 for p in trained.model.parameters())
    assert all(p.device.type == "cpu" for p in trained.model.parameters())
    learner.calibrate(trained.model, *learner.tensors(rows))
    learner.predict(trained.model, rows)


@each_recipe
def test_it_trains_in_bfloat16(tmp_path: Path, monkeypatch, recipe) -> None:
    monkeypatch.setattr(
        "medplatform.training.loop.autocast",
        lambda device: torch.autocast(device.type, dtype=torch.bfloat16),
    )
    torch.set_num_threads(1)
    learner, rows = recipe(tmp_path)
    with LikeAGpu() as gpu:
        trained = fit(learner, rows, torch.device("cpu"), tmp_path)
    assert gpu.layers > 0
    check(trained, learner, rows)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
@each_recipe
def test_it_trains_on_a_gpu(tmp_path: Path, recipe) -> None:
    learner, rows = recipe(tmp_path)
    check(fit(learner, rows, torch.device("cuda"), tmp_path), learner, rows)
