"""Two states of a registry are built once; each test works on a copy of one."""

import warnings
from pathlib import Path

import pytest

from medplatform.cli import models
from medplatform.installation import Installation
from medplatform.registry import promote
from medplatform.settings import Settings
from medplatform.training.recipes import RECIPES
from medplatform_tests.registry.bench import Bench, copy_bench, make_bench, save_models

GOOD, BETTER, BLIND, UNJUDGED = 1, 2, 3, 4
"""Versions of the bench: two approved, one that failed, one that nobody looked at."""


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database whose tables exist; making them takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}", f"sqlite:///{path}").search_registered_models()
    return path


@pytest.fixture(scope="session")
def judged_state(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own type hints when it is imported
        saved = save_models(tmp_path_factory.mktemp("saved"))
    bench = make_bench(tmp_path_factory.mktemp("judged"), empty_store, saved)
    assert bench.ready("good") == GOOD
    assert bench.ready("better") == BETTER
    assert bench.register("blind") == BLIND
    bench.judge(BLIND)
    assert bench.register("good") == UNJUDGED
    return bench


@pytest.fixture(scope="session")
def reigning_state(judged_state: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bench = copy_bench(judged_state, tmp_path_factory.mktemp("reigning"))
    promote(bench.registry, bench.recipe, GOOD, actor="grace")
    for version in (BETTER, UNJUDGED):
        bench.judge(version)
        bench.approve(version)
    return bench


@pytest.fixture
def bench(judged_state: Bench, tmp_path: Path) -> Bench:
    """No champion; GOOD and BETTER are approved, BLIND failed, UNJUDGED is registered."""
    return copy_bench(judged_state, tmp_path)


@pytest.fixture
def reign(reigning_state: Bench, tmp_path: Path) -> Bench:
    """GOOD is champion; BETTER and UNJUDGED were judged against it and approved."""
    return copy_bench(reigning_state, tmp_path)


def act_on(bench: Bench, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Let the command line work on a bench, and on its recipe alone."""
    values = {"mlflow_tracking_uri": bench.registry.tracking_uri, **settings}
    installation = Installation(Settings(_env_file=None, data=bench.folder, **values))  # pyright: ignore
    monkeypatch.setattr(models, "installation_of_settings", lambda: installation)
    for name in list(RECIPES):
        monkeypatch.delitem(RECIPES, name)
    monkeypatch.setitem(RECIPES, bench.recipe.name, bench.recipe)


@pytest.fixture
def commands(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line works on the bench."""
    act_on(bench, monkeypatch)


@pytest.fixture
def commands_of_reign(reign: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line works on the bench with a champion."""
    act_on(reign, monkeypatch)
