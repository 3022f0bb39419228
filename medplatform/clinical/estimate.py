"""A figure with its 95 % interval, and the little that all interval formulas share."""

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

Z95: Final = 1.959963984540054
"""Two-sided 95 % normal quantile; one side of it is the one-sided 97.5 % limit."""


class TooFew(ValueError):
    """There are too few rows, events or patients for this figure to exist."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point estimate with the limits of its two-sided 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} (95 % CI {self.low:.3f} to {self.high:.3f})"


def normal_interval(value: float, standard_error: float) -> Estimate:
    """value ± 1.96 standard errors."""
    return Estimate(value, value - Z95 * standard_error, value + Z95 * standard_error)


def standard_error_of(estimate: Estimate) -> float:
    """Standard error behind an interval made by `normal_interval`."""
    return (estimate.high - estimate.low) / (2 * Z95)


def logit_interval(value: float, standard_error: float) -> Estimate:
    """Wald interval on the logit scale, for a share strictly between 0 and 1."""
    centre = log(value / (1 - value))
    half = Z95 * standard_error / (value * (1 - value))
    return Estimate(value, 1 / (1 + exp(half - centre)), 1 / (1 + exp(-half - centre)))


def log_interval(value: float, standard_error: float) -> Estimate:
    """Wald interval on the log scale, for a ratio above 0."""
    half = Z95 * standard_error / value
    return Estimate(value, value * exp(-half), value * exp(half))


def exact_proportion(successes: int, trials: int) -> Estimate:
    """Clopper-Pearson interval of a proportion.

    Raises
    ------
    TooFew
        There were no trials.
    """
    from scipy.stats import beta

    if trials == 0:
        raise TooFew("no trials")
    misses = trials - successes
    low = float(beta.ppf(0.025, successes, misses + 1)) if successes else 0.0
    high = float(beta.ppf(0.975, successes + 1, misses)) if misses else 1.0
    return Estimate(successes / trials, low, high)


def cluster_totals(
    clusters: NDArray[np.intp], values: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Sum of `values` (..., N) within each of `count` clusters -> (..., count)."""
    rows = np.atleast_2d(values)
    totals = np.array([np.bincount(clusters, row, count) for row in rows], dtype=np.float64)
    return totals.reshape(*values.shape[:-1], count)


def clustered_standard_error(clusters: NDArray[np.str_], influence: NDArray[np.float64]) -> float:
    """Standard error of a statistic from each row's influence (N,) on it, summed by patient.

    Raises
    ------
    TooFew
        There are fewer than two patients.
    """
    codes, count = cluster_codes(clusters)
    totals = cluster_totals(codes, influence, count)
    return sqrt(count / (count - 1) * float(totals @ totals))


def cluster_codes(clusters: NDArray[np.str_]) -> tuple[NDArray[np.intp], int]:
    """Number the clusters 0…count-1 -> ((N,), count).

    Raises
    ------
    TooFew
        There are fewer than two clusters.
    """
    names, codes = np.unique(clusters, return_inverse=True)
    if names.size < 2:
        raise TooFew("fewer than two patients")
    return codes, names.size
