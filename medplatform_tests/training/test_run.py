"""The training job: from a frozen data set to a tracked model, also when it is interrupted."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mlflow import MlflowClient

from medplatform.lake import Snapshot
from medplatform.training.artifact import ModelChanged, digest_folder, load_model
from medplatform.training.data import load_rows
from medplatform.training.launcher import (
    LocalLauncher,
    TrainingJob,
    job_environment,
    supervised_command,
    training_command,
)
from medplatform.training.mirror import replay_pending
from medplatform.training.progress import LineReporter
from medplatform.training.recipe import TrainingConfig
from medplatform.training.recipes import EHR_RISK, LESION_SEGMENTATION
from medplatform.training.result import RunResult
from medplatform.training.run import _parse, run
from medplatform.training.tracking import read_metrics, read_record
from medplatform_tests.training.cohort import freeze_ehr, freeze_lesions


def job_of(
    folder: Path,
    snapshot: Snapshot,
    tracking: tuple[str, Path],
    config: TrainingConfig,
    recipe: str = "ehr_risk",
) -> TrainingJob:
    return TrainingJob(
        recipe=recipe,
        dataset=snapshot.folder,
        models=folder / "models",
        result=folder / "result.json",
        config=config,
        tracking_uri=tracking[0],
        artifact_root=tracking[1],
        device="cpu",
        operator="ada",
        tags={"dagster/run_id": "d-1", "dagster/url": "http://127.0.0.1:3000/runs/d-1"},
    )


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory, store: str, artifacts: Path) -> dict[str, Any]:
    """A finished run of `ehr_risk`."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("ehr")
    snapshot = freeze_ehr(folder)
    tracking = (store, artifacts)
    job = job_of(folder, snapshot, tracking, EHR_RISK.debug)
    result = run(job, LineReporter())
    return {"job": job, "snapshot": snapshot, "result": result, "tracking": tracking}


class TestResult:
    def test_names_run_model_and_data(self, ehr: dict[str, Any]) -> None:
        result: RunResult = ehr["result"]
        assert result == RunResult.load(ehr["job"].result)
        assert result == RunResult.load(result.run_folder / "result.json")
        assert result.dataset_digest == ehr["snapshot"].digest
        assert result.config_digest == EHR_RISK.debug.digest
        assert result.model_uri == f"models:/{result.model_id}"
        assert not result.is_pending
        assert result.epochs == EHR_RISK.debug.epochs and result.trainer == "ada"
        assert {"validation_auroc", "validation_loss", "train_loss"} <= result.metrics.keys()

    def test_the_loss_curve_is_a_small_picture(self, ehr: dict[str, Any]) -> None:
        content = ehr["result"].loss_curve.read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) < 100_000


class TestModel:
    def test_its_files_are_those_that_were_hashed(
        self, ehr: dict[str, Any], tmp_path: Path
    ) -> None:
        result: RunResult = ehr["result"]
        assert digest_folder(result.model_folder) == result.model_digest
        with pytest.raises(ModelChanged, match="train it again"):
            load_model(result.model_folder, digest="0" * 64)

    def test_it_predicts_without_pickle_and_without_this_package(self, ehr: dict[str, Any]) -> None:
        result: RunResult = ehr["result"]
        rows = load_rows(ehr["snapshot"], "validation")
        expected = EHR_RISK.predict(load_model(result.model_folder), rows).binary()[1]
        x, _ = EHR_RISK.learner().tensors(rows)
        np.save(result.run_folder.parent / "x.npy", x.numpy())
        code = (
            "import os, sys; os.environ['MLFLOW_ALLOW_PICKLE_DESERIALIZATION'] = 'false'\n"
            "import mlflow.pyfunc, numpy\n"
            f"model = mlflow.pyfunc.load_model({str(result.model_folder)!r})\n"
            f"x = numpy.load({str(result.run_folder.parent / 'x.npy')!r})\n"
            "print(*model.predict(x))\n"
            "assert not any(name.startswith('medplatform') for name in sys.modules)\n"
        )
        answer = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            cwd="/",
        )
        np.testing.assert_allclose([float(p) for p in answer.stdout.split()], expected, atol=1e-6)

    def test_nothing_that_was_written_holds_a_row(self, ehr: dict[str, Any]) -> None:
        patients = load_rows(ehr["snapshot"])["patient_id"].to_list()
        files = [path for path in ehr["job"].models.rglob("*") if path.is_file()]
        artifacts = [p for p in ehr["job"].artifact_root.rglob("*") if p.is_file()]
        assert files and artifacts
        for path in files + artifacts:
            content = path.read_bytes()
            assert not any(patient.encode() in content for patient in patients), path.name


