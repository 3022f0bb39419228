"""The genotypes of wanted alleles over all cohorts, patient by patient.

A patient may have been sequenced several times. For each wanted allele the delivery that comes
last by name counts, of those that have a record of it; two samples of a patient in one file are
taken for one, the first.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.genotypes.packed import unpack
from medplatform.modalities.genomics.tables import GENOTYPE, SAMPLE, VARIANT

BATCH_ROWS = 512

Cohort = tuple[str, str]
"""Delivery and cohort_id: the same file may be delivered again with another crosswalk."""

MATCH_COLUMNS = ("number", "delivery", "cohort_id", "variant_id", "allele")
"""What is wanted: number of the wanted allele, and where its genotypes are.

`allele` is its index in the record, -1 where the record is of the same place without the allele.
"""


def scan_genotyped(lake: Lake) -> pl.LazyFrame:
    """The records that have genotypes of patients: the columns of genomics_variant, and cohort_id.

    A record without GT says nothing of its samples, so that it does not count as one of theirs.
    """
    return (
        lake.scan(VARIANT)
        .filter(pl.col("called_count").is_not_null())
        .with_columns(cohort_id="source_id")
    )


class Wanted(NamedTuple):
    """An allele that is wanted of a record, and the cohorts that count in its stead."""

    number: int
    allele: int
    superseded_by: tuple[Cohort, ...]


class Call(NamedTuple):
    """Genotypes of one wanted allele in one cohort.

    `alleles` and `phased` are as `genotypes.unpack` gives them, one row per patient; `patients`
    are their numbers in `Genotyped.patients`.
    """

    wanted: Wanted
    cohort: Cohort
    patients: np.ndarray
    alleles: np.ndarray
    phased: np.ndarray


class Genotyped:
    """Which sample of which cohort is from which patient; patients are numbered by their id."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        samples = (
            lake.scan(SAMPLE)
            .select("delivery", "cohort_id", "sample_index", "patient_id", "genome_build")
            .sort("delivery", "cohort_id", "sample_index")
            .unique(["delivery", "cohort_id", "patient_id"], keep="first", maintain_order=True)
            .collect()
        )
        self.samples = samples
        self.patients: list[str] = samples["patient_id"].unique().sort().to_list()
        numbers = {patient: number for number, patient in enumerate(self.patients)}
        self._samples: dict[Cohort, tuple[np.ndarray, np.ndarray]] = {}
        for key, rows in samples.partition_by(
            "delivery", "cohort_id", as_dict=True, include_key=False
        ).items():
            patients = np.asarray([numbers[patient] for patient in rows["patient_id"]])
            self._samples[str(key[0]), str(key[1])] = (rows["sample_index"].to_numpy(), patients)
        self._known: dict[tuple[Cohort, tuple[Cohort, ...]], tuple[np.ndarray, np.ndarray]] = {}

    def patients_of(self, build: str) -> np.ndarray:
        """Whether each patient has a sample of a genome build (bool)."""
        found = self.samples.filter(genome_build=build)["patient_id"].unique()
        return pl.Series(self.patients, dtype=pl.String).is_in(found.implode()).to_numpy()

    def numbers_of(self, patients: pl.Series) -> np.ndarray:
        """The numbers of patients by their ids; of one without a sample -1."""
        known = pl.Series(self.patients, dtype=pl.String)
        numbers = pl.Series(range(len(known)), dtype=pl.Int64)
        return patients.replace_strict(known, numbers, default=-1).to_numpy()

    def columns(
        self, cohort: Cohort, superseded_by: tuple[Cohort, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sample indices of a cohort and their patients, without patients of later cohorts."""
        key = (cohort, superseded_by)
        if key not in self._known:
            columns, patients = self._samples[cohort]
            later = [self._samples[other][1] for other in superseded_by if other in self._samples]
            is_current = ~np.isin(patients, np.concatenate([*later, np.zeros(0, int)]))
            self._known[key] = (columns[is_current], patients[is_current])
        return self._known[key]

    def cells(self, matches: pl.DataFrame) -> Iterator[tuple[Cohort, list[Wanted], bytes, int]]:
        """The records that hold wanted alleles, in bounded memory.

        Parameters
        ----------
        matches
            One row per wanted allele and record that has it: MATCH_COLUMNS.

        Yields
        ------
        Cohort, what is wanted of the record, its packed genotypes, and their sample count.
        """
        wanted = _wanted(matches)
        names = matches["variant_id"].unique().implode()
        columns = ["delivery", "cohort_id", "variant_id", "genotypes", "sample_count"]
        if matches.is_empty():
            return
        for batch in self._lake.iter_batches(GENOTYPE, columns, BATCH_ROWS):
            mask = pl.Series(batch.column("variant_id")).is_in(names).to_arrow()
            for row in batch.filter(mask).to_pylist():
                cohort = (row["delivery"], row["cohort_id"])
                found = wanted.get((cohort, row["variant_id"]))
                if found and cohort in self._samples and row["genotypes"] is not None:
                    yield cohort, found, row["genotypes"], row["sample_count"]

    def calls(self, matches: pl.DataFrame) -> Iterator[Call]:
        """The genotypes of wanted alleles; see `cells`."""
        for cohort, wanted, cell, samples in self.cells(matches):
            alleles, phased = unpack(cell, samples)
            for each in wanted:
                columns, patients = self.columns(cohort, each.superseded_by)
                if len(columns):
                    yield Call(each, cohort, patients, alleles[columns], phased[columns])


def _wanted(matches: pl.DataFrame) -> dict[tuple[Cohort, str], list[Wanted]]:
    """What is wanted of each record, with the later cohorts that have the same allele."""
    found: dict[tuple[Cohort, str], list[Wanted]] = {}
    sorted_matches = matches.select(MATCH_COLUMNS).sort("number", "delivery", "cohort_id")
    later: Sequence[Cohort] = ()
    last = None
    for number, delivery, cohort_id, variant_id, allele in reversed(sorted_matches.rows()):
        later = later if number == last else ()
        cohort = (delivery, cohort_id)
        others = tuple(other for other in later if other != cohort)
        found.setdefault((cohort, variant_id), []).append(Wanted(number, allele, others))
        later, last = (cohort, *others), number
    return found
