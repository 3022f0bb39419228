"""The exact test of equilibrium, against the definition in whole numbers."""

from fractions import Fraction
from math import factorial

import numpy as np
import pytest

from medplatform.modalities.genomics.qc import hardy_weinberg
from medplatform.modalities.genomics.qc.hardy_weinberg import exact_test


def by_definition(heterozygous: int, homozygous: int, other: int) -> tuple[float, float]:
    """p and mid-p, adding up exact fractions over all possible numbers of heterozygotes."""
    samples = heterozygous + homozygous + other
    copies = 2 * homozygous + heterozygous
    weights: dict[int, Fraction] = {}
    for hets in range(copies % 2, copies + 1, 2):
        homs = (copies - hets) // 2
        others = samples - hets - homs
        if others >= 0:
            ways = factorial(homs) * factorial(hets) * factorial(others)
            weights[hets] = Fraction(2**hets, ways)
    observed = weights[heterozygous]
    less = sum((w for w in weights.values() if w < observed), Fraction())
    tied = sum((w for w in weights.values() if w == observed), Fraction())
    total = sum(weights.values())
    return float((less + tied) / total), float((less + tied / 2) / total)


def test_it_is_the_sum_over_all_less_probable_numbers_of_heterozygotes() -> None:
    counts = np.random.default_rng(0).integers(0, 60, (200, 3))
    counts[counts.sum(axis=1) == 0] = 1
    p, mid_p = exact_test(*counts.T)
    expected = np.array([by_definition(*map(int, row)) for row in counts])
    assert p == pytest.approx(expected[:, 0], rel=1e-10)
    assert mid_p == pytest.approx(expected[:, 1], rel=1e-10)


def test_it_does_not_matter_which_allele_is_the_rarer() -> None:
    counts = np.random.default_rng(1).integers(0, 200, (50, 3))
    hets, homs, others = counts.T
    assert exact_test(hets, homs, others)[0].tolist() == exact_test(hets, others, homs)[0].tolist()


def test_nothing_is_known_of_variants_that_nobody_was_called_for() -> None:
    p, mid_p = exact_test(np.array([0, 1]), np.array([0, 0]), np.array([0, 9]))
    assert np.isnan(p).tolist() == np.isnan(mid_p).tolist() == [True, False]
    assert exact_test(*np.zeros((3, 0), int))[0].size == 0


def test_memory_is_bounded_by_chunks_that_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(2).integers(0, 100, (300, 3)).T
    whole = exact_test(*counts)
    monkeypatch.setattr(hardy_weinberg, "CHUNK_OUTCOMES", 500)
    np.testing.assert_array_equal(exact_test(*counts), whole)
