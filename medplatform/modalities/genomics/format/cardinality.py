"""How many values a FORMAT key must have in each cell (VCF specification, section 1.4.2)."""

from dataclasses import dataclass
from math import comb

import numpy as np

from medplatform.modalities.genomics.header.definition import Count

UNKNOWN = -1
MORE_THAN_ANY = 1 << 62
"""Stands for numbers of genotypes that no line can hold."""


@dataclass(frozen=True, slots=True)
class Alleles:
    """What the number of values depends on, in some records.

    Attributes
    ----------
    alternate
        Alternate alleles of each record, records x 1.
    ploidy
        Alleles of each genotype, records x samples; UNKNOWN where there is none, or only a dot.
    local
        Local alternate alleles of each cell (LAA), records x samples; UNKNOWN where not given.
    """

    alternate: np.ndarray
    ploidy: np.ndarray
    local: np.ndarray

    def is_wrong(self, counts: np.ndarray, number: int | Count) -> np.ndarray:
        """Cells (records x samples) whose number of values, 0 for missing, is not what it must be.

        Where the ploidy is unknown, the numbers of haploid and of diploid genotypes are right. A
        site without an alternate allele may keep values of those that were tried: any number is.
        """
        allowed = self._allowed(number)
        wrong = counts > 0
        for expected in allowed:
            wrong &= (counts != expected) & (expected != UNKNOWN)
        return wrong if allowed else np.zeros_like(wrong)

    def _allowed(self, number: int | Count) -> list[np.ndarray]:
        if isinstance(number, int):
            return [np.array(number)]
        local = self.local
        alleles = np.where(self.alternate == 0, UNKNOWN, self.alternate + 1)
        match number:
            case "A":
                return [np.where(alleles == UNKNOWN, UNKNOWN, self.alternate)]
            case "R":
                return [alleles]
            case "G":
                return self._genotypes(alleles)
            case "LA":
                return [local]
            case "LR":
                return [np.where(local == UNKNOWN, UNKNOWN, local + 1)]
            case "LG":
                return self._genotypes(np.where(local == UNKNOWN, UNKNOWN, local + 1))
            case "P":
                return [self.ploidy]
            case _:
                return []

    def _genotypes(self, alleles: np.ndarray) -> list[np.ndarray]:
        """Numbers of genotypes of so many alleles (VCF 4.3, section 1.6.2, GL)."""
        alleles = np.broadcast_to(alleles, self.ploidy.shape)
        diploid = np.where(alleles == UNKNOWN, UNKNOWN, alleles * (alleles + 1) // 2)
        expected = np.where(self.ploidy == 1, alleles, diploid)
        for ploidy in np.unique(self.ploidy[self.ploidy > 2]).tolist():
            table = np.array([_genotype_count(n, ploidy) for n in range(alleles.max() + 1)])
            several = (self.ploidy == ploidy) & (alleles != UNKNOWN)
            expected[several] = table[alleles[several]]
        if (self.ploidy == UNKNOWN).any():
            return [expected, np.where(self.ploidy == UNKNOWN, alleles, expected)]
        return [expected]


def _genotype_count(alleles: int, ploidy: int) -> int:
    return min(comb(alleles + ploidy - 1, ploidy), MORE_THAN_ANY)
