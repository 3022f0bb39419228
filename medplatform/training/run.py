"""The training job: `python -m medplatform.training.run`, a process that trains one model.

It reads a frozen data set, trains, saves the model without pickle, records all of it on disk and
in MLflow and writes a result file. The address of MLflow, which may hold a password, comes from the
setting `mlflow_tracking_uri`. Exit codes: 0 done, 2 cannot train (one line says why and what
to do), 143 or 130 interrupted (the checkpoint is there: the same job continues from it).
"""

import argparse
import hashlib
import json
import logging
import math
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from medplatform import __version__
from medplatform.lake import Snapshot, read_snapshot
from medplatform.settings import SettingsError, get_settings
from medplatform.training.account import current_account
from medplatform.training.data import is_synthetic, load_rows
from medplatform.training.device import choose_device
from medplatform.training.launcher import TrainingJob
from medplatform.training.mirror import MirrorThread
from medplatform.training.progress import Reporter, open_reporter
from medplatform.training.recipe import Recipe, TrainingConfig, TrainingError
from medplatform.training.recipes import RECIPES
from medplatform.training.result import RunResult
from medplatform.training.tracking import DATA, SYNTHETIC_DATA, RunLog
from medplatform.training.upload import Mirror

if TYPE_CHECKING:
    import polars as pl
    import torch

    from medplatform.training.learner import Learner
    from medplatform.training.loop import Trained

INTERRUPTED = 128 + signal.SIGTERM
CANNOT_TRAIN = 2


def run(job: TrainingJob, reporter: Reporter) -> RunResult:
    """Train the model of a job in this process.

    Raises
    ------
    TrainingError
        The GPU is absent, the same job runs already, or the loss diverged.
    ValueError
        The data set was changed since it was frozen.
    """
    recipe = RECIPES[job.recipe]
    snapshot = read_snapshot(job.dataset, verify=True)
    device = choose_device(job.device)
    key = run_key(recipe.name, snapshot.digest, job.config.digest)
    started = time.monotonic()
    log = RunLog.open(
        job.models,
        recipe=recipe.name,
        key=key,
        dataset_digest=snapshot.digest,
        dataset_rows=snapshot.manifest["files"]["rows.parquet"]["rows"],
        params=_params(recipe, snapshot, job.config),
        tags={**_tags(recipe, snapshot, job, device.type), **job.tags},
    )
    mirror = MirrorThread(Mirror(log.folder, job.tracking_uri, job.artifact_root))
    try:
        with mirror, log:
            reporter.message(f"{log.record.name} trains on {_name(device)}")
            result = _train(job, recipe, snapshot, device, key, log, reporter, started)
            # A process that is killed while MLflow does not answer leaves a run to replay.
            result.save(log.folder / "result.json")
    finally:
        is_complete = mirror.finish()
    result = result.model_copy(
        update={
            "experiment_id": mirror.mirror.state.experiment_id,
            "run_id": mirror.mirror.state.run_id,
            "model_id": mirror.mirror.state.model_id,
            "is_pending": not is_complete,
        }
    )
    result.save(log.folder / "result.json")
    result.save(job.result)
    reporter.finish(result)
    return result


def run_key(recipe: str, dataset_digest: str, config_digest: str) -> str:
    """Names a run: SHA-256 over recipe, data set and configuration."""
    return hashlib.sha256(f"{recipe} {dataset_digest} {config_digest}".encode()).hexdigest()


def _train(
    job: TrainingJob,
    recipe: Recipe,
    snapshot: Snapshot,
    device: "torch.device",
    key: str,
    log: RunLog,
    reporter: Reporter,
    started: float,
) -> RunResult:
    from medplatform.training.loop import train
    from medplatform.training.plots import plot_history

    learner = recipe.learner(job.config)
    validation_rows = load_rows(snapshot, "validation")
    training = learner.load(snapshot, "train")
    validation = learner.load(snapshot, "validation")
    _write_environment(log, snapshot)

    def report(epoch: int, metrics: dict[str, float]) -> None:
        log.log_metrics(epoch, metrics)
        reporter.epoch(epoch, job.config.epochs, metrics)

    trained = train(
        learner,
        job.config,
        training,
        validation,
        device=device,
        checkpoint=log.checkpoint,
        key=key,
        report=report,
    )
    calibration = learner.calibrate(trained.model, *validation)
    digest = _save(learner, trained, training[0], validation_rows, log, recipe, snapshot)
    loss_curve = log.write_figure("loss", plot_history(trained.history, trained.best_epoch))
    metrics = _best_metrics(trained)
    log.log_metrics(0, {f"best_{k}": v for k, v in metrics.items()} | calibration)
    log.close("FINISHED", model_digest=digest)
    log.checkpoint.unlink()
    return RunResult(
        recipe=recipe.name,
        run_name=log.record.name,
        run_key=log.folder.name,
        run_folder=log.folder,
        model_folder=log.model,
        model_digest=digest,
        dataset_digest=snapshot.digest,
        config_digest=job.config.digest,
        metrics=metrics | calibration,
        device=device.type,
        epochs=len(trained.history),
        best_epoch=trained.best_epoch,
        resumed_at=trained.resumed_at,
        seconds=time.monotonic() - started,
        loss_curve=loss_curve,
        trainer=job.operator,
        account=str(current_account()),
        is_synthetic=is_synthetic(snapshot),
    )


