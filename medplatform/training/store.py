"""The MLflow store: how it is opened, named without its password, and known to be failing.

Opening it bounds every wait: MLflow's defaults hold a caller up for minutes.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
# User and password end as in SQLAlchemy at the next @, whatever stands before it.
_ADDRESS = re.compile(r"(\w[\w+.-]*://)?(?:[^:/@]*(?::[^@]*)?@)*([^?#]*)")


def open_client(tracking_uri: str) -> "MlflowClient":
    """The client of a tracking and registry store; the first one of an SQLite store takes seconds.

    An HTTP request is given 10 s and is tried twice.
    """
    # MLflow reads its limits from the environment alone.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
    from mlflow import MlflowClient

    if tracking_uri.startswith(SQLITE):
        Path(tracking_uri.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def is_server(tracking_uri: str) -> bool:
    """Whether an MLflow server answers there, which keeps the artifacts itself."""
    return tracking_uri.startswith(("http://", "https://"))


def store_address(tracking_uri: str) -> str:
    """The address without user, password and query: fit for files, messages and comparison."""
    found = _ADDRESS.match(tracking_uri)
    return "".join(part or "" for part in found.groups()) if found else ""


def store_errors() -> tuple[type[Exception], ...]:
    """What MLflow raises when its server, database or artifact proxy fails or refuses."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, RequestException
