"""What each service finds before it starts: its command line, its environment, its files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance

from medplatform.services import (
    SERVICES,
    Service,
    ServiceError,
    instance_environment,
    prepare_home,
    service_command,
)
from medplatform.settings import Settings

DATABASE = "postgresql+psycopg2://user:secret-word@db:5432/dagster"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data=tmp_path / "data")  # pyright: ignore[reportCallIssue]


def with_values(settings: Settings, **values: object) -> Settings:
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return Settings(_env_file=None, **{**given, **values})  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_home_is_absolute_and_holds_an_instance_that_dagster_accepts(settings: Settings) -> None:
    home = prepare_home(settings)
    assert home.is_absolute()
    with DagsterInstance.from_config(str(home)) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_monitoring_enabled
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 4
        assert str(home) in instance.root_directory


def test_preparing_again_changes_nothing(settings: Settings) -> None:
    file = prepare_home(settings) / "dagster.yaml"
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    prepare_home(settings)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert [path.name for path in file.parent.glob("dagster*")] == ["dagster.yaml"]


def test_a_database_becomes_the_storage_but_its_password_no_file(settings: Settings) -> None:
    home = prepare_home(with_values(settings, database_url=DATABASE))
    text = (home / "dagster.yaml").read_text()
    assert yaml.safe_load(text)["storage"] == {
        "postgres": {"postgres_url": {"env": "MEDPLATFORM_DATABASE_URL"}}
    }
    assert "secret-word" not in text


def test_a_child_process_reads_the_same_settings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = with_values(
        settings,
        database_url=DATABASE,
        issuer_systems={"A": "urn:a"},
        schedule_on=True,
        quiet_period_s=1.5,
    )
    for name, value in instance_environment(changed).items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == changed  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("name", SERVICES)
def test_services_listen_on_loopback_without_telemetry(name: Service, settings: Settings) -> None:
    argv, environment = service_command(name, settings)
    assert Path(argv[0]).is_file()
    assert "0.0.0.0" not in argv
    if name != "daemon":
        assert argv[argv.index("--host") + 1] == "127.0.0.1"
    assert environment["DAGSTER_HOME"] == str(settings.dagster_home)
    assert environment["DAGSTER_DISABLE_TELEMETRY"] == "1"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_ports_are_the_usual_ones_or_those_asked_for(settings: Settings) -> None:
    def port(name: Service, asked_for: int | None = None) -> str:
        argv, _ = service_command(name, settings, port=asked_for)
        return argv[argv.index("--port") + 1]

    assert [port("webserver"), port("mlflow"), port("code-server")] == ["3000", "5000", "4000"]
    assert port("webserver", 3100) == "3100"


@pytest.mark.parametrize("name", SERVICES)
def test_passwords_are_on_no_command_line(name: Service, settings: Settings) -> None:
    secret = with_values(settings, database_url=DATABASE, mlflow_tracking_uri=DATABASE)
    argv, _ = service_command(name, secret)
    assert "secret-word" not in " ".join(argv)


def test_mlflow_shows_the_store_that_training_writes_to(settings: Settings) -> None:
    argv, environment = service_command("mlflow", settings)
    assert environment["MLFLOW_BACKEND_STORE_URI"] == settings.tracking_uri
    assert argv[argv.index("--artifacts-destination") + 1] == str(settings.artifact_root)
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_mlflow_cannot_run_on_another_server(settings: Settings) -> None:
    with pytest.raises(ServiceError, match="needs a database"):
        service_command("mlflow", with_values(settings, mlflow_tracking_uri="http://mlflow:5000"))


def test_a_database_address_of_the_wrong_scheme_is_one_clear_line(tmp_path: Path) -> None:
    wrong = {"MEDPLATFORM_DATABASE_URL": DATABASE.replace("+psycopg2", "")}
    command = [sys.executable, "-m", "medplatform", "service", "webserver"]
    result = subprocess.run(
        command, env={**os.environ, **wrong}, cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "MEDPLATFORM_DATABASE_URL must begin with postgresql+psycopg2://" in line
    assert "secret-word" not in line


def test_webserver_and_daemon_find_the_code_server(settings: Settings) -> None:
    elsewhere = with_values(settings, code_server="code-server:4001")
    for name in ("webserver", "daemon"):
        argv, environment = service_command(name, elsewhere)
        workspace = Path(argv[argv.index("--workspace") + 1])
        assert yaml.safe_load(workspace.read_text())["load_from"][0]["grpc_server"]["host"] == {
            "env": "MEDPLATFORM_CODE_SERVER_HOST"
        }
        assert environment["MEDPLATFORM_CODE_SERVER_HOST"] == "code-server"
        assert environment["MEDPLATFORM_CODE_SERVER_PORT"] == "4001"