def _save(
    learner: "Learner",
    trained: "Trained",
    x: "torch.Tensor",
    validation_rows: "pl.DataFrame",
    log: RunLog,
    recipe: Recipe,
    snapshot: Snapshot,
) -> str:
    """Export the model, and draw its plots with what was exported: that is what will be used."""
    from medplatform.training.artifact import load_model, save_model

    shutil.rmtree(log.model, ignore_errors=True)
    digest = save_model(
        log.model,
        trained.model,
        input_example=learner.input_example(x),
        input_shape=learner.input_shape(x),
        metadata={"recipe": recipe.name, "dataset_digest": snapshot.digest},
    )
    exported = load_model(log.model, digest=digest)
    for name, figure in learner.figures(exported, validation_rows).items():
        log.write_figure(name, figure)
    return digest


def _best_metrics(trained: "Trained") -> dict[str, float]:
    best = trained.history[trained.best_epoch - 1]
    shown = {name: value for name, value in best.items() if name.startswith("validation_")}
    finite = {name: value for name, value in shown.items() if math.isfinite(value)}
    return {**finite, "train_loss": best["train_loss"]}


def _params(recipe: Recipe, snapshot: Snapshot, config: TrainingConfig) -> dict[str, object]:
    counts = snapshot.manifest["facts"]["counts"]
    sizes = {
        f"data.{split}.{name}": value
        for split, part in counts.items()
        for name, value in part.items()
    }
    return {"recipe": recipe.name, **config.model_dump(mode="json"), **sizes}


def _tags(recipe: Recipe, snapshot: Snapshot, job: TrainingJob, device: str) -> dict[str, str]:
    return {
        "mlflow.user": job.operator,
        "mlflow.source.name": "medplatform.training.run",
        "mlflow.source.type": "JOB",
        "mlflow.note.content": f"**{recipe.title}**\n\n{recipe.intended_use}",
        "medplatform.recipe": recipe.name,
        "medplatform.dataset_digest": snapshot.digest,
        "medplatform.config_digest": job.config.digest,
        "medplatform.trainer": job.operator,
        "medplatform.account": str(current_account()),
        **({DATA: SYNTHETIC_DATA} if is_synthetic(snapshot) else {}),
        "medplatform.device": device,
        "medplatform.version": __version__,
    }


def _write_environment(log: RunLog, snapshot: Snapshot) -> None:
    import torch

    packages = sorted(f"{d.metadata['Name']}=={d.version}" for d in metadata.distributions())
    system = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cuda": torch.version.cuda,
    }
    log.write_artifact("environment/requirements.txt", "\n".join(packages).encode())
    log.write_artifact("environment/system.json", json.dumps(system, indent=1).encode())
    log.write_artifact("dataset/manifest.json", json.dumps(snapshot.manifest, indent=1).encode())


def _name(device: "torch.device") -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"


def _parse(arguments: Sequence[str] | None, tracking_uri: str) -> TrainingJob:
    parser = argparse.ArgumentParser(prog="medplatform.training.run", description=__doc__)
    parser.add_argument("--recipe", required=True, choices=sorted(RECIPES))
    parser.add_argument("--dataset", required=True, type=Path, help="folder of the frozen data set")
    parser.add_argument("--models", required=True, type=Path, help="root folder of runs and models")
    parser.add_argument("--result", required=True, type=Path, help="file to write the result to")
    parser.add_argument("--config", default="{}", help="JSON; what is left out has its default")
    parser.add_argument("--artifact-root", type=Path, help="artifacts, where no server keeps them")
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "cpu"))
    parser.add_argument("--operator", default="platform", help="who trains")
    parser.add_argument("--tag", action="append", default=[], help="NAME=VALUE for the MLflow run")
    options = parser.parse_args(arguments)
    return TrainingJob(
        recipe=options.recipe,
        dataset=options.dataset,
        models=options.models,
        result=options.result,
        config=RECIPES[options.recipe].config.model_validate_json(options.config),
        tracking_uri=tracking_uri,
        artifact_root=options.artifact_root,
        device=options.device,
        operator=options.operator,
        tags=dict(tag.split("=", 1) for tag in options.tag),
    )


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signal_number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the training job."""
    # cuBLAS is deterministic only with a fixed workspace, and reads this when it is loaded.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        job = _parse(arguments, get_settings().tracking_uri)
        with open_reporter() as reporter:
            run(job, reporter)
    except (TrainingError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return CANNOT_TRAIN
    return 0


if __name__ == "__main__":
    sys.exit(main())
