"""Genotypes of chosen alleles over all cohorts of the lake, as a matrix of copies.

A sample whose file does not have the record was not assessed there: it is missing, not reference,
unless a block of its gVCF file covers the REF. A file that leaves out the records that none of its
samples carries cannot be told from one that did not look.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.coverage import LAST_POSITION, iter_covered
from medplatform.modalities.genomics.genotypes.packed import MISSING, known_copies, rank_copies
from medplatform.modalities.genomics.qc.alleles import PLACE, scan_alleles
from medplatform.modalities.genomics.tables import GENOTYPE, SAMPLE

CHUNK_BYTES = 64 << 20
"""Size of a matrix that is made at once, unless the caller asks for another."""
_UNRECORDED = np.iinfo(np.int8).min
"""While a matrix is filled: no record of the allele has a genotype of the sample.

The other values are those of `known_copies` until then.
"""

_SAMPLE = ["delivery", "sample_id", "patient_id"]
_RECORD = ["delivery", "cohort_id", "record_number"]


@dataclass(frozen=True, slots=True)
class DosageMatrix:
    """Copies of alleles per sample.

    Attributes
    ----------
    dosages : int8, alleles x samples
        Copies, MISSING where any allele was not called or the sample was not assessed.
    alleles : DataFrame
        A row per row of `dosages`: allele_id, and its place.
    samples : DataFrame
        A row per column of `dosages`: delivery, sample_id, patient_id. A sample of several files
        of a delivery is one.
    """

    dosages: np.ndarray
    alleles: pl.DataFrame
    samples: pl.DataFrame


def find_samples(lake: Lake) -> pl.DataFrame:
    """The columns of every matrix: delivery, sample_id, patient_id, sorted."""
    return lake.scan(SAMPLE).select(_SAMPLE).unique().sort(_SAMPLE).collect()


def find_alleles(lake: Lake) -> pl.DataFrame:
    """All alternate alleles of records with genotypes: allele_id and place, in genome order."""
    return (
        scan_alleles(lake)
        .select("allele_id", *PLACE)
        .unique("allele_id")
        .sort("genome_build", "chromosome", "position", "allele_id")
        .collect(engine="streaming")
    )


def read_dosages(lake: Lake, alleles: pl.DataFrame) -> DosageMatrix:
    """One matrix of the given alleles (rows of `find_alleles`), in their order."""
    chunks = list(iter_dosages(lake, alleles))
    samples = chunks[0].samples if chunks else find_samples(lake)
    return DosageMatrix(
        np.concatenate([np.zeros((0, samples.height), np.int8), *(c.dosages for c in chunks)]),
        alleles,
        samples,
    )


def iter_dosages(
    lake: Lake, alleles: pl.DataFrame, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[DosageMatrix]:
    """Matrices of the given alleles (rows of `find_alleles`), some at a time, in their order.

    Memory is bounded by `chunk_bytes`, one part file of the lake, and the index of the wanted
    alleles. Where several records of a delivery have the genotype of a sample, that of the highest
    rank counts (`rank_copies`).
    """
    samples = find_samples(lake)
    columns = _Columns(lake, samples)
    records = _find_records(lake, alleles)
    step = max(1, chunk_bytes // max(1, samples.height))
    for start in range(0, alleles.height, step):
        part = alleles[start : start + step]
        dosages = np.full((part.height, samples.height), _UNRECORDED, np.int8)
        wanted = records.filter(pl.col("row").is_between(start, start + step - 1))
        for key, rows in wanted.group_by("path", "group", maintain_order=True):
            _fill(dosages, Path(str(key[0])), int(str(key[1])), rows, columns, start)
        _fill_covered(lake, dosages, part, samples)
        np.maximum(dosages, MISSING, out=dosages)
        yield DosageMatrix(dosages, part, samples)


class _Columns:
    """Column of the matrix of each sample of a cohort."""

    def __init__(self, lake: Lake, samples: pl.DataFrame) -> None:
        places = (
            lake.scan(SAMPLE)
            .select("cohort_id", "sample_index", *_SAMPLE)
            .collect()
            .join(samples.with_row_index("column"), on=_SAMPLE)
            .sort("sample_index")
        )
        self._columns = {
            (str(key[0]), str(key[1])): rows["column"].to_numpy()
            for key, rows in places.group_by("delivery", "cohort_id", maintain_order=True)
        }

    def __getitem__(self, cohort: tuple[str, str]) -> np.ndarray:
        return self._columns[cohort]


def _find_records(lake: Lake, alleles: pl.DataFrame) -> pl.DataFrame:
    """Where the alleles are: row (of `alleles`), allele_number, and place of the packed cell."""
    wanted = alleles.select("allele_id").with_row_index("row")
    found = (
        scan_alleles(lake)
        .select("allele_id", "allele_number", *_RECORD)
        .join(wanted.lazy(), on="allele_id")
        .select("row", "allele_number", *_RECORD)
        .collect(engine="streaming")
    )
    cells = [_locate(path) for path in lake.files(GENOTYPE.name)]
    places = [cell.join(found, on=_RECORD) for cell in cells]
    return (
        pl.concat(places).sort("path", "group", "place", "row")
        if places
        else pl.DataFrame(schema={"row": pl.UInt32, "path": pl.String, "group": pl.Int64})
    )


def _locate(path: Path) -> pl.DataFrame:
    """The records of a file of genotypes: path, group (of rows), place (in the group)."""
    with pq.ParquetFile(path) as file:
        groups = [
            pl.DataFrame(file.read_row_group(group, columns=_RECORD[1:]))
            .with_row_index("place")
            .with_columns(group=pl.lit(group, pl.Int64))
            for group in range(file.num_row_groups)
        ]
    delivery = path.parent.name.removeprefix("delivery=")
    return pl.concat(groups).with_columns(path=pl.lit(str(path)), delivery=pl.lit(delivery))


def _fill(
    dosages: np.ndarray,
    path: Path,
    group: int,
    records: pl.DataFrame,
    columns: _Columns,
    start: int,
) -> None:
    """Fill in what one group of rows of a file has; `start` is the first row of the chunk."""
    with pq.ParquetFile(path) as file:
        cells = file.read_row_group(group, columns=["genotypes"])["genotypes"].combine_chunks()
    has_genotypes = pl.Series(cells.is_valid().take(pa.array(records["place"].to_numpy())))
    for key, rows in records.filter(has_genotypes).group_by(
        "delivery", "cohort_id", maintain_order=True
    ):
        cohort = columns[str(key[0]), str(key[1])]
        found = cells.take(pa.array(rows["place"].to_numpy()))
        copies = known_copies(found.to_pylist(), rows["allele_number"].to_list(), len(cohort))
        row = rows["row"].to_numpy().astype(np.int64) - start
        for some in _split_repeated(row):  # one after the other
            place = np.ix_(row[some], cohort)
            dosages[place] = _choose(dosages[place], copies[some])


def _choose(known: np.ndarray, further: np.ndarray) -> np.ndarray:
    """Of two genotypes each the one that counts."""
    is_new = known == _UNRECORDED
    if is_new.all():
        return further
    return np.where(is_new | (rank_copies(further) > rank_copies(known)), further, known)


def _fill_covered(
    lake: Lake, dosages: np.ndarray, alleles: pl.DataFrame, samples: pl.DataFrame
) -> None:
    """Put 0 copies where no record is, but a reference block covers the allele."""
    columns = samples.with_row_index("column")
    places = alleles.with_row_index("number").with_columns(LAST_POSITION)
    for covered in iter_covered(lake, places):
        found = covered.join(columns, on=_SAMPLE)
        place = found["number"].to_numpy(), found["column"].to_numpy()
        dosages[place] = np.where(dosages[place] == _UNRECORDED, 0, dosages[place])


def _split_repeated(rows: np.ndarray) -> list[np.ndarray]:
    """Indices of the first occurrence of each row, those of the second, and so on."""
    order = np.argsort(rows, kind="stable")
    first = np.searchsorted(rows[order], rows[order])
    nth = np.empty(len(rows), np.int64)
    nth[order] = np.arange(len(rows)) - first
    return [np.flatnonzero(nth == number) for number in range(int(nth.max(initial=-1)) + 1)]
