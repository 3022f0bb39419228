"""Observed against expected homozygous genotypes of each sample: F, and from chromosome X the sex.

F = (observed - expected) / (genotypes - expected), as PLINK 1.9 `--het` and `--check-sex` have it:
of biallelic variants that differ between samples, with 1 - 2pq expected of each. On X outside the
pseudoautosomal regions a man is homozygous everywhere, F about 1; a woman as often as expected, F
about 0. Frequencies are those of all samples of the lake, in which a haploid genotype is one copy.
"""

from pathlib import Path

import numpy as np
import polars as pl

from medplatform.modalities.genomics.qc.categories import CATEGORIES, Category, categorise
from medplatform.modalities.genomics.qc.cohorts import Cohort, Cohorts
from medplatform.modalities.genomics.qc.regions import Region

REGIONS = (Region.AUTOSOME, Region.X)
LARGEST_FEMALE_F = 0.2
SMALLEST_MALE_F = 0.8
FEWEST_X_VARIANTS = 50
"""Called variants of X below which nothing is inferred from F."""


class Homozygosity:
    """Counts per person of `Cohorts.people`, each float64, regions of `REGIONS` x people."""

    def __init__(self, people: int) -> None:
        self.genotypes = np.zeros((len(REGIONS), people))
        self.observed = np.zeros((len(REGIONS), people))
        self.expected = np.zeros((len(REGIONS), people))

    def inbreeding(self, region: Region) -> np.ndarray:
        """F per person, NaN where nothing can be told."""
        place = REGIONS.index(region)
        beyond = self.genotypes[place] - self.expected[place]
        return np.divide(
            self.observed[place] - self.expected[place],
            beyond,
            out=np.full(beyond.shape, np.nan),
            where=beyond > 0,
        )

    def called(self, region: Region) -> np.ndarray:
        """Called genotypes of variants that differ between samples, per person (int64)."""
        return self.genotypes[REGIONS.index(region)].astype(np.int64)


def measure_homozygosity(cohorts: Cohorts, folder: Path, frequencies: pl.DataFrame) -> Homozygosity:
    """Go through all genotypes a second time, now that frequencies over all cohorts are known.

    Parameters
    ----------
    folder
        Where `counts.count_genotypes` wrote.
    frequencies
        allele_id, and alternate_frequency over all cohorts.
    """
    measured = Homozygosity(cohorts.people.height)
    varying = frequencies.filter(
        (pl.col("alternate_frequency") > 0) & (pl.col("alternate_frequency") < 1)
    ).select("allele_id", "alternate_frequency")
    for number, cohort in enumerate(cohorts):
        variants = (
            pl.scan_parquet(folder / f"{number}.parquet")
            .filter(pl.col("alternate_count") == 1, pl.col("region").is_in(list(map(int, REGIONS))))
            .select("allele_id", "record_number", "region")
            .collect()
            .join(varying, on="allele_id")
            .sort("record_number")
        )
        _measure_cohort(cohorts, cohort, variants, measured)
    return measured


def _measure_cohort(
    cohorts: Cohorts, cohort: Cohort, variants: pl.DataFrame, measured: Homozygosity
) -> None:
    numbers = variants["record_number"].to_numpy()
    regions = variants["region"].to_numpy()
    p = variants["alternate_frequency"].to_numpy()
    expected = 1 - 2 * p * (1 - p)
    for batch in cohorts.batches(cohort):
        _, rows, place = np.intersect1d(
            batch.record_numbers, numbers, assume_unique=True, return_indices=True
        )
        categories = categorise(batch.packed.take(rows))
        for index, region in enumerate(REGIONS):
            is_here = regions[place] == region
            if not is_here.any():
                continue
            here = categories[is_here]
            is_called = _IS_CALLED[here]
            measured.genotypes[index, cohort.people] += is_called.sum(axis=0)
            measured.observed[index, cohort.people] += _IS_HOMOZYGOUS[here].sum(axis=0)
            measured.expected[index, cohort.people] += expected[place[is_here]] @ is_called


_CATEGORIES = np.arange(CATEGORIES)
_IS_HOMOZYGOUS: np.ndarray = np.isin(
    _CATEGORIES,
    [
        Category.HOMOZYGOUS_REFERENCE,
        Category.HOMOZYGOUS_ALTERNATE,
        Category.HAPLOID_REFERENCE,
        Category.HAPLOID_ALTERNATE,
    ],
).astype(np.float64)
_IS_CALLED: np.ndarray = np.where(_CATEGORIES == Category.HETEROZYGOUS, 1.0, _IS_HOMOZYGOUS)


def infer_sex(inbreeding: np.ndarray, called: np.ndarray) -> list[str | None]:
    """male, female, or None where F lies between or too few variants of X were called."""
    found = np.select(
        [called < FEWEST_X_VARIANTS, inbreeding > SMALLEST_MALE_F, inbreeding < LARGEST_FEMALE_F],
        ["", "male", "female"],
        "",
    )
    return [sex or None for sex in found.tolist()]
