"""One empty MLflow store for all tests of this folder: making one takes seconds."""

from pathlib import Path

import pytest

from medplatform.training.upload import Mirror


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of an SQLite store with its tables made."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'store' / 'mlflow.db'}"
    Mirror(folder, uri, None).client.search_experiments()
    return uri


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that store keeps artifacts: fixed when an experiment is made, so shared as well."""
    return tmp_path_factory.mktemp("artifacts")
