"""How well a risk score ranks patients with the outcome above those without: AUROC.

The variance is Obuchowski's for clustered data (Biometrics 1997;53:567-578), which sums the
placement values of one patient before squaring them. With one row per patient it equals DeLong's
(Biometrics 1988;44:837-845).
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from medplatform.clinical.bootstrap import REPLICATES, percentile_interval, resampled_rows
from medplatform.clinical.estimate import (
    Estimate,
    TooFew,
    cluster_codes,
    cluster_totals,
    exact_proportion,
    logit_interval,
    normal_interval,
)
from medplatform.clinical.predictions import Predictions


def auroc(y: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Probability that a random event is ranked above a random non-event; ties count half.

    Raises
    ------
    TooFew
        There is no event, or no non-event.
    """
    return float(_placements(y, score)[0].mean())


def auroc_interval(predictions: Predictions) -> Estimate:
    """AUROC with a patient-clustered interval on the logit scale.

    Where the scores separate the outcomes perfectly no variance can be estimated; the limit then
    is Clopper-Pearson's for as many patients as the rarer outcome has.

    Raises
    ------
    TooFew
        An outcome is missing or too rare for a variance.
    """
    y, score = predictions.binary()
    areas, covariance = clustered_covariance(y, predictions.patient_ids, score)
    area = float(areas[0])
    if area in (0.0, 1.0):
        rarer = min(np.unique(predictions.patient_ids[rows]).size for rows in (y, ~y))
        return exact_proportion(round(area * rarer), rarer)
    return logit_interval(area, sqrt(float(covariance[0, 0])))


def auroc_difference(candidate: Predictions, other: Predictions) -> Estimate:
    """AUROC of the candidate minus that of another model on the same rows, paired and clustered.

    Raises
    ------
    MismatchedRows
        The models were evaluated on different rows or outcomes.
    TooFew
        An outcome is missing or too rare for a variance.
    """
    y, score = candidate.binary()
    _, other_score = other.aligned_to(candidate).binary()
    areas, covariance = clustered_covariance(y, candidate.patient_ids, score, other_score)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return normal_interval(float(areas[0] - areas[1]), sqrt(max(float(variance), 0.0)))


def clustered_covariance(
    y: NDArray[np.bool_], clusters: NDArray[np.str_], *scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUROC of K scores on the same N rows and their covariance -> ((K,), (K, K)).

    Raises
    ------
    TooFew
        Fewer than two patients have an event, or fewer than two have a non-event.
    """
    codes, count = cluster_codes(clusters)
    placed = [_placements(y, score) for score in scores]
    areas = np.array([events.mean() for events, _ in placed])
    events, non_events = int(y.sum()), int((~y).sum())
    of_events, of_non_events = (
        np.bincount(codes[y], None, count),
        np.bincount(codes[~y], None, count),
    )
    with_event, with_non_event = int((of_events > 0).sum()), int((of_non_events > 0).sum())
    if min(with_event, with_non_event) < 2:
        raise TooFew("fewer than two patients with, or without, the outcome")
    s10 = cluster_totals(codes[y], np.array([v for v, _ in placed]), count)
    s10 -= areas[:, None] * of_events
    s01 = cluster_totals(codes[~y], np.array([v for _, v in placed]), count)
    s01 -= areas[:, None] * of_non_events
    cross = count / (count - 1) * (s10 @ s01.T)
    covariance = (
        with_event / ((with_event - 1) * events**2) * (s10 @ s10.T)
        + with_non_event / ((with_non_event - 1) * non_events**2) * (s01 @ s01.T)
        + (cross + cross.T) / (events * non_events)
    )
    return areas, covariance


def auroc_bootstrap(
    predictions: Predictions,
    other: Predictions | None = None,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Estimate:
    """AUROC, or the paired difference to another model, with a patient-bootstrap interval.

    Raises
    ------
    MismatchedRows
        The models were evaluated on different rows or outcomes.
    TooFew
        An outcome is missing, or so rare that many replicates have none of it.
    """
    y, score = predictions.binary()
    other_score = None if other is None else other.aligned_to(predictions).binary()[1]
    value = auroc(y, score) - (0.0 if other_score is None else auroc(y, other_score))
    drawn = []
    for weights in resampled_rows(predictions.patient_ids, replicates, seed):
        areas = _weighted_auroc(y, score, weights)
        drawn.append(
            areas if other_score is None else areas - _weighted_auroc(y, other_score, weights)
        )
    return percentile_interval(value, np.concatenate(drawn))


def _placements(
    y: NDArray[np.bool_], score: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of non-events below each event, and of events above each non-event."""
    events, non_events = score[y], score[~y]
    if not events.size or not non_events.size:
        raise TooFew("no event" if not events.size else "no row without the outcome")
    return _share_below(events, non_events), 1 - _share_below(non_events, events)


def _share_below(
    values: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return below / (2 * ordered.size)


def _weighted_auroc(
    y: NDArray[np.bool_], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """AUROC of each row of weights (B, N) -> (B,); NaN where an outcome got no weight."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) > 0])
    events = np.add.reduceat(weights[:, order] * y[order], starts, axis=1)
    non_events = np.add.reduceat(weights[:, order] * ~y[order], starts, axis=1)
    below = np.cumsum(non_events, axis=1) - non_events / 2
    pairs = events.sum(axis=1) * non_events.sum(axis=1)
    return np.divide(
        (events * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0
    )