class TestMlflow:
    def test_the_run_shows_what_was_done(self, ehr: dict[str, Any]) -> None:
        result: RunResult = ehr["result"]
        client = MlflowClient(ehr["tracking"][0])
        assert result.run_id
        found = client.get_run(result.run_id)
        assert found.info.run_name == result.run_name and found.info.status == "FINISHED"
        assert found.data.params["learning_rate"] == "0.01"
        assert found.data.params["data.train.patients"]
        expected = {
            "medplatform.recipe": "ehr_risk",
            "medplatform.dataset_digest": result.dataset_digest,
            "medplatform.config_digest": result.config_digest,
            "medplatform.model_digest": result.model_digest,
            "medplatform.trainer": "ada",
            "dagster/run_id": "d-1",
            "dagster/url": "http://127.0.0.1:3000/runs/d-1",
        }
        assert expected.items() <= found.data.tags.items()
        assert found.inputs
        assert found.inputs.dataset_inputs[0].dataset.digest == result.dataset_digest[:36]
        plots = {a.path for a in client.list_artifacts(result.run_id, "plots")}
        assert plots == {"plots/loss.png", "plots/roc.png", "plots/calibration.png"}
        environment = {a.path for a in client.list_artifacts(result.run_id, "environment")}
        assert environment == {"environment/requirements.txt", "environment/system.json"}
        epochs = client.get_metric_history(result.run_id, "validation_loss")
        assert [m.step for m in epochs] == [1, 2, 3]

    def test_the_model_is_there_byte_for_byte(self, ehr: dict[str, Any]) -> None:
        result: RunResult = ehr["result"]
        client = MlflowClient(ehr["tracking"][0])
        assert result.model_id
        model = client.get_logged_model(result.model_id)
        assert model.status == "READY" and model.source_run_id == result.run_id
        assert model.artifact_location.startswith(ehr["job"].artifact_root.as_uri())
        files = Path(model.artifact_location.removeprefix("file://"))
        assert digest_folder(files) == result.model_digest


def test_a_segmentation_job_ends_with_overlays(tmp_path: Path, store: str, artifacts: Path) -> None:
    snapshot = freeze_lesions(tmp_path)
    tracking = (store, artifacts)
    job = job_of(tmp_path, snapshot, tracking, LESION_SEGMENTATION.debug, "lesion_segmentation")
    result = run(job, LineReporter())
    assert 0 <= result.metrics["validation_dice"] <= 1
    plots = {path.name for path in (result.run_folder / "artifacts" / "plots").iterdir()}
    assert plots == {"loss.png", "overlays.png", "dice.png"}
    model = load_model(result.model_folder, digest=result.model_digest)
    predictions = LESION_SEGMENTATION.predict(model, load_rows(snapshot, "test"))
    assert len(predictions) == snapshot.manifest["facts"]["counts"]["test"]["rows"]
    assert model(torch.zeros(3, 1, 33, 65)).shape == (3, 1, 33, 65)


def test_a_gone_tracking_store_only_postpones_the_record(
    ehr: dict[str, Any], tmp_path: Path
) -> None:
    job = replace(
        ehr["job"],
        tracking_uri="http://127.0.0.1:9",
        models=tmp_path / "models",
        result=tmp_path / "result.json",
    )
    result = run(job, LineReporter())
    assert result.is_pending and result.run_id is None and result.model_uri is None
    assert digest_folder(result.model_folder) == result.model_digest
    assert replay_pending(job.models, *ehr["tracking"]) == [result.run_name]
    mended = RunResult.load(result.run_folder / "result.json")
    assert not mended.is_pending and mended.run_id and mended.model_uri


