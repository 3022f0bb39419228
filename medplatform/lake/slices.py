"""Looks at tables that are larger than memory: slice by slice, or at what their files tell."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

_BATCH_ROWS = 1 << 16
_MOST_HASHED = 1 << 22
"""Rows whose keys are compared in memory, which takes some 20 bytes each."""


def consecutive(parts: Sequence[Path], columns: list[str], most: int) -> Iterator[pa.Table]:
    """The rows of Parquet files in their order, so many at once at most."""
    schema = _schema(parts, columns)
    for part in parts:
        for batch in pq.ParquetFile(part).iter_batches(most, columns=columns):
            yield pa.table(batch).select(columns).cast(schema)


def scatter(
    parts: Sequence[Path], columns: list[str], key: list[str], number: int, folder: Path
) -> Iterator[pa.Table]:
    """The rows of Parquet files in a number of slices; rows of equal keys are in one.

    They are written to a folder first, in one pass over the files.
    """
    schema = _schema(parts, columns)
    paths = [folder / f"{n}.arrow" for n in range(number)]
    with ExitStack() as stack:
        slices = [stack.enter_context(pa.ipc.new_file(path, schema)) for path in paths]
        for part in parts:
            for batch in pq.ParquetFile(part).iter_batches(_BATCH_ROWS, columns=columns):
                rows = pa.table(batch).select(columns).cast(schema)
                _write(rows, hash_rows(rows.select(key)), slices)
    for path in paths:
        with pa.ipc.open_file(path) as stored:
            yield stored.read_all()


def have_distinct_keys(parts: Sequence[Path], key: list[str]) -> bool:
    """Whether no two rows of Parquet files have the same key.

    False may be wrong (of two hashes of 64 bits that are equal by chance, and of more rows than are
    compared in memory), True never is.
    """
    rows = sum(pq.read_metadata(part).num_rows for part in parts)
    if not 0 < rows <= _MOST_HASHED:
        return rows == 0
    batches = (
        hash_rows(pa.table(batch).select(key))
        for part in parts
        for batch in pq.ParquetFile(part).iter_batches(_BATCH_ROWS, columns=key)
    )
    hashes = pl.concat(batches)
    return hashes.n_unique() == len(hashes)


def count_nulls(parts: Sequence[Path]) -> dict[str, int]:
    """Nulls per column of Parquet files, by their footers.

    Columns of which a footer does not tell are left out: nested ones, and floating ones, where NaN
    is missing too.
    """
    schema = pq.read_schema(parts[0])
    told = {
        field.name: 0
        for field in schema
        if not (pa.types.is_nested(field.type) or pa.types.is_floating(field.type))
    }
    for part in parts:
        footer = pq.read_metadata(part)
        for group in range(footer.num_row_groups):
            row_group = footer.row_group(group)
            for place in range(row_group.num_columns):
                column = row_group.column(place)
                if column.path_in_schema in told:
                    statistics = column.statistics
                    if statistics is None or not statistics.has_null_count:
                        del told[column.path_in_schema]
                    else:
                        told[column.path_in_schema] += statistics.null_count
    return told


def hash_rows(rows: pa.Table) -> pl.Series:
    """A number for each row (uint64): equal rows have equal ones."""
    return pl.DataFrame(rows).hash_rows(seed=0)


def _schema(parts: Sequence[Path], columns: list[str]) -> pa.Schema:
    full = pq.read_schema(parts[0])
    return pa.schema([full.field(name) for name in columns]).remove_metadata()


def _write(
    rows: pa.Table, hashes: pl.Series, slices: Sequence[pa.ipc.RecordBatchFileWriter]
) -> None:
    which = hashes.to_numpy() % len(slices)
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(len(slices)), side="right")
    rows = rows.take(pa.array(order))
    start = 0
    for writer, end in zip(slices, ends.tolist(), strict=True):
        writer.write_table(rows.slice(start, end - start))
        start = end
