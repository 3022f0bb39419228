"""`medplatform dev` starts what the settings need, and its links lead to the ports it uses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from medplatform import services
from medplatform.cli import cli, operate
from medplatform.installation import Installation
from medplatform.services import link_settings
from medplatform.settings import Settings

Start = Callable[..., tuple[str, dict[str, Any]]]


def make_settings(data: Path, **values: Any) -> Settings:
    return Settings(_env_file=None, data=data, **values)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Runs the command up to where services would start -> its output and what they would be."""

    def start(*arguments: str, **values: Any) -> tuple[str, dict[str, Any]]:
        started: dict[str, Any] = {}

        def run(names: Any, settings: Settings, on_ready: Any, **options: Any) -> None:
            started.update(options, names=set(names), settings=settings)
            on_ready({name: f"http://127.0.0.1:{p}" for name, p in options["ports"].items()})

        installation = Installation(make_settings(tmp_path, **values))
        monkeypatch.setattr(services, "run_services", run)
        monkeypatch.setattr(operate, "installation_of_settings", lambda: installation)
        done = CliRunner().invoke(cli, ["dev", *arguments], catch_exceptions=False)
        return done.output, started

    return start


def test_links_lead_to_the_ports_that_were_asked_for(start: Start) -> None:
    output, started = start("--port", "3100", "--mlflow-port", "5100")
    assert started["ports"] == {"webserver": 3100, "mlflow": 5100}
    assert started["settings"].dagster_ui_url == "http://127.0.0.1:3100"
    assert started["settings"].mlflow_ui_url == "http://127.0.0.1:5100"
    assert started["names"] == {"code-server", "webserver", "daemon", "mlflow"}
    assert "Dagster  http://127.0.0.1:3100\nMLflow   http://127.0.0.1:5100" in output


def test_mlflow_is_left_out_where_a_server_runs_already(start: Start) -> None:
    uri = "http://me:secret-word@mlflow.example:5000"
    output, started = start(mlflow_tracking_uri=uri, mlflow_ui_url="https://mlflow.example")
    assert started["names"] == {"code-server", "webserver", "daemon"}
    assert started["ports"] == {"webserver": 3000}
    assert started["settings"].mlflow_ui_url == "https://mlflow.example"
    assert "MLflow runs at http://mlflow.example:5000 and is not started." in output
    assert "secret-word" not in output


def test_an_address_that_was_set_stays(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, dagster_ui_url="https://dagster.example")
    linked = link_settings(settings, "127.0.0.1", {"webserver": 3100, "mlflow": 5100})
    assert linked.dagster_ui_url == "https://dagster.example"
    assert linked.mlflow_ui_url == "http://127.0.0.1:5100"


@pytest.mark.parametrize(("host", "link"), [("0.0.0.0", "127.0.0.1"), ("10.1.2.3", "10.1.2.3")])
def test_links_name_an_address_that_can_be_opened(tmp_path: Path, host: str, link: str) -> None:
    linked = link_settings(make_settings(tmp_path), host, {"webserver": 3000})
    assert linked.dagster_ui_url == f"http://{link}:3000"
