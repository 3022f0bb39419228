"""Whether predicted risks are the risks that were observed.

Slope and calibration in the large are those of Cox 1958 and Van Calster 2016 (J Clin Epidemiol
74:167-176): a logistic model of the outcome on the logit of the predicted risk. Intervals are
robust to several rows per patient.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from medplatform.clinical.estimate import (
    Estimate,
    TooFew,
    cluster_codes,
    cluster_totals,
    clustered_standard_error,
    log_interval,
    normal_interval,
)
from medplatform.clinical.predictions import Predictions

SMALLEST_RISK = 1e-6
"""Risks of 0 and 1 are moved here: their logit is infinite."""

STEPS = 50
"""Newton steps before a fit is given up; a fit that exists needs fewer than ten."""


def calibration_slope(predictions: Predictions) -> Estimate:
    """Slope of the outcome on the logit of the risk: 1 is right, below 1 is overconfident.

    Raises
    ------
    TooFew
        An outcome is missing, the risks are all equal or separate the outcomes perfectly.
    """
    y, score = predictions.binary()
    logit = _logit(score)
    if np.unique(logit).size < 2:
        raise TooFew("the predicted risks are all equal")
    design = np.column_stack([np.ones_like(logit), logit])
    fit, errors = _fit_logistic(y, design, np.zeros_like(logit), predictions.patient_ids)
    return normal_interval(float(fit[1]), errors[1])


def calibration_in_the_large(predictions: Predictions) -> Estimate:
    """Mean miscalibration on the logit scale: 0 is right, above 0 means risks are too low.

    Raises
    ------
    TooFew
        An outcome is missing.
    """
    y, score = predictions.binary()
    logit = _logit(score)
    design = np.ones((logit.size, 1))
    fit, errors = _fit_logistic(y, design, logit, predictions.patient_ids)
    return normal_interval(float(fit[0]), errors[0])


def observed_to_expected(predictions: Predictions) -> Estimate:
    """Observed events over the sum of predicted risks: 1 is right.

    Raises
    ------
    TooFew
        There is no event, or all risks are 0.
    """
    y, score = predictions.binary()
    if not y.any() or not score.any():
        raise TooFew("no event observed or expected")
    ratio = float(y.sum() / score.sum())
    influence = (y - ratio * score) / score.sum()
    return log_interval(ratio, clustered_standard_error(predictions.patient_ids, influence))


def brier(predictions: Predictions) -> Estimate:
    """Mean squared error of the risks.

    Raises
    ------
    TooFew
        There are fewer than two patients.
    """
    y, score = predictions.binary()
    return _mean(predictions.patient_ids, (score - y) ** 2)


def _mean(patient_ids: NDArray[np.str_], values: NDArray[np.float64]) -> Estimate:
    mean = float(values.mean()) if values.size else 0.0
    influence = (values - mean) / max(values.size, 1)
    return normal_interval(mean, clustered_standard_error(patient_ids, influence))


def _logit(score: NDArray[np.float64]) -> NDArray[np.float64]:
    risk = np.clip(score, SMALLEST_RISK, 1 - SMALLEST_RISK)
    return np.log(risk / (1 - risk))


def _fit_logistic(
    y: NDArray[np.bool_],
    design: NDArray[np.float64],
    offset: NDArray[np.float64],
    clusters: NDArray[np.str_],
) -> tuple[NDArray[np.float64], list[float]]:
    """Maximum likelihood of a logistic model by Newton's method -> coefficients, robust errors."""
    if y.all() or not y.any():
        raise TooFew("no event" if not y.any() else "no row without the outcome")
    fit = np.zeros(design.shape[1])
    for _ in range(STEPS):
        risk = 1 / (1 + np.exp(-np.clip(design @ fit + offset, -500, 500)))
        information = design.T @ (design * (risk * (1 - risk))[:, None])
        if np.linalg.cond(information) > 1e12:
            raise TooFew("the risks separate the outcomes, so that no calibration fit exists")
        step = np.linalg.solve(information, design.T @ (y - risk))
        fit = fit + step
        if np.abs(step).max() < 1e-10:
            return fit, _robust_errors(y - risk, design, information, clusters)
    raise TooFew("the calibration fit does not converge")


def _robust_errors(
    residuals: NDArray[np.float64],
    design: NDArray[np.float64],
    information: NDArray[np.float64],
    clusters: NDArray[np.str_],
) -> list[float]:
    """Cluster-robust standard errors with the small-sample factor of Liang and Zeger."""
    codes, count = cluster_codes(clusters)
    scores = cluster_totals(codes, (design * residuals[:, None]).T, count)
    rows, width = design.shape
    factor = count / (count - 1) * (rows - 1) / (rows - width)
    bread = np.linalg.inv(information)
    covariance = factor * bread @ (scores @ scores.T) @ bread
    return [sqrt(float(v)) for v in np.diag(covariance)]
