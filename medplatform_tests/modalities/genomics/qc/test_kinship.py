"""Kinship, against the formula of the paper pair by pair, and of people bred for the test."""

import numpy as np
import polars as pl
import pytest

from medplatform.modalities.genomics.qc import kinship
from medplatform.modalities.genomics.qc.kinship import find_relatives, smallest_kinship
from medplatform.modalities.genomics.qc.relatedness import count_chromosomes
from medplatform_tests.modalities.genomics.qc.conftest import Clinic, write_dosages

AUTOSOMES = tuple(map(str, range(1, 23)))


def of_pair(first: np.ndarray, second: np.ndarray) -> float:
    """Equation 11 of Manichaikul et al. (2010)."""
    both = [(a, b) for a, b in zip(first.tolist(), second.tolist(), strict=True) if min(a, b) >= 0]
    hets = [sum(1 for pair in both if pair[side] == 1) for side in (0, 1)]
    both_het = sum(1 for a, b in both if a == b == 1)
    opposite = sum(1 for a, b in both if {a, b} == {0, 2})
    fewer = min(hets)
    return (both_het - 2 * opposite) / (2 * fewer) + 0.5 - 0.25 * sum(hets) / fewer


class Family:
    """Two parents, a child of both and its sibling, then strangers; markers are independent."""

    def __init__(self, markers: int, strangers: int) -> None:
        self.draw = np.random.default_rng(7)
        frequency = self.draw.uniform(0.1, 0.5, (markers, 1, 1))
        self.haplotypes = (self.draw.random((markers, 2 + strangers, 2)) < frequency).astype(int)
        children = [self.child(0, 1), self.child(0, 1)]
        people = self.haplotypes.sum(axis=2).T
        self.dosages = np.array([*people[:2], *children, *people[2:]], np.int8).T

    def child(self, father: int, mother: int) -> np.ndarray:
        chosen = self.draw.integers(0, 2, (2, len(self.haplotypes)))
        every = np.arange(len(self.haplotypes))
        halves = [
            self.haplotypes[every, parent, chosen[side]]
            for side, parent in enumerate((father, mother))
        ]
        return np.sum(halves, axis=0)


def as_matrix(pairs: pl.DataFrame, samples: int) -> np.ndarray:
    matrix = np.full((samples, samples), np.nan)
    matrix[pairs["first"].to_numpy(), pairs["second"].to_numpy()] = pairs["kinship"].to_numpy()
    return matrix


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_all_pairs_are_as_the_formula_has_them(
    missing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinship, "BLOCK_SAMPLES", 5)
    dosages = Family(400, 8).dosages
    dosages[np.random.default_rng(3).random(dosages.shape) < missing] = -1
    pairs = find_relatives(dosages, -np.inf)
    samples = dosages.shape[1]
    assert pairs.height == samples * (samples - 1) // 2
    found = as_matrix(pairs, samples)
    for first, second in zip(*np.triu_indices(samples, 1), strict=True):
        expected = of_pair(dosages[:, first], dosages[:, second])
        assert found[first, second] == pytest.approx(expected, abs=1e-5)
    shared = (dosages >= 0).astype(int)
    both = (shared.T @ shared)[pairs["first"].to_numpy(), pairs["second"].to_numpy()]
    assert pairs["shared_markers"].to_list() == both.tolist()


def test_few_markers_tell_close_relatives_only() -> None:
    family = Family(2010, 300)
    for markers, least in ((126, 0.354), (502, 0.177), (2010, 0.0884)):
        assert smallest_kinship(markers) == least
        pairs = find_relatives(family.dosages[:markers], -np.inf)
        strangers = pairs.filter(pl.col("first") >= 4)
        assert strangers.height > 40_000
        assert strangers.filter(pl.col("kinship") >= least).is_empty()
    assert smallest_kinship(100) is None


def test_relatives_are_found_in_files_of_several_deliveries(clinic: Clinic) -> None:
    dosages = Family(2600, 6).dosages
    clinic.deliver("first", {"a.vcf": write_dosages(dosages, chromosomes=AUTOSOMES)})
    again = {"a.vcf": write_dosages(dosages[:, [2]], names=["AGAIN"], chromosomes=AUTOSOMES)}
    clinic.deliver("second", again)
    same = {"a.vcf": write_dosages(dosages[:, [5, 6]], names=["S5", "S7"], chromosomes=AUTOSOMES)}
    clinic.deliver("third", same)
    related = clinic.assess().relatedness
    names = {clinic.token(name): name for name in (*(f"S{n}" for n in range(10)), "AGAIN")}
    assert related.markers > 2100
    assert related.least == 0.0884
    found = {
        tuple(sorted((names[row["first_sample_id"]], names[row["second_sample_id"]]))): (
            row["relation"],
            row["is_same_patient"],
        )
        for row in related.pairs.iter_rows(named=True)
    }
    child = ("parent and child", False)
    assert found == {
        ("S0", "S2"): child,
        ("S0", "S3"): child,
        ("S1", "S2"): child,
        ("S1", "S3"): child,
        ("S2", "S3"): ("siblings", False),
        ("AGAIN", "S0"): child,
        ("AGAIN", "S1"): child,
        ("AGAIN", "S2"): ("duplicate", False),
        ("AGAIN", "S3"): ("siblings", False),
        ("S5", "S5"): ("duplicate", True),
        # The third delivery has the genome of S6 under the name of S7.
        ("S6", "S7"): ("duplicate", False),
        ("S7", "S7"): ("unrelated", True),
    }


def test_one_chromosome_tells_nothing(clinic: Clinic) -> None:
    dosages = Family(1000, 2).dosages
    clinic.deliver("first", {"a.vcf": write_dosages(dosages)})
    related = clinic.assess().relatedness
    assert (related.markers, related.least, related.pairs.height) == (0, None, 0)


def test_pairs_that_share_one_chromosome_are_not_reported(clinic: Clinic) -> None:
    dosages = Family(2600, 4).dosages
    six = AUTOSOMES[:6]
    clinic.deliver("whole", {"a.vcf": write_dosages(dosages, chromosomes=six)})
    one = write_dosages(dosages, chromosomes=six).decode().splitlines(keepends=True)
    last = [line for line in one if not line[0].isdigit() or line.startswith("6\t")]
    clinic.deliver("one", {"a.vcf": "".join(last).encode()})
    related = clinic.assess().relatedness
    assert related.markers > 2100
    deliveries = related.pairs.select("first_delivery", "second_delivery").unique().rows()
    assert deliveries == [("whole", "whole")]
    assert related.pairs["relation"].sort().to_list() == ["parent and child"] * 4 + ["siblings"]


def test_chromosomes_count_that_have_a_hundredth_of_the_shared_markers() -> None:
    chromosomes = pl.Series(["1"] * 600 + ["2"] * 7 + ["3"] * 4)
    dosages = np.zeros((611, 4), np.int8)
    dosages[600:, 1] = -1  # chromosome 1
    dosages[:600, 2] = -1  # chromosomes 2 and 3
    pairs = pl.DataFrame({"first": [0, 0, 0, 1, 0], "second": [1, 2, 3, 2, 0]})
    counts = count_chromosomes(dosages, chromosomes, pairs)
    assert counts.tolist() == [1, 2, 2, 0, 2]
