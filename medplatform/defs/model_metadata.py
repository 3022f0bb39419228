"""What the assets of models say of a version: figures, verdict, sign-off, links to MLflow."""

from typing import Any

import dagster as dg

from medplatform.defs import show
from medplatform.installation import Installation
from medplatform.registry import Registered, describe_sign_off, status
from medplatform.registry.versions import registered
from medplatform.training.recipe import Recipe
from medplatform.training.result import RunResult

OVERLAYS = "overlays"
_TRAINING_PAGES = "?workflowType=machine_learning"
"""Without it MLflow shows a run as one of a language model."""


def version_metadata(installation: Installation, version: Registered) -> dict[str, Any]:
    """What a model version is and where MLflow shows it."""
    settings = installation.settings
    return {
        "version": version.version,
        "data": describe_data(version.is_synthetic),
        "model_digest": version.model_digest,
        "dataset_digest": version.dataset_digest,
        "mlflow_run_id": version.run_id,
        "mlflow_run": dg.MetadataValue.url(run_url(installation, version.run_id)),
        "mlflow_model": dg.MetadataValue.url(
            f"{settings.mlflow_ui_url}/#/models/{version.recipe}/versions/{version.version}"
            f"{_TRAINING_PAGES}"
        ),
    }


def run_url(installation: Installation, run_id: str, page: str = "") -> str:
    """Address of an MLflow run, or of a page of it such as `/artifacts/…`."""
    experiment = installation.registry.client.get_run(run_id).info.experiment_id
    run = f"{installation.settings.mlflow_ui_url}/#/experiments/{experiment}/runs/{run_id}"
    return f"{run}{page}{_TRAINING_PAGES}"


def describe_data(made_up: bool) -> str:
    """Where the patients come from."""
    return "synthetic: made-up patients" if made_up else "as delivered"


def result_metadata(result: RunResult) -> dict[str, Any]:
    """What a training run reached, with its plots."""
    # Overlays show a patient's image: they stay in MLflow, where models are, out of the event log.
    plots = {
        f"plot_{path.stem}": show.image(path.read_bytes())
        for path in sorted((result.run_folder / "artifacts").rglob("*.png"))
        if path.stem != OVERLAYS
    }
    figures = {name: float(value) for name, value in result.metrics.items()}
    return {
        **figures,
        **plots,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "seconds": result.seconds,
        "device": result.device,
    }


def standing_metadata(installation: Installation, recipe: Recipe, version: int) -> dict[str, Any]:
    """A champion with its figure, its verdict, and who stands for it."""
    registry = installation.registry
    history = registry.history(recipe.name)
    row = next(row for row in status(registry, [recipe.name]) if row.version == version)
    figure = row.metrics.get(recipe.metric)
    figures = (
        {recipe.metric: figure.value, "lower": figure.low, "upper": figure.high} if figure else {}
    )
    sign_off = describe_sign_off(history, version)
    return {
        **version_metadata(installation, registered(history, version)),
        **figures,
        "verdict": row.state.value if row.state else "not judged",
        **{label.lower().replace(" ", "_"): text for label, text in sign_off.items()},
    }
