"""Simulated cohorts with a known truth, and the golden values of other statistics packages."""

import csv
import json
from typing import Any

import numpy as np
import pytest

from medplatform.clinical import Evidence, Predictions
from medplatform_tests.public_data import PUBLIC_DATA

GOLDEN = PUBLIC_DATA / "validation-golden"


def golden(name: str) -> Any:
    """One expected value, computed with R (pROC, rms, epiR), statsmodels or dcurves."""
    if not GOLDEN.exists():
        pytest.skip(f"The golden values are not at {GOLDEN}; set MEDPLATFORM_TEST_DATA.")
    items = json.loads((GOLDEN / "GOLDEN.json").read_text())["items"]
    return next(item["expected"] for item in items if item["id"] == name)


def golden_python(name: str) -> Any:
    """One raw value of the Python packages."""
    golden("auc_candidate")
    return json.loads((GOLDEN / "expected_python.json").read_text())[name]


def golden_predictions(model: str) -> Predictions:
    """`champion` or `candidate` on 617 encounters of 400 patients."""
    golden("auc_candidate")
    with (GOLDEN / "paired_binary.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return Predictions(
        ids=np.array([row["encounter_id"] for row in rows]),
        patient_ids=np.array([row["patient_id"] for row in rows]),
        y=np.array([row["y"] == "1" for row in rows]),
        score=np.array([float(row[f"p_{model}"]) for row in rows]),
        groups={
            name: np.array([row[name] for row in rows]) for name in ("sex", "site", "age_band")
        },
    )


def risks(
    patients: int = 500,
    *,
    seed: int = 0,
    rows_per_patient: int = 1,
    signal: float = 1.8,
    prevalence_logit: float = -0.8,
) -> Predictions:
    """Calibrated risks of a model that knows the truth; rows of a patient share risk and luck."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), rows_per_patient)
    shared = rng.normal(size=patients)[patient]
    logit = prevalence_logit + signal * (0.9 * shared + 0.43 * rng.normal(size=patient.size))
    score = 1 / (1 + np.exp(-logit))
    names = np.char.add("p", patient.astype(str))
    return Predictions(
        ids=np.arange(patient.size).astype(str),
        patient_ids=names,
        y=rng.random(patients)[patient] < score,
        score=score,
        groups={"sex": np.where(rng.random(patients) < 0.5, "female", "male")[patient]},
    )


def overlaps(patients: int = 60, *, seed: int = 0, mean: float = 0.85) -> Predictions:
    """Dice of one image per patient."""
    rng = np.random.default_rng(seed)
    ids = np.char.add("p", np.arange(patients).astype(str))
    return Predictions(
        ids=ids,
        patient_ids=ids,
        dice=rng.beta(20 * mean, 20 * (1 - mean), patients),
        groups={"patient_sex": np.where(np.arange(patients) % 2 == 0, "female", "male")},
    )


def rescored(predictions: Predictions, score: np.ndarray) -> Predictions:
    """The same rows with other risks."""
    return Predictions(
        ids=predictions.ids,
        patient_ids=predictions.patient_ids,
        y=predictions.y,
        score=np.clip(score, 0, 1),
        groups=predictions.groups,
    )


def constant(predictions: Predictions) -> Predictions:
    """The same risk for everybody."""
    y, score = predictions.binary()
    return rescored(predictions, np.full_like(score, y.mean() if y.size else 0.5))


def risk_evidence(candidate: Predictions, **fields: Any) -> Evidence:
    """Evidence that passes every gate where the candidate is good."""
    _, score = candidate.binary()
    noise = np.random.default_rng(1).normal(size=score.size)
    prediction_at = np.full(score.size, np.datetime64("2024-01-02"))
    return Evidence(
        candidate=candidate,
        **{
            "baseline": constant(candidate),
            "training_patient_ids": frozenset({"somebody else"}),
            "features": {"noise": noise},
            "feature_at": prediction_at - np.timedelta64(1, "D"),
            "prediction_at": prediction_at,
            **fields,
        },
    )


def overlap_evidence(candidate: Predictions, **fields: Any) -> Evidence:
    """Evidence that passes every gate where the candidate is good."""
    baseline = Predictions(
        ids=candidate.ids, patient_ids=candidate.patient_ids, dice=candidate.overlap() * 0.5
    )
    return Evidence(
        candidate=candidate,
        **{"baseline": baseline, "training_patient_ids": frozenset({"nobody"}), **fields},
    )
