"""What a recipe is: one model, from the rows it needs to the gates it must pass.

A recipe declares and names functions; it holds no torch code. What learns stands in the recipe's
`Learner`, which is imported only where a model is trained or asked.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from medplatform.clinical.predictions import Predictions
from medplatform.lake import Lake

if TYPE_CHECKING:
    from torch import nn

    from medplatform.clinical.gate import GateSet
    from medplatform.training.learner import Learner


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message says why and what to do about it."""


class TrainingConfig(BaseModel):
    """What one training run may choose. Recipes add fields and override defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Annotated[
        int, Field(ge=0, description="Seed of weights, order of rows and augmentation.")
    ] = 0
    epochs: Annotated[int, Field(ge=1, description="Passes over the training rows, at most.")] = 50
    batch_size: Annotated[int, Field(ge=1, description="Rows per optimiser step.")] = 64
    learning_rate: Annotated[
        float, Field(gt=0, description="Peak learning rate of AdamW; warms up, then falls to 0.")
    ] = 1e-3
    weight_decay: Annotated[float, Field(ge=0, description="Decoupled weight decay of AdamW.")] = (
        1e-4
    )
    patience: Annotated[
        int,
        Field(ge=1, description="Epochs without a better validation value before stopping early."),
    ] = 10

    @property
    def digest(self) -> str:
        """SHA-256 over all fields, 64 hex digits."""
        return hashlib.sha256(
            json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()
        ).hexdigest()


@dataclass(frozen=True, slots=True)
class Collected:
    """Rows for a data set, each with a `patient_id`, and facts for its manifest."""

    rows: pl.DataFrame
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One model that the platform can train, judge and promote.

    Parameters
    ----------
    name
        Identifier; also the name of its data sets, experiment and registered model.
    depends_on
        Asset keys that `collect` reads, e.g. `lake/imaging_frame` or `marts/patient_features`.
    modalities
        Modalities behind those assets; their deliveries are the data set's lineage.
    split_salt
        Part of the hash that deals patients into splits. Never changed: it locks the test cohort.
    row_id
        Column that names a row, unique in the data set.
    outcome
        Boolean column of a binary task; its events are counted per split.
    features
        Columns of a binary task that the model reads; empty where it reads images.
    minimum_patients
        Fewer patients than this are refused by `freeze_dataset`.
    collect
        Reads lake and marts and returns the rows.
    load_learner
        Imports the torch side.
    debug
        A configuration that trains in seconds on a CPU.
    """

    name: str
    title: str
    intended_use: str
    task: Literal["binary", "segmentation"]
    metric: Literal["auroc", "dice"]
    depends_on: tuple[str, ...]
    modalities: tuple[str, ...]
    split_salt: str
    row_id: str
    outcome: str | None = None
    features: tuple[str, ...] = ()
    minimum_patients: int
    config: type[TrainingConfig]
    debug: TrainingConfig
    gates: "GateSet"
    collect: Callable[[Lake, Path], Collected]
    load_learner: "Callable[[], type[Learner]]"

    def learner(self, config: TrainingConfig | None = None) -> "Learner":
        """The torch side of the recipe, with a configuration or the defaults."""
        return self.load_learner()(config or self.config())

    def predict(self, model: "nn.Module", rows: pl.DataFrame) -> Predictions:
        """What a model says about rows of the recipe's data set."""
        return self.learner().predict(model, rows)

    def baseline(self, train: pl.DataFrame, rows: pl.DataFrame) -> Predictions:
        """What the simple method that the model has to beat says about the same rows."""
        return self.learner().baseline(train, rows)
