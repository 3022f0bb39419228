"""The loop improves, stops early, keeps the best weights and resumes to the same result."""

import math
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from medplatform.clinical.predictions import Predictions
from medplatform.training.checkpoint import load_checkpoint
from medplatform.training.device import DeviceUnavailable, choose_device
from medplatform.training.learner import Learner
from medplatform.training.loop import Trained, TrainingDiverged, train
from medplatform.training.recipe import TrainingConfig

CPU = torch.device("cpu")


class LineLearner(Learner[TrainingConfig]):
    """Fits a line through noise with dropout and random augmentation, so that every random
    number matters."""

    objective: ClassVar[str] = "loss"
    maximise: ClassVar[bool] = False
    scripted: tuple[float, ...] = ()

    def tensors(self, rows: pl.DataFrame) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def build_model(self, x: Tensor, y: Tensor) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.2), nn.Linear(8, 1))

    def augment(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return x + 0.01 * torch.randn(x.shape, generator=generator).to(x.device), y

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return ((model(x)[:, 0] - y) ** 2).mean()

    def validate(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
        self.validations = getattr(self, "validations", 0) + 1
        if self.scripted:
            return {"loss": self.scripted[self.validations - 1]}
        return {"loss": float(self.loss(model, x, y))}

    def predict(self, model: nn.Module, rows: pl.DataFrame) -> Predictions:
        raise NotImplementedError

    def baseline(self, train: pl.DataFrame, rows: pl.DataFrame) -> Predictions:
        raise NotImplementedError

    def input_example(self, x: Tensor) -> np.ndarray:
        raise NotImplementedError

    def input_shape(self, x: Tensor) -> tuple[int, ...]:
        raise NotImplementedError

    def figures(self, model: nn.Module, rows: pl.DataFrame) -> dict:
        raise NotImplementedError


class Killed(BaseException):
    """Stands for the kill of the process."""


def fit(
    folder: Path,
    config: TrainingConfig,
    *,
    learner: LineLearner | None = None,
    key: str = "key",
    kill_after: int | None = None,
) -> tuple[Trained, list[int]]:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(100, 2, generator=generator)
    y = x[:, 0] - 2 * x[:, 1]
    reported: list[int] = []

    def report(epoch: int, metrics: dict[str, float]) -> None:
        assert math.isfinite(metrics["train_loss"])
        reported.append(epoch)
        if epoch == kill_after:
            raise Killed

    trained = train(
        learner or LineLearner(config),
        config,
        (x[:70], y[:70]),
        (x[70:], y[70:]),
        device=CPU,
        checkpoint=folder / "checkpoint.pt",
        key=key,
        report=report,
    )
    return trained, reported


CONFIG = TrainingConfig(epochs=12, batch_size=16, learning_rate=0.05)


def test_training_improves(tmp_path: Path) -> None:
    trained, reported = fit(tmp_path, CONFIG)
    losses = [row["validation_loss"] for row in trained.history]
    assert min(losses) < 0.2 * losses[0]
    assert reported == list(range(1, 13))
    assert not trained.model.training


def test_equal_seeds_give_equal_weights_and_others_do_not(tmp_path: Path) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        trained, _ = fit(tmp_path / name, CONFIG.model_copy(update={"seed": seed}))
        weights.append(torch.cat([p.flatten() for p in trained.model.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("kill_after", [1, 5, 11])
def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path, kill_after: int) -> None:
    (tmp_path / "whole").mkdir()
    whole, _ = fit(tmp_path / "whole", CONFIG)
    with pytest.raises(Killed):
        fit(tmp_path, CONFIG, kill_after=kill_after)
    resumed, reported = fit(tmp_path, CONFIG)
    assert resumed.resumed_at == kill_after
    assert reported == list(range(1, 13))
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name])
    assert [row["train_loss"] for row in resumed.history] == [
        row["train_loss"] for row in whole.history
    ]


def test_a_checkpoint_of_another_run_is_not_resumed(tmp_path: Path) -> None:
    fit(tmp_path, CONFIG)
    trained, _ = fit(tmp_path, CONFIG, key="other")
    assert trained.resumed_at == 0


def test_a_checkpoint_holds_no_code(tmp_path: Path) -> None:
    fit(tmp_path, CONFIG)
    state = load_checkpoint(tmp_path / "checkpoint.pt", "key")
    assert state is not None
    assert len(state["history"]) == 12
    assert list(tmp_path.iterdir()) == [tmp_path / "checkpoint.pt"]


def test_it_stops_after_epochs_without_gain_and_keeps_the_best(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"patience": 2})
    learner = LineLearner(config)
    learner.scripted = (3.0, 1.0, 2.0, 2.0, 0.0)
    trained, reported = fit(tmp_path, config, learner=learner)
    assert trained.best_epoch == 2
    assert reported == [1, 2, 3, 4]
    two_epochs = load_checkpoint(tmp_path / "checkpoint.pt", "key")
    assert two_epochs is not None
    for name, tensor in trained.model.state_dict().items():
        assert torch.equal(tensor, two_epochs["best"]["weights"][name])
        assert not torch.equal(tensor, two_epochs["weights"][name])


def test_a_loss_that_is_no_number_ends_the_run_with_advice(tmp_path: Path) -> None:
    class Exploding(LineLearner):
        def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
            return super().loss(model, x, y) * float("inf")

    with pytest.raises(TrainingDiverged, match="smaller learning_rate"):
        fit(tmp_path, CONFIG, learner=Exploding(CONFIG))


def test_a_validation_value_that_is_no_number_ends_the_run_too(tmp_path: Path) -> None:
    learner = LineLearner(CONFIG)
    learner.scripted = (1.0, float("nan"))
    with pytest.raises(TrainingDiverged, match="epoch 2"):
        fit(tmp_path, CONFIG, learner=learner)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
class TestWithoutGpu:
    def test_auto_takes_the_cpu(self) -> None:
        assert choose_device("auto") == CPU

    def test_cuda_is_a_clear_error(self) -> None:
        with pytest.raises(DeviceUnavailable, match="MEDPLATFORM_DEVICE=auto"):
            choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_it_trains_on_a_gpu_in_bfloat16(tmp_path: Path) -> None:
    x = torch.randn(100, 2)
    trained = train(
        LineLearner(CONFIG),
        CONFIG,
        (x, x[:, 0]),
        (x, x[:, 0]),
        device=choose_device("auto"),
        checkpoint=tmp_path / "checkpoint.pt",
        key="key",
        report=lambda epoch, metrics: None,
    )
    assert trained.history[-1]["train_loss"] < trained.history[0]["train_loss"]
    assert next(trained.model.parameters()).device == CPU
