"""The recipe of the registry's tests. Importing it is light, so that a process starts fast."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medplatform.clinical import EHR_RISK
from medplatform.lake import Lake
from medplatform.training.recipe import Collected, Recipe, TrainingConfig

if TYPE_CHECKING:
    from medplatform.training.learner import Learner


def _collect(lake: Lake, marts: Path) -> Collected:
    raise NotImplementedError("the rows of this recipe are made, not collected")


def _load_learner() -> "type[Learner]":
    from medplatform_tests.registry.bench import LineLearner

    return LineLearner


def make_recipe(**changes: Any) -> Recipe:
    return Recipe(
        **{
            "name": "line",
            "title": "A line",
            "intended_use": "For tests.",
            "task": "binary",
            "metric": "auroc",
            "depends_on": ("marts/patient_features",),
            "modalities": ("ehr",),
            "split_salt": "line",
            "row_id": "patient_id",
            "outcome": "outcome",
            "features": ("x",),
            "minimum_patients": 1,
            "config": TrainingConfig,
            "debug": TrainingConfig(epochs=1),
            "gates": EHR_RISK,
            "collect": _collect,
            "load_learner": _load_learner,
            **changes,
        }
    )
