"""The real recipes go the whole way: frozen rows, training job, registry, gates, champion."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from medplatform.clinical import State
from medplatform.clinical.discrimination import auroc
from medplatform.lake import Snapshot
from medplatform.registry import NotPassed, Registry, approve, judge, promote, register, status
from medplatform.training.data import load_rows
from medplatform.training.launcher import TrainingJob
from medplatform.training.progress import LineReporter
from medplatform.training.recipe import Recipe, TrainingConfig
from medplatform.training.recipes import EHR_RISK, LESION_SEGMENTATION
from medplatform.training.run import run
from medplatform_tests.training.cohort import (
    collecting,
    freeze_ehr,
    freeze_lesions,
    lesion_rows,
    patient_features,
)


@pytest.fixture
def folder(tmp_path: Path, empty_store: Path) -> Path:
    """Data of one installation, with an empty MLflow store."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return tmp_path


def train(
    folder: Path, recipe: Recipe, snapshot: Snapshot, config: TrainingConfig
) -> tuple[Registry, int]:
    """Train in this process and register what came of it."""
    registry = Registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "models")
    job = TrainingJob(
        recipe=recipe.name,
        dataset=snapshot.folder,
        models=folder / "models",
        result=folder / "result.json",
        config=config,
        tracking_uri=registry.tracking_uri,
        artifact_root=folder / "artifacts",
        device="cpu",
        operator="ada",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export and MLflow warn of their own internals
        result = run(job, LineReporter())
    return registry, register(registry, recipe, result).version


def test_ehr_risk_becomes_champion_and_is_no_better_than_the_truth(folder: Path) -> None:
    snapshot = freeze_ehr(folder, 2000)
    registry, version = train(folder, EHR_RISK, snapshot, EHR_RISK.config())
    ids = load_rows(snapshot, "test")["patient_id"].to_list()
    mart = patient_features(2000)
    test = mart.filter(mart["patient_id"].is_in(ids))
    ceiling = auroc(test["outcome"].to_numpy(), test["risk"].to_numpy())
    verdict = judge(registry, EHR_RISK, version, snapshot, actor="nightly", ceiling=ceiling).verdict
    assert verdict.reasons == []
    assert verdict.metrics["auroc"].value <= ceiling + 0.02
    approve(registry, EHR_RISK, version, approver="grace", role="cardiologist", reason="read it")
    promote(registry, EHR_RISK, version, actor="ops")
    row = status(registry, [EHR_RISK.name])[0]
    assert (row.state, row.approver) == (State.PASS, "grace")
    assert set(row.aliases) == {"candidate", "champion"}


def test_ehr_risk_of_a_hundred_patients_is_inconclusive(folder: Path) -> None:
    snapshot = freeze_ehr(folder, 100)
    registry, version = train(folder, EHR_RISK, snapshot, EHR_RISK.debug)
    verdict = judge(registry, EHR_RISK, version, snapshot, actor="nightly").verdict
    assert verdict.state is State.INCONCLUSIVE
    with pytest.raises(NotPassed, match="INCONCLUSIVE"):
        approve(registry, EHR_RISK, version, approver="grace", role="physician", reason="hope")


def test_untrained_segmentation_fails(folder: Path) -> None:
    snapshot = freeze_lesions(folder, 200)
    config = LESION_SEGMENTATION.debug.model_copy(update={"epochs": 1})
    registry, version = train(folder, LESION_SEGMENTATION, snapshot, config)
    recipe = collecting(LESION_SEGMENTATION, lambda: lesion_rows(200))
    judgement = judge(registry, recipe, version, snapshot, actor="nightly")
    assert judgement.verdict.state is State.FAIL
    assert judgement.verdict.cohort.patients >= 30
    groups = {(row["attribute"], row["group"]) for row in judgement.subgroups}
    assert ("patient_sex", "unknown") in groups
    assert np.isfinite(judgement.verdict.metrics["dice"].value)
