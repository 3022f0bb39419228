"""The genotypes of wanted alleles over all cohorts, patient by patient.

A patient may have been sequenced several times. For each wanted allele the delivery that comes
last by name counts, of those that have a record of it, and only without any such one a record of
the same place; two samples of a patient in one file are taken for one, the first. An allele may
stand in several records of a file (`allele.repeated`): they are one call.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.phase import (
    PHASE_COLUMNS,
    Genotype,
    Phase,
    find_phases,
)
from medplatform.modalities.genomics.genotypes.packed import ABSENT, MISSING, rank_copies, unpack
from medplatform.modalities.genomics.tables import GENOTYPE, SAMPLE, VARIANT

BATCH_ROWS = 512

Cohort = tuple[str, str]
"""Delivery and cohort_id: the same file may be delivered again with another crosswalk."""

MATCH_COLUMNS = ("number", "delivery", "cohort_id", "variant_id", "allele")
"""What is wanted: number of the wanted allele, and where its genotypes are.

`allele` is its index in the record, ANOTHER where the record is of the same place without it.
"""

ANOTHER = -1
"""Instead of the index of an allele in a record: the record has it not, but its place."""

NEWEST_FIRST = ("GRCh38", "GRCh37", "NCBI36", None)
"""Genome builds as they count where a patient has as much of either; None is not known."""

WANTED = 1
"""In `Call.alleles`: the wanted allele. Any other is 0."""


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


class Record(NamedTuple):
    """A record that has genotypes of wanted alleles; `formats` are cells of further columns."""

    cohort: Cohort
    variant_id: str
    wanted: list[Wanted]
    genotypes: bytes
    sample_count: int
    formats: Mapping[str, pa.ListScalar]


class Call(NamedTuple):
    """Genotypes of one wanted allele in one cohort, whichever records it stands in.

    Attributes
    ----------
    number
        Of the wanted allele.
    patients
        Their numbers in `Genotyped.patients`.
    alleles : int8, patients x ploidy
        WANTED, 0 for any other allele, MISSING or ABSENT.
    phases
        By number of the patient, where phases of the wanted allele were asked for and are known.
    """

    number: int
    cohort: Cohort
    patients: np.ndarray
    alleles: np.ndarray
    phases: Mapping[int, frozenset[Phase]]

    @property
    def copies(self) -> np.ndarray:
        """Copies of the wanted allele per patient (int64)."""
        return (self.alleles == WANTED).sum(axis=1)

    @property
    def is_whole(self) -> np.ndarray:
        """Whether all alleles of a patient's genotype were called (bool)."""
        return (self.alleles != MISSING).all(axis=1)

    @property
    def is_called(self) -> np.ndarray:
        """Whether the genotype tells if the patient has the allele (bool): `./1` does."""
        return self.is_whole | (self.copies > 0)


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

    def builds(self) -> dict[Cohort, str | None]:
        """The genome build of each cohort."""
        columns = self.samples.select("delivery", "cohort_id", "genome_build").unique()
        return {(delivery, cohort_id): build for delivery, cohort_id, build in columns.iter_rows()}

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
        """Sample indices of a cohort and their patients, without those of cohorts before it."""
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
        for record in self._records(matches):
            yield record.cohort, record.wanted, record.genotypes, record.sample_count

    def calls(self, matches: pl.DataFrame, *, with_phases: bool = False) -> Iterator[Call]:
        """The genotypes of wanted alleles (see `cells`), once per allele and cohort."""
        key = ["number", "delivery", "cohort_id"]
        repeated = matches.group_by(key).len().filter(pl.col("len") > 1)
        expected = {(row[0], row[1:3]): row[3] for row in repeated.select(*key, "len").iter_rows()}
        waiting: dict[tuple[int, Cohort], list[tuple[str, Call]]] = {}
        for record in self._records(matches, PHASE_COLUMNS if with_phases else ()):
            for call in self._calls_of(record, with_phases):
                place = (call.number, call.cohort)
                if place not in expected:
                    yield call
                    continue
                waiting.setdefault(place, []).append((record.variant_id, call))
                if len(waiting[place]) == expected[place]:
                    yield _merge(waiting.pop(place))
        yield from map(_merge, waiting.values())

    def _records(self, matches: pl.DataFrame, formats: Sequence[str] = ()) -> Iterator[Record]:
        """The records that hold wanted alleles, with the columns `formats` where they have them."""
        if matches.is_empty():
            return
        wanted = _wanted(matches)
        names = matches["variant_id"].unique().implode()
        columns = ["delivery", "cohort_id", "variant_id", "genotypes", "sample_count"]
        for batch in self._lake.iter_batches(GENOTYPE, [*columns, *formats], BATCH_ROWS):
            mask = pl.Series(batch.column("variant_id")).is_in(names).to_arrow()
            rows = batch.filter(mask)
            known = [name for name in formats if name in rows.schema.names]
            for index, row in enumerate(rows.select(columns).to_pylist()):
                cohort = (row["delivery"], row["cohort_id"])
                found = wanted.get((cohort, row["variant_id"]))
                if found and cohort in self._samples and row["genotypes"] is not None:
                    cells = {name: rows.column(name)[index] for name in known}
                    cells = {name: cell for name, cell in cells.items() if cell.is_valid}
                    content = (row["genotypes"], row["sample_count"])
                    yield Record(cohort, row["variant_id"], found, *content, cells)

    def _calls_of(self, record: Record, with_phases: bool) -> Iterator[Call]:
        """What one record says of each allele that is wanted of it."""
        alleles, phased = unpack(record.genotypes, record.sample_count)
        for number, allele, superseded_by in record.wanted:
            columns, patients = self.columns(record.cohort, superseded_by)
            if not len(columns):
                continue
            found = alleles[columns]
            recoded = np.where(found < 0, found, (found == allele) * WANTED).astype(np.int8)
            call = Call(number, record.cohort, patients, recoded, {})
            if with_phases:
                rows = np.flatnonzero(call.copies)
                known = _phases_of(record, allele, columns[rows], alleles, phased)
                phases = zip(patients[rows].tolist(), known, strict=True)
                call = call._replace(phases={patient: found for patient, found in phases if found})
            yield call