LONG = EHR_RISK.config(epochs=150, patience=150, batch_size=32)


@pytest.fixture(scope="module")
def undisturbed(ehr: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A long run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return run(job_of(folder, ehr["snapshot"], ehr["tracking"], LONG), LineReporter())


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_job_resumes_to_the_same_model(
    ehr: dict[str, Any],
    undisturbed: RunResult,
    tmp_path: Path,
    signal_number: signal.Signals,
) -> None:
    job = job_of(tmp_path, ehr["snapshot"], ehr["tracking"], LONG)
    environment = {**os.environ, **job_environment(job), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(training_command(job), env=environment, stderr=subprocess.DEVNULL)
    metrics = wait_for_metrics(job.models)
    process.send_signal(signal_number)
    code = process.wait(60)
    assert code == (143 if signal_number == signal.SIGTERM else -signal.SIGKILL)
    assert not job.result.exists()
    done = len(read_metrics(metrics)[0])
    assert 3 <= done < LONG.epochs
    record = read_record(metrics.parent)
    assert record is not None
    assert record.status == ("KILLED" if signal_number == signal.SIGTERM else "RUNNING")

    resumed = run(job, LineReporter())
    assert resumed.resumed_at >= done - 1 and resumed.run_folder == metrics.parent
    assert undisturbed.resumed_at == 0
    weights = [load_model(r.model_folder).state_dict() for r in (resumed, undisturbed)]
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name])


def wait_for_metrics(models: Path, lines: int = 3) -> Path:
    deadline = time.monotonic() + 100
    while True:
        for path in models.glob("*/runs/*/metrics.jsonl"):
            if len(read_metrics(path)[0]) >= lines:
                return path
        assert time.monotonic() < deadline, "training did not start"
        time.sleep(0.02)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_an_absent_gpu_is_one_clear_line(
    ehr: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = job_of(tmp_path, ehr["snapshot"], ehr["tracking"], EHR_RISK.debug)
    outcome = LocalLauncher().launch(replace(job, device="cuda"))
    assert outcome.exit_code == 2 and outcome.result is None
    error = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1 and "MEDPLATFORM_DEVICE=auto" in error[0]


def test_the_command_line_carries_the_whole_job_but_the_store(ehr: dict[str, Any]) -> None:
    job: TrainingJob = ehr["job"]
    command = training_command(job)
    assert command[:3] == [sys.executable, "-m", "medplatform.training.run"]
    assert _parse(command[3:], job.tracking_uri) == job
    assert job.tracking_uri not in " ".join(command)
    assert supervised_command(job)[-len(command) :] == command


def test_dagster_gets_log_lines_and_the_result(ehr: dict[str, Any], tmp_path: Path) -> None:
    result_file, messages = ehr["job"].result, tmp_path / "messages"
    code = (
        "from pathlib import Path\n"
        "from medplatform.training.progress import open_reporter\n"
        "from medplatform.training.result import RunResult\n"
        "with open_reporter() as reporter:\n"
        "    reporter.epoch(1, 1, {'train_loss': 0.5})\n"
        f"    reporter.finish(RunResult.load(Path({str(result_file)!r})))\n"
    )
    from dagster_pipes import encode_param

    context = {
        "asset_keys": ["models/ehr_risk_candidate"],
        "code_version_by_asset_key": None,
        "provenance_by_asset_key": None,
        "partition_key": None,
        "partition_key_range": None,
        "partition_time_window": None,
        "run_id": "r",
        "job_name": None,
        "retry_number": 0,
        "extras": {},
    }
    environment = {
        **os.environ,
        "DAGSTER_PIPES_CONTEXT": encode_param({"data": context}),
        "DAGSTER_PIPES_MESSAGES": encode_param({"path": str(messages)}),
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    written = messages.read_text()
    assert "epoch 1/1  train loss 0.5000" in written
    assert '"method": "report_custom_message"' in written
    assert ehr["result"].model_digest in written
