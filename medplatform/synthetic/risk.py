"""The planted signal: how likely a cardiovascular event is, given what is delivered.

A logistic model with declared coefficients. A value that was not delivered contributes nothing,
so the probability is a function of the delivered values and its AUROC is the best that any model
of them can reach.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured quantity: its code in LOINC, unit in UCUM, and physiological range."""

    loinc: str
    display: str
    unit: str
    decimals: int
    minimum: float
    maximum: float


MEASURES = {
    "body_mass_index": Measure("39156-5", "Body mass index", "kg/m2", 1, 16.0, 55.0),
    "systolic": Measure("8480-6", "Systolic blood pressure", "mm[Hg]", 0, 85.0, 220.0),
    "diastolic": Measure("8462-4", "Diastolic blood pressure", "mm[Hg]", 0, 45.0, 125.0),
    "hba1c": Measure("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 1, 4.0, 14.0),
    "ldl": Measure("18262-6", "LDL Cholesterol", "mg/dL", 0, 40.0, 260.0),
    "creatinine": Measure("2160-0", "Creatinine [Mass/volume] in Serum", "mg/dL", 2, 0.4, 2.5),
}


@dataclass(frozen=True, slots=True)
class Term:
    """`weight` times (value - mean)."""

    weight: float
    mean: float


INTERCEPT = -0.95
TERMS = {
    "age_years": Term(0.065, 58.0),
    "is_male": Term(0.5, 0.5),
    "body_mass_index": Term(0.045, 28.4),
    "systolic": Term(0.025, 130.0),
    "hba1c": Term(0.32, 5.9),
    "ldl": Term(0.012, 125.0),
    "is_smoker": Term(0.85, 0.24),
    "has_hypertension": Term(0.55, 0.36),
    "has_diabetes": Term(0.5, 0.15),
    "polygenic_z": Term(0.75, 0.0),
}


def event_probability(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Probability of an event within the horizon, shape (patients,).

    `values` holds an array for each of `TERMS`, NaN where nothing was delivered; others are
    ignored.
    """
    logit = np.full(len(values["age_years"]), INTERCEPT)
    for name, term in TERMS.items():
        logit += np.nan_to_num(term.weight * (values[name] - term.mean), nan=0.0)
    return 1.0 / (1.0 + np.exp(-logit))
