"""Resampling of patients, never of rows: the rows of one patient go together."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from medplatform.clinical.estimate import Estimate, TooFew, cluster_codes

REPLICATES = 2000
"""Replicates of an interval: the Monte Carlo error of an AUROC limit is about 0.002."""

CELLS = 4_000_000
"""Weights held at once (32 MB), so that memory does not grow with the cohort."""

LOST = 0.01
"""Share of replicates that may be undefined, e.g. for want of an event."""


def resampled_patients(
    clusters: int, replicates: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """How often each cluster is drawn in each replicate -> (replicates, clusters)."""
    drawn = rng.integers(0, clusters, (replicates, clusters))
    drawn += clusters * np.arange(replicates)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=replicates * clusters)
    return counts.reshape(replicates, clusters).astype(np.float64)


def resampled_rows(
    patient_ids: NDArray[np.str_], replicates: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Row weights of bootstrap replicates, in blocks of (B, N) that fit in memory."""
    codes, count = cluster_codes(patient_ids)
    rng = np.random.default_rng(seed)
    block = max(1, CELLS // codes.size)
    for start in range(0, replicates, block):
        weights = resampled_patients(count, min(block, replicates - start), rng)
        yield weights[:, codes]


def percentile_interval(value: float, replicates: NDArray[np.float64]) -> Estimate:
    """95 % percentile interval of bootstrap replicates (B,).

    Raises
    ------
    TooFew
        More than one replicate in a hundred is undefined.
    """
    defined = replicates[np.isfinite(replicates)]
    if defined.size < (1 - LOST) * replicates.size:
        raise TooFew("the bootstrap lacks events in too many replicates")
    low, high = np.percentile(defined, [2.5, 97.5])
    return Estimate(value, float(low), float(high))
