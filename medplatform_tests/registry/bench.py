"""A registry to try things on: a recipe that learns nothing, models that know the truth."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from medplatform.clinical import Predictions
from medplatform.lake import Snapshot, freeze, read_snapshot
from medplatform.registry import Judgement, Registry, approve, judge, register
from medplatform.training.artifact import save_model
from medplatform.training.data import ROWS
from medplatform.training.recipe import Recipe, TrainingConfig
from medplatform.training.result import RunResult
from medplatform_tests.registry.line import make_recipe

TRAINER, CLINICIAN = "ada", "grace"


class Risk(nn.Module):
    """Sigmoid of a line: (N, 1) -> (N,)."""

    def __init__(self, slope: float, intercept: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))
        self.intercept = nn.Parameter(torch.tensor(intercept))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.intercept + self.slope * x[:, 0])


class LineLearner:
    """The parts of a learner that judging uses."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config

    def predict(self, model: nn.Module, rows: pl.DataFrame) -> Predictions:
        with torch.no_grad():
            x = torch.from_numpy(rows["x"].to_numpy().astype(np.float32))[:, None]
            return _predictions(rows, model(x).double().numpy())

    def baseline(self, train: pl.DataFrame, rows: pl.DataFrame) -> Predictions:
        share = train["outcome"].cast(pl.Float64).to_numpy().mean()
        return _predictions(rows, np.full(rows.height, share))


def _predictions(rows: pl.DataFrame, score: np.ndarray) -> Predictions:
    return Predictions(
        ids=rows["patient_id"].to_numpy(),
        patient_ids=rows["patient_id"].to_numpy(),
        y=rows["outcome"].to_numpy(),
        score=score,
        groups={"sex": rows["sex"].to_numpy()},
    )


def make_rows(test_patients: int = 500, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    count = 2 * test_patients
    x = rng.normal(size=count)
    return pl.DataFrame(
        {
            "patient_id": [f"p{i}" for i in range(count)],
            "split": ["test", "train"] * test_patients,
            "x": x,
            "outcome": rng.random(count) < 1 / (1 + np.exp(0.8 - 1.8 * x)),
            "sex": np.where(rng.random(count) < 0.5, "female", "male"),
        }
    ).with_columns(
        feature_at=pl.lit(datetime(2020, 1, 1, tzinfo=UTC)),
        prediction_at=pl.lit(datetime(2020, 1, 2, tzinfo=UTC)),
    )


@dataclass
class Bench:
    """A registry on a fresh SQLite store, a frozen data set and saved models."""

    folder: Path
    registry: Registry
    recipe: Recipe
    snapshot: Snapshot
    saved: dict[str, tuple[Path, str]]

    def freeze(self, rows: pl.DataFrame) -> Snapshot:
        return freeze(self.folder / "datasets", self.recipe.name, {ROWS: rows}, {})

    def train(
        self, model: str = "good", *, snapshot: Snapshot | None = None, **facts: Any
    ) -> RunResult:
        """What a training run that ended in this saved model leaves behind."""
        client = self.registry.client
        source, digest = self.saved[model]
        experiment = client.get_experiment_by_name("line")
        experiment_id = (
            experiment.experiment_id
            if experiment
            else client.create_experiment("line", (self.folder / "artifacts").as_uri())
        )
        run = client.create_run(experiment_id)
        client.log_param(run.info.run_id, "epochs", 1)
        logged = client.create_logged_model(
            experiment_id, name="line", source_run_id=run.info.run_id
        )
        client.log_model_artifacts(logged.model_id, str(source))
        client.finalize_logged_model(logged.model_id, "READY")
        return RunResult(
            recipe="line",
            run_name="line run",
            run_key="line-1",
            run_folder=source,
            model_folder=source,
            model_digest=digest,
            dataset_digest=(snapshot or self.snapshot).digest,
            config_digest="0" * 64,
            metrics={},
            device="cpu",
            epochs=1,
            best_epoch=1,
            resumed_at=0,
            seconds=1,
            loss_curve=source,
            trainer=TRAINER,
            experiment_id=experiment_id,
            run_id=run.info.run_id,
            model_id=logged.model_id,
            is_pending=False,
            **facts,
        )

    def register(self, model: str = "good", **facts: Any) -> int:
        return register(self.registry, self.recipe, self.train(model, **facts)).version

    def judge(self, version: int, **options: Any) -> Judgement:
        return judge(self.registry, self.recipe, version, self.snapshot, actor="nightly", **options)

    def approve(self, version: int, approver: str = CLINICIAN) -> None:
        approve(
            self.registry,
            self.recipe,
            version,
            approver=approver,
            role="cardiologist",
            reason="read the report",
        )

    def ready(self, model: str = "good") -> int:
        """A version that may be promoted."""
        version = self.register(model)
        self.judge(version)
        self.approve(version)
        return version

    def aliases(self) -> dict[str, int]:
        """What MLflow shows."""
        model = self.registry.client.get_registered_model(self.recipe.name)
        return {alias: int(version) for alias, version in model.aliases.items()}


def save_models(folder: Path) -> dict[str, tuple[Path, str]]:
    """Models by what they are like -> folder and digest."""
    kinds = {"good": (1.8, -0.8), "better": (1.82, -0.81), "blind": (0.01, -0.8)}
    saved = {}
    for name, (slope, intercept) in kinds.items():
        digest = save_model(
            folder / name,
            Risk(slope, intercept).eval(),
            input_example=np.zeros((2, 1), np.float32),
            input_shape=(-1, 1),
            metadata={"recipe": "line"},
        )
        saved[name] = (folder / name, digest)
    return saved


def make_bench(folder: Path, store: Path, saved: dict[str, tuple[Path, str]]) -> Bench:
    """A bench on a copy of an empty store."""
    shutil.copy(store, folder / "mlflow.db")
    registry = Registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "models")
    recipe = make_recipe()
    snapshot = freeze(folder / "datasets", recipe.name, {ROWS: make_rows()}, {})
    return Bench(folder, registry, recipe, snapshot, saved)


def copy_bench(bench: Bench, folder: Path) -> Bench:
    """The same state in another folder; model files and data set stay where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(bench.folder / "mlflow.db", folder / "mlflow.db")
    shutil.copytree(bench.registry.models, folder / "models")
    registry = Registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "models")
    return Bench(folder, registry, bench.recipe, read_snapshot(bench.snapshot.folder), bench.saved)
