"""The files that genotypes came in, one after the other, in batches of bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medplatform.lake import Lake
from medplatform.modalities.genomics.genotypes.cells import unpack_cells
from medplatform.modalities.genomics.genotypes.packed import Packed
from medplatform.modalities.genomics.tables import GENOTYPE, SAMPLE, VARIANT

BATCH_GENOTYPES = 1 << 21
"""Genotypes that are looked at at once."""
FIELDS = ("format_DP", "format_GQ")
"""Columns of further fields of FORMAT that are averaged, where a file has them."""

_COHORT = ["delivery", "cohort_id"]
_STORED = ["record_number", "genotypes", "sample_count"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records of one cohort.

    `fields` holds float32 matrices, records x samples, NaN where a value is missing, of those of
    `FIELDS` that the file has.
    """

    record_numbers: np.ndarray
    packed: Packed
    fields: dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Cohort:
    """One file of one delivery, and who its samples are.

    Attributes
    ----------
    people : int64, per sample column
        The row of the sample in `Cohorts.people`.
    """

    delivery: str
    cohort_id: str
    people: np.ndarray


class Cohorts:
    """All cohorts of the lake, without the samples of some patients.

    Attributes
    ----------
    people : DataFrame
        One row per sample of a delivery, over all its files: delivery, sample_id, patient_id,
        declared_sex.
    """

    def __init__(self, lake: Lake, without: Sequence[str] = ()) -> None:
        self._lake = lake
        samples = _read_samples(lake)
        person = ["delivery", "sample_id", "patient_id"]
        self.people = (
            samples.group_by(person).agg(pl.col("declared_sex").drop_nulls().last()).sort(person)
        )
        self._is_left_out = self.people["patient_id"].is_in(list(without)).to_numpy()
        self._samples = samples.join(
            self.people.with_row_index("person").select("person", *person), on=person
        )

    def __iter__(self) -> Iterator[Cohort]:
        for key, rows in self._samples.sort(*_COHORT, "sample_index").group_by(
            _COHORT, maintain_order=True
        ):
            people = np.zeros(int(rows["sample_index"].cast(pl.Int64).max() or 0) + 1, np.int64)  # pyright: ignore[reportArgumentType]
            people[rows["sample_index"].to_numpy()] = rows["person"].to_numpy()
            yield Cohort(str(key[0]), str(key[1]), people)

    def batches(self, cohort: Cohort, *, with_fields: bool = False) -> Iterator[Batch]:
        """The records of a cohort that have genotypes."""
        for path in self._lake.files(GENOTYPE.name):
            if path.parent.name != f"delivery={cohort.delivery}":
                continue
            with pq.ParquetFile(path) as file:
                fields = [
                    name for name in FIELDS if with_fields and name in file.schema_arrow.names
                ]
                rows = max(1, BATCH_GENOTYPES // max(1, len(cohort.people)))
                for batch in file.iter_batches(rows, columns=["cohort_id", *_STORED, *fields]):
                    mine = batch.filter(
                        (pc.field("cohort_id") == cohort.cohort_id)
                        & pc.field("genotypes").is_valid()
                    )
                    if mine.num_rows:
                        yield _read_batch(mine, len(cohort.people), fields)

    def excluded(self, cohort: Cohort, chromosome: str) -> np.ndarray:
        """Which samples do not count for a chromosome (bool).

        Those of the patients that are left out, and those of which a delivery that comes later by
        name has the chromosome too.
        """
        is_out = self._is_left_out[cohort.people]
        if (later := self._superseded.get((cohort.delivery, chromosome))) is not None:
            is_out = is_out | np.isin(cohort.people, later)
        return is_out

    @cached_property
    def _superseded(self) -> dict[tuple[str, str], np.ndarray]:
        """Per delivery and chromosome the people whom a later delivery has it of."""
        sample = ["patient_id", "sample_id"]
        if self._samples.select(pl.struct(sample).n_unique()).item() == self.people.height:
            return {}
        chromosomes = (
            self._lake.scan(VARIANT)
            .select("delivery", "chromosome", cohort_id="source_id")
            .unique()
            .collect(engine="streaming")
        )
        older = (
            self._samples.join(chromosomes, on=_COHORT)
            .filter(pl.col("delivery") < pl.col("delivery").max().over(*sample, "chromosome"))
            .select("delivery", "chromosome", "person")
            .unique()
        )
        return {
            (str(key[0]), str(key[1])): rows["person"].to_numpy()
            for key, rows in older.group_by("delivery", "chromosome")
        }


def _read_samples(lake: Lake) -> pl.DataFrame:
    columns = [*_COHORT, "sample_index", "sample_id", "patient_id", "declared_sex"]
    return lake.scan(SAMPLE, columns).collect()


def _read_batch(rows: pa.RecordBatch, samples: int, fields: Sequence[str]) -> Batch:
    return Batch(
        rows["record_number"].to_numpy(),
        unpack_cells(rows["genotypes"], samples),
        {name: _read_field(rows[name], samples) for name in fields},
    )


def _read_field(column: pa.Array, samples: int) -> np.ndarray:
    """Values of a field with one number per sample; NaN for records that have another number."""
    values = np.full((len(column), samples), np.nan, np.float32)
    lengths = pc.fill_null(column.value_lengths(), 0).to_numpy()
    is_whole = lengths == samples
    whole = column.filter(pa.array(is_whole)).flatten()
    if is_whole.any() and not pa.types.is_nested(whole.type):
        values[is_whole] = (
            whole.cast(pa.float32()).to_numpy(zero_copy_only=False).reshape(-1, samples)
        )
    return values
