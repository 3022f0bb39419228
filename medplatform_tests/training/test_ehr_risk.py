"""The risk model comes close to the best possible, is calibrated and copes with what is missing."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import roc_auc_score

from medplatform.clinical.predictions import Predictions
from medplatform.training.loop import train
from medplatform.training.recipes import EHR_RISK
from medplatform.training.recipes.ehr_risk import EhrRiskConfig
from medplatform.training.recipes.ehr_risk_model import EhrRiskLearner, RiskModel
from medplatform_tests.training.cohort import patient_features, rows_of


def fit(train_rows: pl.DataFrame, validation: pl.DataFrame, folder: Path, config: EhrRiskConfig):
    torch.set_num_threads(1)
    learner = EhrRiskLearner(config)
    tensors = learner.tensors(validation)
    trained = train(
        learner,
        config,
        learner.tensors(train_rows),
        tensors,
        device=torch.device("cpu"),
        checkpoint=folder / "checkpoint.pt",
        key="key",
        report=lambda epoch, metrics: None,
    )
    learner.calibrate(trained.model, *tensors)
    return learner, trained.model


def auroc(predictions: Predictions) -> float:
    return float(roc_auc_score(*predictions.binary()))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("cohort")
    mart = patient_features(9000, seed=3)
    rows = rows_of(mart, folder)
    learner, model = fit(rows[:1200], rows[1200:1600], folder, EhrRiskConfig())
    return {
        "learner": learner,
        "model": model,
        "train": rows[:1200],
        "test": rows[1600:],
        "risk": mart["risk"].to_numpy()[1600:],
    }


def test_it_comes_close_to_the_best_possible(cohort: dict) -> None:
    reached = auroc(cohort["learner"].predict(cohort["model"], cohort["test"]))
    best = roc_auc_score(cohort["test"]["outcome"].to_numpy(), cohort["risk"])
    assert best - 0.015 < reached <= best + 0.002


def test_it_beats_age_and_sex(cohort: dict) -> None:
    learner = cohort["learner"]
    baseline = auroc(learner.baseline(cohort["train"], cohort["test"]))
    assert 0.6 < baseline < auroc(learner.predict(cohort["model"], cohort["test"])) - 0.05


def test_risks_are_calibrated(cohort: dict) -> None:
    outcome, score = cohort["learner"].predict(cohort["model"], cohort["test"]).binary()
    assert outcome.mean() / score.mean() == pytest.approx(1, abs=0.12)
    for group in np.array_split(np.argsort(score), 5):
        assert outcome[group].mean() == pytest.approx(score[group].mean(), abs=0.07)


def test_a_hidden_layer_is_no_worse(cohort: dict, tmp_path: Path) -> None:
    rows = cohort["train"]
    config = EhrRiskConfig(hidden_sizes=(16,))
    learner, model = fit(rows[:1000], rows[1000:], tmp_path, config)
    linear = auroc(cohort["learner"].predict(cohort["model"], cohort["test"]))
    assert auroc(learner.predict(model, cohort["test"])) > linear - 0.03


def test_missing_values_stand_at_the_mean() -> None:
    x = torch.tensor([[1.0, float("nan")], [3.0, float("nan")]])
    model = EhrRiskLearner(EhrRiskConfig()).build_model(x, torch.tensor([0.0, 1.0])).eval()
    assert model.mean.tolist() == [2.0, 0.0]
    assert model.scale.tolist() == [1.0, 1.0]
    torch.nn.init.ones_(model.linear.weight)
    with torch.no_grad():
        missing = model.logits(torch.tensor([[2.0, float("nan")]]))
        assert missing.item() == pytest.approx(model.linear.bias.item() + 1)


def test_training_starts_at_the_event_rate() -> None:
    x, y = torch.randn(99, 3), torch.zeros(99)
    y[:20] = 1
    model = EhrRiskLearner(EhrRiskConfig()).build_model(x, y)
    with torch.no_grad():
        assert model(x).mean().item() == pytest.approx(20.5 / 100)


def test_an_overconfident_model_is_tempered() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 1, generator=generator)
    y = (torch.rand(4000, generator=generator) < torch.sigmoid(x[:, 0])).float()
    model = RiskModel(torch.zeros(1), torch.ones(1), 0.0, EhrRiskConfig())
    torch.nn.init.constant_(model.linear.weight, 3.0)
    found = EhrRiskLearner(EhrRiskConfig()).calibrate(model, x, y)
    assert found["temperature"] == pytest.approx(3, abs=0.4)
    assert float(model.temperature) == pytest.approx(found["temperature"])


@pytest.mark.parametrize("events", [0, 1, 60])
def test_a_cohort_too_small_to_judge_is_still_trained_on(tmp_path: Path, events: int) -> None:
    outcome = [True] * events + [False] * (60 - events)
    mart = patient_features(60).with_columns(
        outcome=pl.Series(outcome),
        polygenic_score=pl.lit(None, pl.Float64),
        sex=pl.lit("unknown"),
    )
    rows = rows_of(mart, tmp_path / "marts")
    learner, model = fit(rows[:40], rows[40:50], tmp_path, EHR_RISK.debug)  # pyright: ignore[reportArgumentType]
    for predictions in (learner.predict(model, rows), learner.baseline(rows[:40], rows)):
        outcome, score = predictions.binary()
        assert len(score) == 60 and np.isfinite(score).all()
    assert learner.figures(model, rows[50:]) == {}


def test_predictions_carry_the_declared_groups(tmp_path: Path) -> None:
    rows = rows_of(patient_features(30), tmp_path)
    learner = EhrRiskLearner(EhrRiskConfig())
    predictions = learner.predict(learner.build_model(*learner.tensors(rows)).eval(), rows)
    assert set(predictions.groups) == {"sex", "age_band"}
    assert list(predictions.ids) == rows["patient_id"].to_list()
