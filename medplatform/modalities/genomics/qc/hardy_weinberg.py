"""Exact test of Hardy-Weinberg equilibrium, over many variants at once.

Wigginton, Cutler and Abecasis, A note on exact tests of Hardy-Weinberg equilibrium, AJHG 76 (2005):
given the copies of the rarer allele, the probability of all numbers of heterozygotes that are not
more probable than the observed one. The mid-p value counts those that are exactly as probable as
the observed one by half (Graffelman and Moreno, The mid p-value in exact tests for Hardy-Weinberg
equilibrium, SAGMB 12, 2013).
"""

from itertools import pairwise

import numpy as np

CHUNK_OUTCOMES = 1 << 21
"""Numbers of heterozygotes that are evaluated at once: what bounds memory (about 100 MB)."""
_TOLERANCE = 1e-9
"""Relative: outcomes whose probabilities differ by less are equally probable."""


def exact_test(
    heterozygous: np.ndarray, homozygous: np.ndarray, other_homozygous: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Exact p-values and mid-p-values of variants.

    Parameters
    ----------
    heterozygous, homozygous, other_homozygous : int, per variant
        Samples with either homozygous genotype and with the heterozygous one.

    Returns
    -------
    p, mid_p : float64, per variant
        NaN where no sample was called.

    Examples
    --------
    >>> p, mid_p = exact_test(np.array([57]), np.array([14]), np.array([50]))
    >>> round(float(p[0]), 6), round(float(mid_p[0]), 6)
    (0.84228, 0.766681)
    """
    rare = np.minimum(homozygous, other_homozygous)
    common = np.maximum(homozygous, other_homozygous)
    counts = np.stack([heterozygous, rare, common], axis=1).astype(np.int64)
    unique, inverse = np.unique(counts, axis=0, return_inverse=True)
    p = np.full((2, len(unique)), np.nan)
    outcomes = unique[:, 1] + unique[:, 0] // 2 + 1
    factorials = _log_factorials(2 * int(unique.sum(axis=1).max(initial=0)))
    for chunk in _chunks(outcomes):
        p[:, chunk] = _test(unique[chunk], outcomes[chunk], factorials)
    p[:, unique.sum(axis=1) == 0] = np.nan
    return p[0, inverse.ravel()], p[1, inverse.ravel()]


def _log_factorials(largest: int) -> np.ndarray:
    """ln n! for n from 0 to `largest`."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1, dtype=np.float64)))])


def _chunks(outcomes: np.ndarray) -> list[slice]:
    """Parts of the variants that have about so many outcomes each."""
    number = np.cumsum(outcomes) // CHUNK_OUTCOMES
    starts = np.flatnonzero(np.diff(number, prepend=-1)).tolist()
    return [slice(*ends) for ends in pairwise([*starts, len(outcomes)])]


def _test(
    counts: np.ndarray, outcomes: np.ndarray, factorials: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """p and mid-p of (heterozygotes, rarer, other homozygotes), all outcomes end to end."""
    heterozygous, rare, common = counts.T
    starts = np.concatenate([[0], np.cumsum(outcomes)[:-1]])
    number = np.arange(outcomes.sum()) - np.repeat(starts, outcomes)
    # Number n of an outcome: n rarer homozygotes, the other rare alleles in heterozygotes.
    hets = np.repeat(2 * rare + heterozygous, outcomes) - 2 * number
    commons = np.repeat(common - rare, outcomes) + number
    logs = hets * np.log(2) - factorials[hets] - factorials[number] - factorials[commons]
    observed = starts + rare
    likelihood = np.exp(logs - np.repeat(np.maximum.reduceat(logs, starts), outcomes))
    limit = np.repeat(likelihood[observed], outcomes)
    is_tied = np.abs(likelihood - limit) <= _TOLERANCE * limit
    total = np.add.reduceat(likelihood, starts)
    tied = np.add.reduceat(np.where(is_tied, likelihood, 0), starts)
    less = np.add.reduceat(np.where(~is_tied & (likelihood < limit), likelihood, 0), starts)
    return np.minimum((less + tied) / total, 1), np.minimum((less + tied / 2) / total, 1)
