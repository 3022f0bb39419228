"""The figures of a model on a cohort, each with its interval, and the headline of each task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from medplatform.clinical.calibration import (
    brier,
    calibration_in_the_large,
    calibration_slope,
    observed_to_expected,
)
from medplatform.clinical.discrimination import auroc_difference, auroc_interval
from medplatform.clinical.estimate import Estimate, TooFew
from medplatform.clinical.overlap import dice_difference, mean_dice
from medplatform.clinical.predictions import Predictions


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """All that the gates may look at when they judge one model on the locked test cohort.

    Parameters
    ----------
    candidate
        Predictions of the model under judgement, one per row of the cohort.
    baseline
        Predictions of the always-on baseline for the same rows.
    champion
        Predictions of the present champion for the same rows; None while there is none.
    training_patient_ids
        Every patient the model has seen, in training or validation.
    features
        Feature -> (N,) float64 in the row order of the candidate; NaN where it is missing.
    feature_at, prediction_at
        (N,) datetime64: the latest moment a feature was recorded, and when the risk is stated.
    ceiling
        Best figure that any honest model can reach, where it is known (synthetic data).
    """

    candidate: Predictions
    baseline: Predictions | None = None
    champion: Predictions | None = None
    training_patient_ids: frozenset[str] | None = None
    features: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    feature_at: NDArray[np.datetime64] | None = None
    prediction_at: NDArray[np.datetime64] | None = None
    ceiling: float | None = None


FIGURES: Mapping[str, Callable[[Predictions], Estimate]] = {
    "auroc": auroc_interval,
    "calibration_slope": calibration_slope,
    "calibration_in_the_large": calibration_in_the_large,
    "observed_to_expected": observed_to_expected,
    "brier": brier,
}
"""Figures of a binary task, by the name under which they are logged."""


def headline_name(predictions: Predictions) -> str:
    """`auroc` or `dice`."""
    return "auroc" if predictions.dice is None else "dice"


def headline(predictions: Predictions) -> Estimate:
    """AUROC of a binary task, mean Dice of a segmentation task.

    Raises
    ------
    TooFew
        The figure does not exist for so few rows.
    """
    return auroc_interval(predictions) if predictions.dice is None else mean_dice(predictions)


def headline_difference(candidate: Predictions, other: Predictions) -> Estimate:
    """Paired difference of the headline figure on the same rows, candidate minus other.

    Raises
    ------
    MismatchedRows
        The models were evaluated on different rows or outcomes.
    TooFew
        The figure does not exist for so few rows.
    """
    if candidate.dice is None:
        return auroc_difference(candidate, other)
    return dice_difference(candidate, other)


def evaluate(predictions: Predictions) -> dict[str, Estimate]:
    """Every figure of the task that can be computed from so many rows."""
    figures = FIGURES if predictions.dice is None else {"dice": mean_dice}
    found: dict[str, Estimate] = {}
    for name, figure in figures.items():
        try:
            found[name] = figure(predictions)
        except TooFew:
            continue
    return found
