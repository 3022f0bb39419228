"""What was trained while MLflow did not answer becomes a version without being trained again."""

import logging
import shutil

import pytest
from click.testing import CliRunner

from medplatform.cli import cli
from medplatform.registry import Registry, RegistryError, register, register_replayed
from medplatform.training.artifact import digest_folder
from medplatform.training.mirror import replay_pending
from medplatform.training.result import RunResult
from medplatform.training.tracking import RunLog
from medplatform_tests.registry.bench import TRAINER, Bench
from medplatform_tests.registry.conftest import UNJUDGED


def train_during_outage(bench: Bench, key: str = "a") -> RunResult:
    """A finished run of a new model that MLflow knows nothing of."""
    log = RunLog.open(
        bench.registry.models,
        recipe="line",
        key=key * 64,
        dataset_digest=bench.snapshot.digest,
        dataset_rows=1,
        params={"epochs": 1},
        tags={"dagster/run_id": "run-7"},
    )
    shutil.copytree(bench.saved["good"][0], log.model)
    (log.model / "key").write_text(key)
    digest = digest_folder(log.model)
    log.close("FINISHED", model_digest=digest)
    result = bench.train().model_copy(
        update={
            "run_name": log.record.name,
            "run_key": log.folder.name,
            "run_folder": log.folder,
            "model_folder": log.model,
            "model_digest": digest,
            "is_pending": True,
            "run_id": None,
            "model_id": None,
        }
    )
    result.save(log.folder / "result.json")
    return result


def replay(bench: Bench) -> list[str]:
    registry = bench.registry
    return replay_pending(registry.models, registry.tracking_uri, bench.folder / "artifacts")


def test_a_replayed_run_becomes_a_version_once(bench: Bench) -> None:
    result = train_during_outage(bench)
    with pytest.raises(RegistryError, match="medplatform replay"):
        register(bench.registry, bench.recipe, result)
    assert register_replayed(bench.registry, [bench.recipe]) == []
    assert replay(bench) == [result.run_name]
    (version,) = register_replayed(bench.registry, [bench.recipe])
    assert version.version == UNJUDGED + 1 == bench.aliases()["candidate"]
    assert (version.model_digest, version.trainer) == (result.model_digest, TRAINER)
    shown = bench.registry.version("line", version.version)
    assert shown.tags["medplatform.dagster_run_id"] == "run-7"
    assert register_replayed(bench.registry, [bench.recipe]) == []
    bench.judge(version.version)


def test_replayed_runs_are_registered_in_the_order_of_their_end(bench: Bench) -> None:
    results = [train_during_outage(bench, key) for key in "ba"]
    replay(bench)
    versions = register_replayed(bench.registry, [bench.recipe])
    assert [v.model_digest for v in versions] == [result.model_digest for result in results]


def test_a_model_that_mlflow_lost_does_not_stand_in_the_way(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    lost, kept = train_during_outage(bench, "a"), train_during_outage(bench, "b")
    replay(bench)
    model_id = RunResult.load(lost.run_folder / "result.json").model_id
    assert model_id
    bench.registry.client.delete_logged_model(model_id)
    with caplog.at_level(logging.WARNING):
        (version,) = register_replayed(bench.registry, [bench.recipe])
    assert version.model_digest == kept.model_digest
    assert f"{lost.run_name} was deleted from MLflow" in caplog.text


def test_nothing_to_register_asks_nobody(bench: Bench) -> None:
    nowhere = Registry("http://127.0.0.1:9", bench.registry.models)
    assert register_replayed(nowhere, [bench.recipe]) == []


def test_the_command_sends_and_registers(bench: Bench, commands: None) -> None:
    result = train_during_outage(bench)
    done = CliRunner().invoke(cli, ["replay"])
    assert done.output == f"Sent: {result.run_name}.\nRegistered: line version {UNJUDGED + 1}.\n"
    assert CliRunner().invoke(cli, ["replay"]).output == "MLflow has everything.\n"
