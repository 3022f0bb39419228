"""MLflow gets all of a run, in batches, once; a store that is gone never holds up training."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import pytest
from matplotlib.figure import Figure
from mlflow import MlflowClient

from medplatform.training.mirror import (
    MirrorThread,
    pending_runs,
    replay_pending,
)
from medplatform.training.tracking import RunLog
from medplatform.training.upload import Mirror, TrackingUnavailable
from medplatform_tests.training.test_tracking import open_log

EXPERIMENT = "medplatform/ehr_risk"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def finish_run(models: Path, key: str, *, epochs: int = 3) -> RunLog:
    """A finished run with metrics, a plot and model files."""
    with open_log(models, key) as log:
        for epoch in range(1, epochs + 1):
            log.log_metrics(epoch, {"train_loss": 1 / epoch})
        log.write_figure("loss", Figure())
        log.model.mkdir()
        (log.model / "MLmodel").write_text("flavors: {}\n")
        log.close("FINISHED", model_digest="m" * 64)
    return log


def unique_key() -> str:
    return os.urandom(32).hex()


def runs(store: str, folder: Path) -> list:
    client = MlflowClient(store, store)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    return client.search_runs(
        [experiment.experiment_id], f"tags.`medplatform.run_key` = '{folder.name}'"
    )


def test_all_of_a_finished_run_arrives(models: Path, store: str, artifacts: Path) -> None:
    log = finish_run(models, unique_key())
    mirror = Mirror(log.folder, store, artifacts)
    mirror.finish()
    assert mirror.is_complete
    (run,) = runs(store, log.folder)
    client = MlflowClient(store, store)
    assert run.info.status == "FINISHED" and run.info.run_name == log.record.name
    assert run.data.params == {"epochs": "2", "hidden_sizes": "[4]"}
    assert run.data.tags["medplatform.model_digest"] == "m" * 64
    history = client.get_metric_history(run.info.run_id, "train_loss")
    assert [(m.step, m.value) for m in history] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.digest == "d" * 36
    assert [a.path for a in client.list_artifacts(run.info.run_id, "plots")] == ["plots/loss.png"]
    (output,) = run.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert model.status == "READY" and model.tags["medplatform.model_digest"] == "m" * 64
    assert output.model_id == mirror.state.model_id


def test_an_experiment_says_what_it_is(models: Path, store: str, artifacts: Path) -> None:
    Mirror(finish_run(models, unique_key()).folder, store, artifacts).finish()
    experiment = MlflowClient(store, store).get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert experiment.tags["mlflow.note.content"]


def test_a_run_that_was_killed_is_closed_where_its_upload_fails(
    models: Path, store: str, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit), open_log(models, unique_key()) as log:
        raise SystemExit

    def fail(*arguments: object) -> None:
        raise OSError

    mirror = Mirror(log.folder, store, artifacts)
    monkeypatch.setattr(mirror, "_push_metrics", fail)
    with pytest.raises(OSError):
        mirror.finish()
    assert runs(store, log.folder)[0].info.status == "KILLED"


def test_copying_again_changes_nothing(models: Path, store: str, artifacts: Path) -> None:
    log = finish_run(models, unique_key())
    Mirror(log.folder, store, artifacts).finish()
    (log.folder / "mlflow.json").unlink()
    Mirror(log.folder, store, artifacts).finish()
    (run,) = runs(store, log.folder)
    history = MlflowClient(store, store).get_metric_history(run.info.run_id, "train_loss")
    assert [m.step for m in history] == [1, 2, 3]
    assert len(run.inputs.dataset_inputs) == 1
    assert len(run.outputs.model_outputs) == 1


def test_a_resumed_run_stays_one_run(models: Path, store: str, artifacts: Path) -> None:
    key = unique_key()
    with pytest.raises(SystemExit), open_log(models, key) as log:
        log.log_metrics(1, {"train_loss": 1.0})
        raise SystemExit
    Mirror(log.folder, store, artifacts).finish()
    assert runs(store, log.folder)[0].info.status == "KILLED"
    assert pending_runs(models, store) == []

    with open_log(models, key) as resumed:
        resumed.log_metrics(2, {"train_loss": 0.5})
        mirror = Mirror(resumed.folder, store, artifacts)
        mirror.push()
        assert runs(store, log.folder)[0].info.status == "RUNNING"
        resumed.close("FINISHED")
    mirror.finish()
    (run,) = runs(store, log.folder)
    assert run.info.status == "FINISHED"
    history = MlflowClient(store, store).get_metric_history(run.info.run_id, "train_loss")
    assert [m.step for m in history] == [1, 2]


def test_metrics_arrive_while_the_run_goes_on(models: Path, store: str, artifacts: Path) -> None:
    with open_log(models, unique_key()) as log:
        thread = MirrorThread(Mirror(log.folder, store, artifacts), interval_s=0.05)
        with thread:
            log.log_metrics(1, {"train_loss": 1.0})
            wait_until(
                lambda: (
                    bool(runs(store, log.folder))
                    and "train_loss" in runs(store, log.folder)[0].data.metrics
                )
            )
            log.close("FINISHED")
        assert thread.finish()


def test_a_store_that_is_gone_leaves_the_run_pending(
    models: Path, store: str, artifacts: Path
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with open_log(models, unique_key()) as log:
        thread = MirrorThread(Mirror(log.folder, nowhere, None), interval_s=0.05)
        with thread:
            log.log_metrics(1, {"train_loss": 1.0})
            log.close("FINISHED")
        assert not thread.finish()
    assert pending_runs(models, nowhere) == [log.folder]
    with pytest.raises(TrackingUnavailable, match="nothing is lost"):
        replay_pending(models, nowhere)
    assert replay_pending(models, store, artifacts) == [log.record.name]
    assert replay_pending(models, store, artifacts) == []
    assert runs(store, log.folder)[0].data.metrics == {"train_loss": 1.0}


def test_a_password_in_the_address_is_not_told(models: Path) -> None:
    finish_run(models, unique_key())
    address = f"http://me:secret@127.0.0.1:{free_port()}"
    with pytest.raises(TrackingUnavailable) as caught:
        replay_pending(models, address)
    assert "secret" not in str(caught.value) and "127.0.0.1" in str(caught.value)


def test_what_is_kept_of_the_address_holds_no_password(
    models: Path, store: str, artifacts: Path
) -> None:
    log = finish_run(models, unique_key())
    secret = store.replace("sqlite:///", "sqlite://me:secret@/")
    mirror = Mirror(log.folder, secret, artifacts)
    mirror._save(described=True)
    assert "secret" not in (log.folder / "mlflow.json").read_text()
    assert Mirror(log.folder, store, artifacts).state.described
    assert not Mirror(log.folder, "http://127.0.0.1:9", None).state.described


@pytest.mark.services
def test_a_server_that_dies_during_training_misses_nothing(tmp_path: Path) -> None:
    models, port = tmp_path / "models", free_port()
    uri = f"http://127.0.0.1:{port}"
    with open_log(models, unique_key()) as log:
        thread = MirrorThread(Mirror(log.folder, uri, None), interval_s=0.2)
        with thread:
            with tracking_server(tmp_path, port):
                log.log_metrics(1, {"train_loss": 1.0})
                wait_until(lambda: thread.mirror.state.metrics_bytes > 0)
            started = time.monotonic()
            for epoch in range(2, 50):
                log.log_metrics(epoch, {"train_loss": 1 / epoch})
            assert time.monotonic() - started < 5
            log.write_figure("loss", Figure())
            log.model.mkdir()
            (log.model / "MLmodel").write_text("flavors: {}\n")
            log.close("FINISHED", model_digest="m" * 64)
        assert not thread.finish()
    with tracking_server(tmp_path, port):
        assert replay_pending(models, uri) == [log.record.name]
        assert pending_runs(models, uri) == []
        (run,) = runs(uri, log.folder)
        client = MlflowClient(uri, uri)
        history = client.get_metric_history(run.info.run_id, "train_loss")
        assert [m.step for m in history] == list(range(1, 50))
        assert run.info.status == "FINISHED"
        assert client.list_artifacts(run.info.run_id, "plots")
        model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
        assert model.status == "READY"


@contextmanager
def tracking_server(folder: Path, port: int) -> Iterator[None]:
    """A real MLflow server on loopback that keeps its data in a folder; killed at the end."""
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{folder / 'server.db'}"),
            *("--artifacts-destination", str(folder / "artifacts")),
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: is_up(f"http://127.0.0.1:{port}/health"), timeout_s=120)
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)
