"""The commands about models: who they act for, what they repair, what they say of an outage."""

import getpass
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from medplatform.cli import cli, main
from medplatform.installation import Installation
from medplatform.registry import Registry, StoreUnavailable, promote
from medplatform.settings import Settings
from medplatform.training.launcher import LocalLauncher, Outcome, TrainingJob
from medplatform_tests.registry.bench import Bench
from medplatform_tests.registry.conftest import BETTER, BLIND, GOOD, act_on

NOBODY_THERE = "http://127.0.0.1:9"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


class TestWhoTrains:
    @pytest.fixture
    def launched(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[TrainingJob]:
        jobs: list[TrainingJob] = []

        def launch(self: LocalLauncher, job: TrainingJob) -> Outcome:
            jobs.append(job)
            return Outcome(2, None)

        monkeypatch.setattr(LocalLauncher, "launch", launch)
        monkeypatch.setattr(
            "medplatform.training.data.latest_snapshot", lambda folder, recipe: bench.snapshot
        )
        return jobs

    def test_is_the_user_of_the_system_where_no_operator_is_set(
        self, commands: None, launched: list[TrainingJob]
    ) -> None:
        assert invoke("train", "line").exit_code == 2
        assert [job.operator for job in launched] == [getpass.getuser()]

    def test_is_the_operator_that_is_set(
        self, bench: Bench, launched: list[TrainingJob], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        act_on(bench, monkeypatch, operator="nightly")
        invoke("train", "line")
        assert [job.operator for job in launched] == ["nightly"]

    def test_is_a_number_where_the_user_has_no_name(
        self, commands: None, launched: list[TrainingJob], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def nameless() -> str:
            raise KeyError("uid not found")

        monkeypatch.setattr(getpass, "getuser", nameless)
        invoke("train", "line")
        assert launched[0].operator.startswith("uid ")


class TestStatus:
    def test_repairs_aliases_and_says_so(self, reign: Bench, commands_of_reign: None) -> None:
        client = reign.registry.client
        client.set_registered_model_alias("line", "champion", str(BLIND))
        done = invoke("status")
        assert f"the alias champion of line was put back to version {GOOD}." in done.output
        assert reign.aliases()["champion"] == GOOD
        assert "Repaired" not in invoke("status").output

    def test_takes_a_champion_away_that_nobody_promoted(self, bench: Bench, commands: None) -> None:
        bench.registry.client.set_registered_model_alias("line", "champion", str(BLIND))
        assert "the alias champion of line was taken away" in invoke("status").output

    def test_shows_the_rest_where_the_champion_was_deleted(
        self, reign: Bench, commands_of_reign: None
    ) -> None:
        promote(reign.registry, reign.recipe, BETTER, actor="ops")
        reign.registry.client.delete_model_version("line", str(BETTER))
        done = invoke("status")
        assert "medplatform rollback line" in done.stderr
        assert f"line v{GOOD}" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["evaluate", "line", "1"],
        ["approve", "line", "1", "--as", "grace", "--role", "clinician", "--reason", "read"],
        ["promote", "line", "1"],
        ["rollback", "line", "--as", "grace", "--reason", "found"],
    ],
    ids=lambda command: command[0],
)
def test_a_server_that_is_gone_is_one_line_with_a_remedy_soon(
    bench: Bench,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    act_on(bench, monkeypatch, mlflow_tracking_uri=NOBODY_THERE)
    monkeypatch.setattr(sys, "argv", ["medplatform", *command])
    log = bench.registry.log.verify()
    started = time.monotonic()
    with pytest.raises(SystemExit) as exit_:
        main()
    assert time.monotonic() - started < 20
    assert exit_.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"The MLflow store at {NOBODY_THERE} does not answer" in line
    assert "Start it, or correct MEDPLATFORM_MLFLOW_TRACKING_URI" in line
    assert bench.registry.log.verify() == log


@pytest.mark.parametrize(
    "action",
    [
        lambda registry, bench: registry.history("line"),
        lambda registry, bench: registry.version("line", GOOD),
    ],
)
def test_a_file_that_is_no_database_is_an_outage(
    bench: Bench, action: Callable[[Registry, Bench], Any]
) -> None:
    (bench.folder / "mlflow.db").write_bytes(b"this is no database, whatever its name says")
    broken = Registry(f"sqlite:///{bench.folder / 'mlflow.db'}", bench.registry.models)
    with pytest.raises(StoreUnavailable, match="does not answer or refuses"):
        action(broken, bench)


def test_artifacts_have_one_place_whoever_copies_them(bench: Bench) -> None:
    def root(uri: str | None) -> object:
        settings = Settings(_env_file=None, data=bench.folder, mlflow_tracking_uri=uri)  # pyright: ignore
        installation = Installation(settings)
        job = installation.job(bench.recipe, bench.snapshot, bench.recipe.debug)
        assert job.artifact_root == installation.artifact_root
        return installation.artifact_root

    local = bench.folder / "mlflow" / "artifacts"
    assert root(None) == root("postgresql+psycopg2://me:secret@db/mlflow") == local
    assert root(NOBODY_THERE) is None
