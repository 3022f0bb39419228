"""The genotyped variants of every synthetic cohort, and which of them carry risk.

The panel is the same for all seeds, because all cohorts share one scoring file. Positions are
drawn on the chromosomes of GRCh38 and stand for no real variant.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from medplatform.synthetic.draws import Draws, generator

GENOME_BUILD = "GRCh38"
CHROMOSOME_LENGTHS = {
    "1": 248956422,
    "2": 242193529,
    "3": 198295559,
    "4": 190214555,
    "5": 181538259,
    "6": 170805979,
    "7": 159345973,
    "8": 145138636,
    "9": 138394717,
    "10": 133797422,
    "11": 135086622,
    "12": 133275309,
    "13": 114364328,
    "14": 107043718,
    "15": 101991189,
    "16": 90338345,
    "17": 83257441,
    "18": 80373285,
    "19": 58617616,
    "20": 64444167,
    "21": 46709983,
    "22": 50818468,
}
VARIANTS = 300
SCORED = 60
ABSENT = 4
"""Variants of the scoring file that the cohort was not genotyped for."""
MISSING_SHARE = 0.005
PHASED_SHARE = 0.3

_PANEL_SEED = 20190101
_FIRST_RS_NUMBER = 4_000_000_000  # beyond the numbers that dbSNP has given out
_TELOMERE = 100_000
_WEIGHT_SD = 0.12
_NOT_COMPLEMENT = {"A": "CG", "C": "AT", "G": "AT", "T": "CG"}


@dataclass(frozen=True, slots=True)
class Variant:
    """A biallelic single-nucleotide variant; `weight` is per effect allele, None if unscored."""

    number: int
    rs_id: str
    chromosome: str
    position: int
    reference: str
    alternate: str
    frequency: float
    quality: float
    is_passed: bool
    weight: float | None
    is_effect_alternate: bool

    @property
    def effect_allele(self) -> str:
        """The allele that the weight counts."""
        return self.alternate if self.is_effect_alternate else self.reference

    @property
    def other_allele(self) -> str:
        """The allele that the weight does not count."""
        return self.reference if self.is_effect_alternate else self.alternate


@dataclass(frozen=True, slots=True)
class Genotypes:
    """Calls of one variant: arrays of shape (patients,)."""

    first_allele: np.ndarray
    second_allele: np.ndarray
    is_missing: np.ndarray
    is_phased: np.ndarray

    @property
    def alternate_count(self) -> np.ndarray:
        """Copies of the alternate allele (0, 1, 2), whether called or not."""
        return self.first_allele.astype(np.int8) + self.second_allele


@cache
def panel() -> tuple[Variant, ...]:
    """The genotyped variants in the order of the reference genome."""
    return tuple(variant for variant in _all_variants() if not _is_absent(variant))


@cache
def scored() -> tuple[Variant, ...]:
    """The variants of the scoring file, a few of them not in the panel."""
    return tuple(variant for variant in _all_variants() if variant.weight is not None)


def draw_genotypes(variant: Variant, draws: Draws) -> Genotypes:
    """Genotypes in Hardy-Weinberg equilibrium, independent between variants and patients."""
    numbers = draws.uniforms(f"genotype:{variant.number}", 4)
    return Genotypes(
        numbers[:, 0] < variant.frequency,
        numbers[:, 1] < variant.frequency,
        numbers[:, 2] < MISSING_SHARE,
        numbers[:, 3] < PHASED_SHARE,
    )


def polygenic_z(draws: Draws) -> np.ndarray:
    """Polygenic score of the called genotypes, in standard deviations from the mean.

    A genotype that was not called counts as the mean dosage. Shape (patients,), float64.
    """
    total = np.zeros(draws.count)
    variance = 0.0
    for variant in panel():
        if variant.weight is None:
            continue
        sign = 1.0 if variant.is_effect_alternate else -1.0
        genotypes = draw_genotypes(variant, draws)
        centred = genotypes.alternate_count - 2.0 * variant.frequency
        total += sign * variant.weight * np.where(genotypes.is_missing, 0.0, centred)
        variance += variant.weight**2 * 2.0 * variant.frequency * (1.0 - variant.frequency)
    return total / np.sqrt(variance)


@cache
def _all_variants() -> tuple[Variant, ...]:
    random = generator(_PANEL_SEED, "panel")
    count = VARIANTS + ABSENT
    names = list(CHROMOSOME_LENGTHS)
    lengths = np.array(list(CHROMOSOME_LENGTHS.values()))
    chromosomes = random.choice(len(names), size=count, p=lengths / lengths.sum())
    places = random.integers(_TELOMERE, lengths[chromosomes] - _TELOMERE)
    order = np.lexsort((places, chromosomes))
    is_scored = np.zeros(count, bool)
    is_scored[random.permutation(count)[: SCORED + ABSENT]] = True
    variants = []
    for number, at in enumerate(order.tolist()):
        # A/T and C/G are the same on both strands, so scores often leave them out.
        reference = "ACGT"[int(random.integers(4))]
        alternate = _NOT_COMPLEMENT[reference][int(random.integers(2))]
        weight = float(random.normal(0.0, _WEIGHT_SD))
        variants.append(
            Variant(
                number=number,
                rs_id=f"rs{_FIRST_RS_NUMBER + int(random.integers(10_000_000)) * 31 + number}",
                chromosome=names[chromosomes[at]],
                position=int(places[at]),
                reference=reference,
                alternate=alternate,
                frequency=round(float(random.uniform(0.05, 0.5)), 4),
                quality=round(float(random.uniform(30.0, 99.0)), 1),
                is_passed=bool(is_scored[at] or random.random() > 0.03),
                weight=round(weight, 4) if is_scored[at] else None,
                is_effect_alternate=bool(random.random() < 0.75),
            )
        )
    return tuple(variants)


@cache
def _absent_numbers() -> frozenset[int]:
    numbers = [variant.number for variant in _all_variants() if variant.weight is not None]
    return frozenset(numbers[:: len(numbers) // ABSENT][:ABSENT])


def _is_absent(variant: Variant) -> bool:
    return variant.number in _absent_numbers()
