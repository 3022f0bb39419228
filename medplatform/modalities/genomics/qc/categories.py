"""What a genotype counts as, looked up in tables of the 256 packed bytes.

Of a whole record, or of one alternate allele against all others. A genotype of which one allele was
not called is missing, as PLINK and bcftools have it.
"""

from enum import IntEnum

import numpy as np

from medplatform.modalities.genomics.genotypes.packed import (
    ABSENT,
    MISSING,
    PACKED_ALLELES,
    Packed,
    wide_alleles,
)

LARGEST_PACKED = 14
"""The largest allele index that a packed byte holds."""


class Category(IntEnum):
    """What a genotype is; of one allele, `REFERENCE` is every other allele."""

    MISSING = 0
    HOMOZYGOUS_REFERENCE = 1
    HETEROZYGOUS = 2
    HOMOZYGOUS_ALTERNATE = 3
    HAPLOID_REFERENCE = 4
    HAPLOID_ALTERNATE = 5
    EXCLUDED = 6
    """Of a sample that does not count here."""


CATEGORIES = 8
"""Counters per sample or variant: a power of two above the largest category."""
CARRIERS = (Category.HETEROZYGOUS, Category.HOMOZYGOUS_ALTERNATE, Category.HAPLOID_ALTERNATE)


def categorise(packed: Packed, allele: int | None = None) -> np.ndarray:
    """The category of each genotype (uint8, variants x samples).

    Parameters
    ----------
    allele
        The alternate allele to look at, from 1; None for the record as a whole, where two
        different alternate alleles are heterozygous.
    """
    table = _TABLES[0 if allele is None else min(allele, LARGEST_PACKED + 1)]
    categories = table[packed.codes]
    for row, cell in packed.wide.items():
        categories[row] = _classify(wide_alleles(cell), allele)
    return categories


def _classify(alleles: np.ndarray, allele: int | None) -> np.ndarray:
    """Categories of genotypes of any ploidy (genotypes x ploidy, MISSING and ABSENT among them)."""
    is_present = alleles != ABSENT
    ploidy = is_present.sum(axis=1)
    if allele is None:
        copies = (alleles > 0).sum(axis=1)
        differs = (is_present & (alleles != alleles[:, :1])).any(axis=1)
    else:
        copies = (alleles == allele).sum(axis=1)
        differs = (copies > 0) & (copies < ploidy)
    found = np.select(
        [ploidy == 1, differs, copies > 0],
        [
            np.where(copies > 0, Category.HAPLOID_ALTERNATE, Category.HAPLOID_REFERENCE),
            Category.HETEROZYGOUS,
            Category.HOMOZYGOUS_ALTERNATE,
        ],
        Category.HOMOZYGOUS_REFERENCE,
    )
    found[(alleles == MISSING).any(axis=1)] = Category.MISSING
    return found.astype(np.uint8)


def _tables() -> np.ndarray:
    """A table per allele: row 0 of the whole record, the last of alleles that no byte holds."""
    return np.stack([_classify(PACKED_ALLELES.T, k or None) for k in range(LARGEST_PACKED + 2)])


_TABLES: np.ndarray = _tables()
