"""How many values a FORMAT key must have."""

import numpy as np
import pytest

from medplatform.modalities.genomics.format.cardinality import UNKNOWN, Alleles
from medplatform.modalities.genomics.header.definition import Count


def is_right(
    number: int | Count, count: int, *, alternate: int = 2, ploidy: int = 2, local: int = UNKNOWN
) -> bool:
    alleles = Alleles(np.array([[alternate]]), np.array([[ploidy]]), np.array([[local]]))
    return not alleles.is_wrong(np.array([[count]]), number).any()


@pytest.mark.parametrize(
    ("number", "count"),
    [(1, 1), (3, 3), ("A", 2), ("R", 3), ("G", 6), ("P", 2), (".", 17), ("M", 5)],
)
def test_numbers(number: int | Count, count: int) -> None:
    assert is_right(number, count)
    assert is_right(number, count + 1) == (number in (".", "M"))


@pytest.mark.parametrize(("ploidy", "count"), [(1, 3), (2, 6), (3, 10), (4, 15)])
def test_genotypes_by_ploidy(ploidy: int, count: int) -> None:
    """VCF 4.3, section 1.6.2: of n alleles, n haploid, n (n + 1) / 2 diploid genotypes …"""
    assert is_right("G", count, ploidy=ploidy)
    assert not is_right("G", count - 1, ploidy=ploidy)


def test_more_genotypes_than_fit_a_line_are_never_all_there() -> None:
    assert not is_right("G", 1000, alternate=60, ploidy=300)
    assert not is_right("G", 1000, alternate=60, ploidy=64)


def test_unknown_ploidy_may_be_one_or_two() -> None:
    found = [count for count in range(1, 12) if is_right("G", count, ploidy=UNKNOWN)]
    assert found == [3, 6]


def test_missing_values_are_never_too_few() -> None:
    assert all(is_right(number, 0) for number in (1, 2, "A", "R", "G"))


def test_sites_without_alternate_allele_may_keep_values_of_those_that_were_tried() -> None:
    assert all(is_right("G", count, alternate=0) for count in (1, 3, 6))
    assert not is_right(1, 3, alternate=0)


@pytest.mark.parametrize(("number", "count"), [("LA", 1), ("LR", 2), ("LG", 3)])
def test_local_alleles(number: Count, count: int) -> None:
    """VCF 4.5: counted among the local alleles (LAA) of the sample, not those of the line."""
    assert is_right(number, count, alternate=5, local=1)
    assert not is_right(number, count + 1, alternate=5, local=1)
    assert is_right(number, count + 1, alternate=5)
