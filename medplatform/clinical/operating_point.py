"""What happens when clinicians act at a threshold: sensitivity, specificity, net benefit.

Net benefit is that of Vickers and Elkin (Med Decis Making 2006;26:565-574). It is reported, not
gated: a gate would need a threshold that the clinic has fixed beforehand.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medplatform.clinical.bootstrap import REPLICATES, percentile_interval, resampled_rows
from medplatform.clinical.estimate import Estimate, TooFew, exact_proportion
from medplatform.clinical.predictions import Predictions


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a rule "act at this risk or above" does."""

    threshold: float
    sensitivity: Estimate
    specificity: Estimate
    positive_predictive_value: Estimate
    flagged: float
    net_benefit: float
    net_benefit_of_treating_all: float


def operating_point(predictions: Predictions, threshold: float) -> OperatingPoint:
    """Sensitivity, specificity, predictive value and net benefit at one threshold.

    Raises
    ------
    TooFew
        An outcome is missing, or no row reaches the threshold.
    """
    y, score = predictions.binary()
    flagged = score >= threshold
    return OperatingPoint(
        threshold=threshold,
        sensitivity=_share(predictions, flagged, of=y),
        specificity=_share(predictions, ~flagged, of=~y),
        positive_predictive_value=_share(predictions, y, of=flagged),
        flagged=float(flagged.mean()),
        net_benefit=net_benefit(y, score, threshold),
        net_benefit_of_treating_all=net_benefit(y, np.ones_like(score), threshold),
    )


def net_benefit(y: NDArray[np.bool_], score: NDArray[np.float64], threshold: float) -> float:
    """True positives minus false positives weighted by the odds of the threshold, per row."""
    flagged = score >= threshold
    odds = threshold / (1 - threshold)
    return float((flagged & y).mean() - odds * (flagged & ~y).mean())


def _share(predictions: Predictions, hit: NDArray[np.bool_], *, of: NDArray[np.bool_]) -> Estimate:
    """Share of the rows `of` that are `hit`: exact for one row per patient, else bootstrapped."""
    hits, total = int((hit & of).sum()), int(of.sum())
    if predictions.patients == len(predictions):
        return exact_proportion(hits, total)
    if total == 0:
        raise TooFew("no rows")
    drawn = []
    for weights in resampled_rows(predictions.patient_ids, REPLICATES, 0):
        rows = weights @ of.astype(np.float64)
        drawn.append(
            np.divide(
                weights @ (hit & of).astype(np.float64),
                rows,
                out=np.full(len(rows), np.nan),
                where=rows > 0,
            )
        )
    return percentile_interval(hits / total, np.concatenate(drawn))
