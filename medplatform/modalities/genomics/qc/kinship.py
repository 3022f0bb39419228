"""Kinship of pairs of samples: the KING-robust estimator, in blocks of matrix products.

Manichaikul et al., Robust relationship inference in genome-wide association studies,
Bioinformatics 26 (2010), equation 11 (between families):

    kinship = 1/2 - (N_Aa(i) + N_Aa(j) - 2 N_AaAa + 4 N_AA,aa) / (4 min(N_Aa(i), N_Aa(j)))

N counts the markers that are called in both: N_Aa(i) heterozygous in i, N_AaAa in both, N_AA,aa
homozygous for different alleles. 1/2 is the same genome (duplicates, identical twins), 1/4 parents
and children or siblings, 1/8 and 1/16 the second and third degree.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from medplatform.modalities.genomics.genotypes.packed import MISSING

DEGREES = {
    "duplicate": 0.354,
    "first degree": 0.177,
    "second degree": 0.0884,
    "third degree": 0.0442,
}
"""Smallest kinship of each degree, the bounds of the paper: halfway, on a scale of logarithms."""
BLOCK_SAMPLES = 1024
STANDARD_ERRORS = 5.6
"""How far a bound must be from 0 to be told: one false pair of unrelated samples in 10^8."""
COLUMNS = {
    "first": pl.Int64,
    "second": pl.Int64,
    "kinship": pl.Float64,
    "shared_markers": pl.Int64,
    "opposite_homozygotes": pl.Float64,
}


def smallest_kinship(markers: int) -> float | None:
    """The smallest bound of `DEGREES` that so many markers can tell from 0; None for too few.

    The standard error of the estimate for unrelated samples is about 1 / sqrt(2 markers), where
    the markers are independent and common.

    >>> [smallest_kinship(markers) for markers in (100, 300, 8192)]
    [None, 0.354, 0.0442]
    """
    error = STANDARD_ERRORS / np.sqrt(2 * max(markers, 1))
    told = [bound for bound in DEGREES.values() if bound >= error]
    return min(told) if told else None


def find_relatives(
    dosages: np.ndarray, least: float, always: np.ndarray | None = None
) -> pl.DataFrame:
    """Pairs of samples whose kinship is at least `least`.

    Parameters
    ----------
    dosages : int8, markers x samples
        Copies of one allele of biallelic autosomal markers: 0, 1, 2 or MISSING.
    always : int, per sample
        Pairs of samples of equal number are among the result, whatever their kinship.

    Returns
    -------
    One row per pair, first < second (columns of `dosages`): kinship, shared_markers (called in
    both), opposite_homozygotes (their part of the shared markers, near 0 for parent and child).
    """
    frames = [
        _pairs(kinship, shared, opposite, start, other, least, always)
        for start, other, kinship, shared, opposite in _blocks(dosages)
    ]
    return pl.concat([pl.DataFrame(schema=COLUMNS), *frames]).sort("first", "second")


def _blocks(
    dosages: np.ndarray,
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray, np.ndarray]]:
    """Kinship, shared markers and opposite homozygotes of each block of pairs."""
    starts = range(0, dosages.shape[1], BLOCK_SAMPLES)
    is_complete = bool((dosages != MISSING).all())
    for start in starts:
        first = _indicators(dosages[:, start : start + BLOCK_SAMPLES])
        for other in starts[start // BLOCK_SAMPLES :]:
            is_same = other == start
            second = first if is_same else _indicators(dosages[:, other : other + BLOCK_SAMPLES])
            yield start, other, *_compare(first, second, is_complete=is_complete)


_Indicators = tuple[np.ndarray, np.ndarray, np.ndarray]


def _indicators(dosages: np.ndarray) -> _Indicators:
    """Heterozygous, homozygous (0 or 1), and which of them (-1, 1): float32, samples x markers."""
    codes = np.ascontiguousarray(dosages.T)
    signed = (codes == 2).astype(np.float32) - (codes == 0)
    return (codes == 1).astype(np.float32), np.abs(signed), signed


def _compare(
    first: _Indicators, second: _Indicators, *, is_complete: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of two blocks. Counts in float32 are exact up to 2^24 markers."""
    het, hom, signed = first
    other_het, other_hom, other_signed = second
    both_het = het @ other_het.T
    same = signed @ other_signed.T
    if is_complete:
        markers = het.shape[1]
        hets = np.broadcast_to(het.sum(axis=1)[:, None], same.shape)
        other_hets = np.broadcast_to(other_het.sum(axis=1)[None, :], same.shape)
        shared = np.full(same.shape, markers, np.float32)
        both_hom = markers - hets - other_hets + both_het
    else:
        both_hom = hom @ other_hom.T
        hets = both_het + het @ other_hom.T
        other_hets = both_het + hom @ other_het.T
        shared = hets + other_hets - both_het + both_hom
    opposite = (both_hom - same) / 2
    fewer = np.minimum(hets, other_hets)
    distance = hets + other_hets - 2 * both_het + 4 * opposite
    with np.errstate(divide="ignore", invalid="ignore"):
        kinship = np.where(fewer > 0, 0.5 - distance / (4 * fewer), np.nan)
    return kinship, shared, opposite


def _pairs(
    kinship: np.ndarray,
    shared: np.ndarray,
    opposite: np.ndarray,
    start: int,
    other: int,
    least: float,
    always: np.ndarray | None,
) -> pl.DataFrame:
    wanted = kinship >= least
    if always is not None:
        rows = always[start : start + len(kinship)]
        columns = always[other : other + kinship.shape[1]]
        wanted |= rows[:, None] == columns[None, :]
    if start == other:
        wanted = np.triu(wanted, 1)
    rows, columns = np.nonzero(wanted)
    both = shared[rows, columns]
    return pl.DataFrame(
        {
            "first": rows + start,
            "second": columns + other,
            "kinship": kinship[rows, columns].astype(np.float64),
            "shared_markers": both.astype(np.int64),
            "opposite_homozygotes": opposite[rows, columns] / np.maximum(both, 1),
        },
        schema=COLUMNS,
    ).with_columns(pl.col("kinship").fill_nan(None))
