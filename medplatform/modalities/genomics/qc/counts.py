"""Genotype counts of every sample and of every alternate allele, over all cohorts, in one pass."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.genotypes.packed import Packed
from medplatform.modalities.genomics.qc.alleles import PLACE, Kind, scan_alleles
from medplatform.modalities.genomics.qc.categories import (
    CARRIERS,
    CATEGORIES,
    Category,
    categorise,
)
from medplatform.modalities.genomics.qc.cohorts import Batch, Cohort, Cohorts
from medplatform.modalities.genomics.qc.regions import Region

COUNTS = tuple(category.name.lower() for category in Category if category < Category.EXCLUDED)
"""Columns of genotype counts of an allele."""


class SampleCounts:
    """Counts per person of `Cohorts.people`.

    Attributes
    ----------
    genotypes : int64, regions x people x CATEGORIES
        Genotypes of records, as a whole.
    carried : int64, kinds x people
        Alternate alleles of each kind that the person carries, in one copy or two.
    multiallelic : int64, per person
        Genotypes other than the reference at records of several alternate alleles.
    sums, numbers : float64 and int64 per person, by name of the field
        Of the values of a FORMAT field.
    """

    def __init__(self, people: int) -> None:
        self.genotypes = np.zeros((len(Region), people, CATEGORIES), np.int64)
        self.carried = np.zeros((len(Kind), people), np.int64)
        self.multiallelic = np.zeros(people, np.int64)
        self.sums: dict[str, np.ndarray] = {}
        self.numbers: dict[str, np.ndarray] = {}

    def add_field(self, name: str, people: np.ndarray, values: np.ndarray) -> None:
        """Add values of a field, records x samples."""
        sums = self.sums.setdefault(name, np.zeros(self.multiallelic.shape))
        numbers = self.numbers.setdefault(name, np.zeros(self.multiallelic.shape, np.int64))
        sums[people] += np.nansum(values, axis=0, dtype=np.float64)
        numbers[people] += np.count_nonzero(~np.isnan(values), axis=0)

    def mean(self, name: str) -> np.ndarray:
        """Mean of a field per person (float64), NaN where there is no value."""
        if name not in self.sums:
            return np.full(self.multiallelic.shape, np.nan)
        numbers = self.numbers[name]
        return np.divide(
            self.sums[name], numbers, out=np.full(numbers.shape, np.nan), where=numbers > 0
        )


def count_genotypes(lake: Lake, cohorts: Cohorts, folder: Path) -> SampleCounts:
    """Count all genotypes once; what is counted per allele goes to files in `folder`.

    One file per cohort: the columns of `alleles.scan_alleles`, those of `COUNTS`, carriers (people
    who have the allele) and carrier (the only one, else 0).
    """
    counts = SampleCounts(cohorts.people.height)
    for number, cohort in enumerate(cohorts):
        alleles = (
            scan_alleles(lake)
            .filter(pl.col("delivery") == cohort.delivery, pl.col("cohort_id") == cohort.cohort_id)
            .sort("record_number", "allele_number")
            .collect()
            .with_columns(
                alternate_count=pl.col("allele_number").max().over("record_number"),
            )
        )
        of_alleles = _count_cohort(cohorts, cohort, alleles, counts)
        alleles.hstack(of_alleles).write_parquet(folder / f"{number}.parquet")
    return counts


def _count_cohort(
    cohorts: Cohorts, cohort: Cohort, alleles: pl.DataFrame, counts: SampleCounts
) -> pl.DataFrame:
    """Count a cohort into `counts`; returns the counts of its alleles, row by row."""
    numbers = alleles["record_number"].to_numpy()
    chromosomes = alleles["chromosome"].rle_id().to_numpy()
    names = alleles["chromosome"]
    of_alleles = np.zeros((alleles.height, CATEGORIES + 2), np.int64)
    columns = _Columns(alleles)
    for batch in cohorts.batches(cohort, with_fields=True):
        for name, values in batch.fields.items():
            counts.add_field(name, cohort.people, values)
        first = np.searchsorted(numbers, batch.record_numbers)
        has_alternate = first < len(numbers)
        has_alternate[has_alternate] = (
            numbers[first[has_alternate]] == batch.record_numbers[has_alternate]
        )
        _count_without_alternate(cohort, batch, ~has_alternate, counts)
        rows = np.flatnonzero(has_alternate)
        place = first[rows]
        packed = batch.packed if len(rows) == len(first) else batch.packed.take(rows)
        for start, stop in _runs(chromosomes[place]):
            part = slice(start, stop)
            is_out = cohorts.excluded(cohort, names[int(place[start])])
            some = packed.take(np.arange(start, stop)) if stop - start < len(rows) else packed
            _count_batch(cohort, some, place[part], columns, is_out, counts, of_alleles)
    return _frame(of_alleles)


class _Columns:
    """What is looked up of alleles, as arrays."""

    def __init__(self, alleles: pl.DataFrame) -> None:
        self.kind = alleles["kind"].to_numpy()
        self.region = alleles["region"].to_numpy()
        self.alternates = alleles["alternate_count"].to_numpy()


def _count_batch(
    cohort: Cohort,
    packed: Packed,
    place: np.ndarray,
    columns: _Columns,
    is_out: np.ndarray,
    counts: SampleCounts,
    of_alleles: np.ndarray,
) -> None:
    """Count records of one chromosome; `place` is the row of the first allele of each."""
    people = cohort.people
    records = categorise(packed)
    for region in np.unique(columns.region[place]).tolist():
        in_region = records[columns.region[place] == region]
        counts.genotypes[region, people] += _count_by_sample(in_region)
    is_single = columns.alternates[place] == 1
    several = np.flatnonzero(~is_single)
    counts.multiallelic[people] += np.isin(records[several], CARRIERS).sum(axis=0)
    for number in range(1, int(columns.alternates[place].max(initial=0)) + 1):
        rows = np.flatnonzero(columns.alternates[place] >= number)
        is_whole = len(rows) == len(place)
        categories = categorise(packed if is_whole else packed.take(rows), number)
        where = place[rows] + number - 1
        is_carrier = _IS_CARRIER[categories]
        for kind in np.unique(columns.kind[where]).tolist():
            of_kind = is_carrier[columns.kind[where] == kind]
            counts.carried[kind, people] += of_kind.sum(axis=0, dtype=np.int64)
        if is_out.any():
            categories[:, is_out] = Category.EXCLUDED
            is_carrier[:, is_out] = False
        of_alleles[where, :CATEGORIES] += _count_by_variant(categories)
        carriers = is_carrier.sum(axis=1)
        of_alleles[where, CATEGORIES] += carriers
        alone = np.flatnonzero(carriers == 1)
        of_alleles[where[alone], CATEGORIES + 1] = people[is_carrier[alone].argmax(axis=1)]


def _count_without_alternate(
    cohort: Cohort, batch: Batch, is_it: np.ndarray, counts: SampleCounts
) -> None:
    """Records without alternate allele are part of the call rate, and of nothing else."""
    if is_it.any():
        records = categorise(batch.packed.take(np.flatnonzero(is_it)))
        counts.genotypes[Region.OTHER, cohort.people] += _count_by_sample(records)


def _count_by_sample(categories: np.ndarray) -> np.ndarray:
    """Samples x CATEGORIES."""
    samples = categories.shape[1]
    index = categories + np.arange(samples, dtype=np.intp) * CATEGORIES
    return np.bincount(index.ravel(), minlength=samples * CATEGORIES).reshape(samples, CATEGORIES)


def _count_by_variant(categories: np.ndarray) -> np.ndarray:
    """Variants x CATEGORIES."""
    variants = len(categories)
    index = categories + (np.arange(variants, dtype=np.intp) * CATEGORIES)[:, None]
    return np.bincount(index.ravel(), minlength=variants * CATEGORIES).reshape(-1, CATEGORIES)


_IS_CARRIER: np.ndarray = np.isin(np.arange(CATEGORIES), CARRIERS)


def _runs(values: np.ndarray) -> Iterator[tuple[int, int]]:
    """Start and stop of each run of equal values."""
    if len(values):
        edges = np.flatnonzero(np.r_[True, values[1:] != values[:-1], True]).tolist()
        yield from pairwise(edges)


def _frame(of_alleles: np.ndarray) -> pl.DataFrame:
    names = [*COUNTS, "carriers", "carrier"]
    used = [*range(len(COUNTS)), CATEGORIES, CATEGORIES + 1]
    return pl.DataFrame({n: of_alleles[:, i] for n, i in zip(names, used, strict=True)})


def total_alleles(folder: Path) -> pl.DataFrame:
    """The counts of each allele over all cohorts, in the order of the genome.

    Columns: allele_id, those of `alleles.PLACE`, kind, region, those of `COUNTS`, carriers,
    carrier (the only one; without meaning where there are several).
    """
    return (
        pl.scan_parquet(folder / "*.parquet")
        .group_by("allele_id")
        .agg(
            *(pl.col(name).first() for name in (*PLACE, "kind", "region")),
            pl.col("alternate_count").max(),
            *(pl.col(name).sum() for name in (*COUNTS, "carriers", "carrier")),
        )
        .filter(pl.sum_horizontal(COUNTS) > 0)
        .sort("genome_build", "chromosome", "position", "allele_id")
        .collect(engine="streaming")
    )
