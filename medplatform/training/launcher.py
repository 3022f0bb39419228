"""Start a training job in a process of its own.

A `Launcher` is all that the platform asks of a place to train. Here is the local one; Dagster
hands `supervised_command` and `job_environment` to its Pipes client instead.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from medplatform.training.device import DeviceName
from medplatform.training.mirror import settle_runs
from medplatform.training.recipe import TrainingConfig
from medplatform.training.result import RunResult

GRACE_S = 15.0
"""From SIGTERM to SIGKILL: enough to close the run in MLflow, the checkpoint is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What to train, on what, where, and where to put the result.

    Parameters
    ----------
    dataset
        Folder of a frozen data set.
    models
        Root folder of runs and models.
    result
        File that the job writes when it has finished.
    tracking_uri
        MLflow server or database. It may hold a password: only `job_environment` carries it.
    operator
        Who trains: recorded as the trainer, who may not approve the model.
    tags
        Tags of the MLflow run, such as `dagster/run_id`.
    """

    recipe: str
    dataset: Path
    models: Path
    result: Path
    config: TrainingConfig
    tracking_uri: str = field(repr=False)
    artifact_root: Path | None = None
    device: DeviceName = "auto"
    operator: str = "platform"
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended. There is a result if and only if the exit code is 0."""

    exit_code: int
    result: RunResult | None


class Launcher(Protocol):
    """A place to train."""

    def launch(self, job: TrainingJob) -> Outcome:
        """Run a job to its end."""
        ...


class LocalLauncher:
    """Trains on this machine, in a supervised process; its output goes to the terminal."""

    def launch(self, job: TrainingJob) -> Outcome:
        """Run a job to its end. On an interrupt the whole process tree is ended first."""
        job.result.unlink(missing_ok=True)
        # A group of its own: Ctrl-C reaches this process alone, which passes it on once. A second
        # signal would end the grace period in which the trainer closes its record.
        process = subprocess.Popen(
            supervised_command(job), env={**os.environ, **job_environment(job)}, process_group=0
        )
        try:
            exit_code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            if not job.result.exists():
                settle_runs(job.models, job.tracking_uri, job.artifact_root)
        return Outcome(exit_code, RunResult.load(job.result) if exit_code == 0 else None)


def training_command(job: TrainingJob) -> list[str]:
    """The command line of the training process itself; it needs `job_environment` as well."""
    command = [sys.executable, "-m", "medplatform.training.run"]
    options: dict[str, object] = {
        "recipe": job.recipe,
        "dataset": job.dataset,
        "models": job.models,
        "result": job.result,
        "config": json.dumps(job.config.model_dump(mode="json")),
        "device": job.device,
        "operator": job.operator,
    }
    if job.artifact_root:
        options["artifact-root"] = job.artifact_root
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    for name, value in job.tags.items():
        command += ["--tag", f"{name}={value}"]
    return command


def job_environment(job: TrainingJob) -> dict[str, str]:
    """Variables of the training process beside the inherited ones.

    They hold secrets: the command line of a process can be read by every user of the machine, its
    environment cannot.
    """
    return {"MEDPLATFORM_MLFLOW_TRACKING_URI": job.tracking_uri}


def supervised_command(job: TrainingJob, *, grace_s: float = GRACE_S) -> list[str]:
    """The command line of the supervisor that runs the training process."""
    # Isolated and as a file: the supervisor needs neither site-packages nor this package.
    supervisor = [sys.executable, "-I", "-S", str(Path(__file__).with_name("supervise.py"))]
    return [*supervisor, "--grace", str(grace_s), "--", *training_command(job)]
