"""What a service finds before it starts: folders, Dagster's instance file, its environment."""

import json
import os
from importlib.resources import files
from pathlib import Path

from pydantic import SecretStr

from medplatform.settings import Settings

DEPLOY = files("medplatform") / "deploy"
_POSTGRES_STORAGE = """
storage:
  postgres:
    postgres_url: { env: MEDPLATFORM_DATABASE_URL }
"""


class ServiceError(RuntimeError):
    """A service cannot start or has stopped by itself; the message names cause and remedy."""


def prepare_home(settings: Settings) -> Path:
    """Create the data folders and Dagster's instance folder with its `dagster.yaml`.

    Idempotent, and safe when several services start at once.

    Returns
    -------
    Path
        `DAGSTER_HOME`, absolute, as Dagster demands it.
    """
    home = settings.dagster_home
    for folder in (settings.landing, settings.lake, settings.artifact_root, home):
        folder.mkdir(parents=True, exist_ok=True)
    text = (DEPLOY / "dagster.yaml").read_text("utf-8")
    if settings.database_url is not None:
        text += _POSTGRES_STORAGE
    _replace(home / "dagster.yaml", text)
    return home


def _replace(path: Path, text: str) -> None:
    if path.exists() and path.read_text("utf-8") == text:
        return
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(text, "utf-8")
    draft.replace(path)


def instance_environment(settings: Settings) -> dict[str, str]:
    """Variables that make any process use this installation: its settings and `DAGSTER_HOME`.

    They hold secrets and belong into the environment of a process only, never on its command
    line, where every user of the machine can read them.
    """
    environment = {
        f"MEDPLATFORM_{name.upper()}": _as_variable(getattr(settings, name))
        for name in sorted(settings.model_fields_set)
        if getattr(settings, name) is not None
    }
    return {
        **environment,
        "MEDPLATFORM_DATA": str(settings.data),
        "DAGSTER_HOME": str(settings.dagster_home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def _as_variable(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool | dict | tuple):
        return json.dumps(value)
    return str(value)
