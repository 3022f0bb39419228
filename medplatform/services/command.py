"""Command line and environment of each service."""

import os
import sys
from pathlib import Path
from typing import Literal, NoReturn, get_args

from medplatform.services.home import DEPLOY, ServiceError, instance_environment, prepare_home
from medplatform.settings import Settings

Service = Literal["code-server", "webserver", "daemon", "mlflow"]
SERVICES: tuple[Service, ...] = get_args(Service)
LOOPBACK = "127.0.0.1"
_CODE_LOCATION = "medplatform.definitions"


def service_command(
    name: Service, settings: Settings, *, host: str = LOOPBACK, port: int | None = None
) -> tuple[list[str], dict[str, str]]:
    """Command line of a service and the variables it needs beside the inherited ones.

    Parameters
    ----------
    name
        Which service.
    settings
        The installation it belongs to.
    host
        Address to listen on; every one but loopback opens the service to the network.
    port
        Port to listen on. Default: `default_port`.

    Raises
    ------
    ServiceError
        MLflow is to run on a server's address instead of a database.
    """
    listen = ["--host", host, "--port", str(port or default_port(name, settings))]
    environment = instance_environment(settings)
    if name == "mlflow":
        # A database address holds a password: environment, not command line.
        environment |= {
            "MLFLOW_BACKEND_STORE_URI": _mlflow_database(settings),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        artifacts = ["--serve-artifacts", "--artifacts-destination", str(settings.artifact_root)]
        return [_program("mlflow"), "server", "--workers", "1", *artifacts, *listen], environment
    if name == "code-server":
        location = ["--module-name", _CODE_LOCATION, "--location-name", "medplatform"]
        return [_program("dagster"), "code-server", "start", *location, *listen], environment
    code_host, code_port = settings.code_server.split(":")
    environment |= {
        "MEDPLATFORM_CODE_SERVER_HOST": code_host,
        "MEDPLATFORM_CODE_SERVER_PORT": code_port,
    }
    workspace = ["--workspace", str(DEPLOY / "workspace.yaml")]
    if name == "daemon":
        return [_program("dagster-daemon"), "run", *workspace], environment
    return [_program("dagster-webserver"), *workspace, *listen], environment


def default_port(name: Service, settings: Settings) -> int:
    """The port of a service: that of the setting for the code server, 5000 MLflow, 3000 the UI."""
    if name == "code-server":
        return int(settings.code_server.split(":")[1])
    return 5000 if name == "mlflow" else 3000


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _mlflow_database(settings: Settings) -> str:
    if settings.tracking_uri.startswith(("http://", "https://")):
        raise ServiceError(
            "MEDPLATFORM_MLFLOW_TRACKING_URI names a server, and MLflow itself needs a database. "
            "Set it to postgresql+psycopg2://… for the service mlflow, or unset it for SQLite."
        )
    return settings.tracking_uri


def exec_service(
    name: Service, settings: Settings, *, host: str = LOOPBACK, port: int | None = None
) -> NoReturn:
    """Replace this process by a service, so that signals reach it directly."""
    argv, environment = service_command(name, settings, host=host, port=port)
    prepare_home(settings)
    os.execve(argv[0], argv, {**os.environ, **environment})
