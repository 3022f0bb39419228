"""A run becomes a version that names all it came from; changed files are refused."""

import pytest

from medplatform.registry import (
    ModelMismatch,
    RegistryError,
    VersionMissing,
    find_version,
    register,
    status,
)
from medplatform_tests.registry.bench import TRAINER, Bench
from medplatform_tests.registry.conftest import BETTER, BLIND, GOOD, UNJUDGED


def test_registered_version_is_candidate_and_names_its_origin(bench: Bench) -> None:
    result = bench.train("better")
    subject = register(bench.registry, bench.recipe, result, dagster_run_id="run-7")
    shown = bench.registry.version("line", subject.version)
    assert bench.aliases()["candidate"] == subject.version
    assert shown.run_id == result.run_id
    assert "Not judged yet" in (shown.description or "")
    assert shown.tags == {
        "medplatform.model_digest": result.model_digest,
        "medplatform.dataset_digest": bench.snapshot.digest,
        "medplatform.config_digest": "0" * 64,
        "medplatform.trainer": TRAINER,
        "medplatform.dagster_run_id": "run-7",
    }


def test_registering_the_same_model_again_changes_nothing(bench: Bench) -> None:
    result = bench.train()
    first = register(bench.registry, bench.recipe, result)
    log = bench.registry.log.verify()
    assert register(bench.registry, bench.recipe, result) == first
    assert bench.registry.log.verify() == log


def test_run_that_is_not_in_mlflow_yet_is_refused(bench: Bench) -> None:
    pending = bench.train().model_copy(update={"is_pending": True})
    with pytest.raises(RegistryError, match=r"not wholly in MLflow yet.*medplatform replay"):
        register(bench.registry, bench.recipe, pending)


def test_files_that_were_not_trained_are_refused(bench: Bench) -> None:
    result = bench.train().model_copy(update={"model_digest": "f" * 64})
    with pytest.raises(ModelMismatch, match="Train the model again"):
        register(bench.registry, bench.recipe, result)


@pytest.mark.parametrize(
    ("name", "version"),
    [("candidate", UNJUDGED), ("challenger", BETTER), ("1", GOOD), (3, BLIND)],
)
def test_version_is_found_by_number_and_alias(bench: Bench, name: str | int, version: int) -> None:
    assert find_version(bench.registry, "line", name) == version


@pytest.mark.parametrize("name", ["champion", "99", "newest"])
def test_unknown_version_is_missing(bench: Bench, name: str) -> None:
    with pytest.raises(VersionMissing, match="medplatform status"):
        find_version(bench.registry, "line", name)


def test_status_tells_what_stands_where(reign: Bench) -> None:
    rows = {row.version: row for row in status(reign.registry, ["line", "never trained"])}
    assert list(rows) == [UNJUDGED, BLIND, BETTER, GOOD]
    assert rows[GOOD].aliases == ("champion",)
    assert rows[GOOD].approver == "grace"
    assert rows[GOOD].metrics["auroc"].low > 0.7
    assert rows[BLIND].state == "FAIL" and rows[BLIND].reasons
    assert rows[BLIND].approver is None
    assert rows[UNJUDGED].aliases == ("candidate", "challenger")
    assert rows[GOOD].test_set_reads == 5


def test_status_of_an_unjudged_version_has_no_state(bench: Bench) -> None:
    row = status(bench.registry, ["line"])[0]
    assert (row.version, row.state, row.metrics) == (UNJUDGED, None, {})
