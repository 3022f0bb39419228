"""The address of the MLflow store is told without its password."""

import pytest

from medplatform.settings import Settings
from medplatform.training.store import is_server, store_address


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sqlite:////data/mlflow/mlflow.db", "sqlite:////data/mlflow/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://me:secret@mlflow.example/a", "https://mlflow.example/a"),
        ("postgresql+psycopg2://me:secret@db:5432/mlflow", "postgresql+psycopg2://db:5432/mlflow"),
        ("postgresql+psycopg2://me:se?cr/et@db/mlflow", "postgresql+psycopg2://db/mlflow"),
        ("postgresql+psycopg2://me:sec@ret@db/mlflow", "postgresql+psycopg2://db/mlflow"),
        ("postgresql+psycopg2://db/mlflow?password=secret", "postgresql+psycopg2://db/mlflow"),
    ],
)
def test_the_address_of_a_store_holds_no_secret(uri: str, address: str) -> None:
    assert store_address(uri) == address


def test_only_a_server_keeps_artifacts_itself() -> None:
    assert is_server("http://mlflow:5000") and is_server("https://mlflow.example")
    assert not is_server("sqlite:////data/mlflow.db")
    assert not is_server("postgresql+psycopg2://db/mlflow")


def test_settings_do_not_print_the_password_of_the_store() -> None:
    uri = "postgresql+psycopg2://me:secret-word@db/mlflow"
    settings = Settings(_env_file=None, mlflow_tracking_uri=uri)  # pyright: ignore
    assert settings.tracking_uri == uri
    assert "secret-word" not in repr(settings) + settings.model_dump_json()
