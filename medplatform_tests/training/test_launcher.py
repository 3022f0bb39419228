"""Interrupting a local launch ends the trainer in good order, and all it started."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from medplatform.training import launcher
from medplatform.training.launcher import LocalLauncher, TrainingJob
from medplatform.training.recipe import TrainingConfig

TIDY_TRAINER = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
def close(*_):
    time.sleep(0.5)
    (folder / "closed").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, close)
(folder / "started").touch()
time.sleep(300)
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingJob:
    command = [sys.executable, "-S", "-c", TIDY_TRAINER, str(tmp_path)]
    monkeypatch.setattr(launcher, "training_command", lambda job: command)
    return TrainingJob(
        recipe="any",
        dataset=tmp_path,
        models=tmp_path,
        result=tmp_path / "result.json",
        config=TrainingConfig(),
        tracking_uri="sqlite://",
    )


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, also where the shell started the tests with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_when_started(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while not (folder / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_leaves_the_trainer_its_grace(
    job: TrainingJob, tmp_path: Path, ctrl_c: None
) -> None:
    interrupter = threading.Thread(target=interrupt_when_started, args=(tmp_path,))
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        LocalLauncher().launch(job)
    interrupter.join()
    assert (tmp_path / "closed").exists()


def test_a_result_of_an_earlier_job_is_not_taken_for_this_one(
    job: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "training_command", lambda job: ["false"])
    job.result.write_text("{}")
    outcome = LocalLauncher().launch(job)
    assert outcome.exit_code == 1 and outcome.result is None
    assert not job.result.exists()


def test_a_password_of_the_store_reaches_the_trainer_by_its_environment_alone(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "postgresql+psycopg2://user:secret-word@db:5432/mlflow"
    job = replace(job, tracking_uri=uri)
    monkeypatch.undo()
    command = launcher.supervised_command(job)
    assert "secret-word" not in " ".join(command) + repr(job)

    said = tmp_path / "said"
    reader = "from medplatform.settings import get_settings as read; import pathlib, sys; "
    reader += "pathlib.Path(sys.argv[1]).write_text(read().tracking_uri); sys.exit(1)"
    trainer = [sys.executable, "-c", reader, str(said)]
    monkeypatch.setattr(launcher, "training_command", lambda job: trainer)
    LocalLauncher().launch(job)
    assert said.read_text() == uri
