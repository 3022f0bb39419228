"""What a recipe's torch side offers to the training loop and to the gates."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medplatform.clinical.predictions import Predictions
from medplatform.lake import Snapshot
from medplatform.training.data import Split, load_rows
from medplatform.training.recipe import TrainingConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Generator, Tensor, nn

ConfigT = TypeVar("ConfigT", bound=TrainingConfig)


class Learner(ABC, Generic[ConfigT]):
    """Builds, trains step by step and asks one kind of model.

    The module that `build_model` returns is complete: its `forward` takes raw inputs as they
    stand in the data set (float32) and returns probabilities, so that the exported model needs
    no code of this package.
    """

    objective: ClassVar[str]
    """Key of `validate` that decides which epoch was best."""
    maximise: ClassVar[bool]

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    @abstractmethod
    def tensors(self, rows: pl.DataFrame) -> "tuple[Tensor, Tensor]":
        """Inputs and targets of rows, in the compact dtype they are kept in on the device."""

    def load(self, snapshot: Snapshot, split: Split) -> "tuple[Tensor, Tensor]":
        """Inputs and targets of a split; of images they may be mapped files, to be read only."""
        return self.tensors(load_rows(snapshot, split))

    @abstractmethod
    def build_model(self, x: "Tensor", y: "Tensor") -> "nn.Module":
        """A fresh model; statistics such as means are taken from the training tensors."""

    def augment(self, x: "Tensor", y: "Tensor", generator: "Generator") -> "tuple[Tensor, Tensor]":
        """Vary one training batch; random numbers come from the CPU generator."""
        return x, y

    @abstractmethod
    def loss(self, model: "nn.Module", x: "Tensor", y: "Tensor") -> "Tensor":
        """Scalar training loss of one batch."""

    @abstractmethod
    def validate(self, model: "nn.Module", x: "Tensor", y: "Tensor") -> dict[str, float]:
        """Metrics on the validation tensors, without gradients; NaN where undefined."""

    def calibrate(self, model: "nn.Module", x: "Tensor", y: "Tensor") -> dict[str, float]:
        """Fit what is fitted on validation data after training; returns what was found."""
        return {}

    @abstractmethod
    def predict(self, model: "nn.Module", rows: pl.DataFrame) -> Predictions:
        """What a model says about rows."""

    @abstractmethod
    def baseline(self, train: pl.DataFrame, rows: pl.DataFrame) -> Predictions:
        """What a simple method fitted on `train` says about rows."""

    @abstractmethod
    def input_example(self, x: "Tensor") -> NDArray[np.float32]:
        """Zeros of the shape of two rows: never a patient's values."""

    @abstractmethod
    def input_shape(self, x: "Tensor") -> tuple[int, ...]:
        """Shape of the model's input, -1 where any size will do; the first is the batch."""

    @abstractmethod
    def figures(self, model: "nn.Module", rows: pl.DataFrame) -> "dict[str, Figure]":
        """Plots of the model on validation rows, by file name without the ending."""