def _phases_of(
    record: Record, allele: int, samples: np.ndarray, alleles: np.ndarray, phased: np.ndarray
) -> Iterator[frozenset[Phase]]:
    """The phases of an allele in some samples, of the unpacked genotypes of all."""
    for sample in samples.tolist():
        genotype = Genotype(record.variant_id, sample, alleles[sample], phased[sample])
        yield find_phases(record.formats, genotype, allele)


def _merge(calls: Sequence[tuple[str, Call]]) -> Call:
    """One call of several, each with the name of its record, of one allele and cohort.

    Of each patient the record of the highest rank counts (`rank_copies`); then the one of a known
    phase set, and of the first name. With which alleles it is in one genotype, any record may tell.
    """
    ordered = [call for _, call in sorted(calls, key=lambda named: named[0])]
    patients = ordered[0].patients
    ploidy = max(call.alleles.shape[1] for call in ordered)
    ranks = []  # of each record one row, of patients
    for call in ordered:
        copies = np.where(call.is_whole, call.copies, MISSING - call.copies)
        phased = [patient for patient, found in call.phases.items() if not _own(found) >= found]
        ranks.append(rank_copies(copies) * 2 + np.isin(patients, phased))
    best = np.argmax(ranks, axis=0)
    alleles = np.full((len(patients), ploidy), ABSENT, np.int8)
    phases: dict[int, frozenset[Phase]] = {}
    for number, call in enumerate(ordered):
        rows = np.flatnonzero(best == number)
        alleles[rows, : call.alleles.shape[1]] = call.alleles[rows]
        chosen = set(patients[rows].tolist())
        for patient, found in call.phases.items():
            counted = found if patient in chosen else _own(found)
            phases[patient] = phases.get(patient, frozenset()) | counted
    return ordered[0]._replace(alleles=alleles, phases=phases)


def _own(phases: frozenset[Phase]) -> frozenset[Phase]:
    return frozenset(phase for phase in phases if phase.is_own)


def _wanted(matches: pl.DataFrame) -> dict[tuple[Cohort, str], list[Wanted]]:
    """What is wanted of each record, with the cohorts that count before it.

    Those are the later ones that have the same allele, and before records of ANOTHER one all that
    have it.
    """
    found: dict[tuple[Cohort, str], list[Wanted]] = {}
    ascending = matches.select(MATCH_COLUMNS).sort(
        "number", pl.col("allele") != ANOTHER, "delivery", "cohort_id", "variant_id", "allele"
    )
    before: Sequence[Cohort] = ()
    last = None
    for number, delivery, cohort_id, variant_id, allele in reversed(ascending.rows()):
        before = before if number == last else ()
        cohort = (delivery, cohort_id)
        others = tuple(other for other in before if other != cohort)
        found.setdefault((cohort, variant_id), []).append(Wanted(number, allele, others))
        before, last = (cohort, *others), number
    return found
