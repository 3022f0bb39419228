"""Whatever ends a run, no training process outlives it, and a cancelled run is no success."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from medplatform.lake import Lake
from medplatform.services import instance_environment, prepare_home
from medplatform.settings import Settings
from medplatform.training.data import freeze_dataset
from medplatform.training.recipes import EHR_RISK
from medplatform.training.store import open_client
from medplatform_tests.training.cohort import write_mart

pytestmark = pytest.mark.timeout(400)

ENDLESS = {"epochs": 1_000_000, "patience": 1_000_000}


class Training:
    """A run of the job that trains, started as the demo and a terminal start it."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(data=root, device="cpu")
        prepare_home(self.settings)
        write_mart(self.settings.marts, 200)
        freeze_dataset(
            EHR_RISK, Lake(self.settings.lake), self.settings.marts, self.settings.datasets
        )
        config = root / "config.json"
        config.write_text(json.dumps({"ops": {"models__ehr_risk_candidate": {"config": ENDLESS}}}))
        dagster = Path(sys.executable).with_name("dagster")
        command = [dagster, "job", "execute", "-m", "medplatform.definitions"]
        with (root / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "-j", "train_ehr_risk", "--config", config],
                env={**os.environ, **instance_environment(self.settings)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def processes(self) -> list[int]:
        """Supervisor and trainer of this run, by what their command lines name."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue  # it ended between the listing and the look
            if str(self.settings.data).encode() in command and b"medplatform.training" in command:
                found.append(int(folder.name))
        return found

    def wait_for_epochs(self) -> None:
        """Return when the model has begun to learn."""
        runs = self.settings.models / "ehr_risk" / "runs"
        self._wait(lambda: any(f.stat().st_size for f in runs.glob("*/metrics.jsonl")), 180)

    def wait_until_gone(self, seconds: float) -> None:
        """Return when no process of the training is left."""
        self._wait(lambda: not self.processes(), seconds)

    def status(self) -> dg.DagsterRunStatus:
        """Status of the run in Dagster's storage."""
        with dg.DagsterInstance.from_config(str(self.settings.dagster_home)) as instance:
            return instance.get_runs()[0].status

    def mlflow_status(self) -> str:
        """Status of the only run in MLflow."""
        client = open_client(self.settings.tracking_uri)
        experiment = client.get_experiment_by_name("medplatform/ehr_risk")
        assert experiment is not None
        (run,) = client.search_runs([experiment.experiment_id])
        return run.info.status

    def _wait(self, condition, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (self.settings.data / "log").read_text()[-3000:]
            time.sleep(0.1)


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    training = Training(tmp_path / "data")
    yield training
    if training.process.poll() is None:
        os.killpg(training.process.pid, signal.SIGKILL)
        training.process.wait()


def test_a_cancelled_run_leaves_no_process_and_is_no_success(training: Training) -> None:
    training.wait_for_epochs()
    assert len(training.processes()) >= 2
    training.process.send_signal(signal.SIGINT)
    training.process.wait(timeout=90)
    training.wait_until_gone(20)
    assert training.process.returncode != 0
    assert training.status() is dg.DagsterRunStatus.CANCELED
    assert training.mlflow_status() == "KILLED"
    assert not list((training.settings.models / "ehr_risk").glob("verdicts/*"))


def test_a_killed_run_worker_takes_the_training_with_it(training: Training) -> None:
    training.wait_for_epochs()
    os.killpg(training.process.pid, signal.SIGKILL)
    training.wait_until_gone(30)
    assert training.status() is not dg.DagsterRunStatus.SUCCESS
