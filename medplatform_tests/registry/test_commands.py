"""The commands about models: who they act for, what they repair, what they say of an outage."""

import getpass
import shutil
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
from medplatform.training.account import current_account
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
    def test_repairs_aliases_loudly(self, reign: Bench, commands_of_reign: None) -> None:
        client = reign.registry.client
        client.set_registered_model_alias("line", "champion", str(BLIND))
        done = invoke("status")
        assert (
            f"the alias champion of line was wrong: MLflow said version {BLIND}, the log says "
            f"version {GOOD}: put right and recorded." in done.stderr
        )
        assert reign.aliases()["champion"] == GOOD
        assert "was wrong" not in invoke("status").output
        record = reign.registry.log.records()[-1]
        assert (record.actor, record.action) == (getpass.getuser(), "alias_repaired")

    def test_takes_a_champion_away_that_nobody_promoted(self, bench: Bench, commands: None) -> None:
        bench.registry.client.set_registered_model_alias("line", "champion", str(BLIND))
        found = invoke("status").stderr
        assert f"MLflow said version {BLIND}, the log says none: put right" in found

    def test_shows_the_rest_where_the_champion_was_deleted(
        self, reign: Bench, commands_of_reign: None
    ) -> None:
        promote(reign.registry, reign.recipe, BETTER, actor="ops")
        reign.registry.client.delete_model_version("line", str(BETTER))
        done = invoke("status")
        assert "medplatform rollback line" in done.stderr
        assert f"line v{GOOD}" in done.stdout


class TestVersions:
    def test_are_named_by_alias_as_well(self, bench: Bench, commands: None) -> None:
        person = ["--as", "grace", "--role", "clinician", "--reason", "read it"]
        done = invoke("approve", "line", "challenger", *person)
        assert f"line version {BETTER} is approved by grace, typed by" in done.stdout
        assert f"Next: medplatform promote line {BETTER}" in done.stdout
        assert invoke("promote", "line", "challenger").stdout.strip() == (
            f"line version {BETTER} is champion."
        )

    def test_of_the_account_that_trained_are_signed_with_a_remark(
        self, bench: Bench, commands: None
    ) -> None:
        version = bench.register("better", account=str(current_account()))
        bench.judge(version)
        person = ["--as", "grace", "--role", "clinician", "--reason", "read it"]
        assert "also trained the model" in invoke("approve", "line", version, *person).stderr
        assert "typed by the account that trained" in wide(invoke("audit").stdout)


def wide(table: str) -> str:
    """The text of a printed table without its folds."""
    return " ".join(table.replace("│", " ").split())


class TestSettings:
    @pytest.mark.parametrize(
        ("assignment", "reason"),
        [
            ("epochs", "'epochs' is no NAME=VALUE"),
            ("epochs=many", "epochs: Input should be a valid integer"),
            ("epochs=0", "epochs: Input should be greater than or equal to 1"),
            ("epohcs=3", "epohcs is no setting of line. There are: seed, epochs, batch_size"),
        ],
    )
    def test_that_are_wrong_are_refused_with_the_reason(
        self, commands: None, assignment: str, reason: str
    ) -> None:
        done = invoke("train", "line", "--set", assignment)
        assert done.exit_code == 2
        assert reason in done.stderr

    def test_are_listed(self, commands: None) -> None:
        assert "--settings" in invoke("train", "--help").stdout
        listed = wide(invoke("train", "line", "--settings").stdout)
        assert "learning_rate 0.001 0.001 Peak learning rate of AdamW" in listed


def test_audit_tells_verdict_role_and_reason(bench: Bench, commands: None) -> None:
    told = wide(invoke("audit").stdout)
    for part in ("FAIL", "cardiologist", "read the report", "The chain is whole."):
        assert part in told


def test_evaluate_says_which_gates_do_not_apply(bench: Bench, commands: None) -> None:
    datasets = bench.folder / "datasets" / "line"
    shutil.copytree(bench.snapshot.folder, datasets / bench.snapshot.digest[:16])
    verdict = invoke("evaluate", "line", GOOD)
    lines = {part: line for line in verdict.stdout.splitlines() for part in line.split("│")}
    for gate in ("Not better than possible", "Not worse than the champion"):
        line = next(line for part, line in lines.items() if part.strip() == gate)
        assert "NOT APPLICABLE" in line


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
