"""Cuts tables that are larger than memory into slices by their keys."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

_BATCH_ROWS = 1 << 16


def scatter(
    parts: Sequence[Path], columns: list[str], key: list[str], number: int, folder: Path
) -> Iterator[pa.Table]:
    """The rows of Parquet files in a number of slices; rows of equal keys are in one.

    They are written to a folder first, in one pass over the files.
    """
    full = pq.read_schema(parts[0])
    schema = pa.schema([full.field(name) for name in columns]).remove_metadata()
    paths = [folder / f"{n}.arrow" for n in range(number)]
    with ExitStack() as stack:
        slices = [stack.enter_context(pa.ipc.new_file(path, schema)) for path in paths]
        for part in parts:
            for batch in pq.ParquetFile(part).iter_batches(_BATCH_ROWS, columns=columns):
                rows = pa.table(batch).select(columns).cast(schema)
                _write(rows, pl.DataFrame(rows.select(key)), slices)
    for path in paths:
        with pa.ipc.open_file(path) as stored:
            yield stored.read_all()


def _write(
    rows: pa.Table, keys: pl.DataFrame, slices: Sequence[pa.ipc.RecordBatchFileWriter]
) -> None:
    which = keys.hash_rows(seed=0).to_numpy() % len(slices)
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(len(slices)), side="right")
    rows = rows.take(pa.array(order))
    start = 0
    for writer, end in zip(slices, ends.tolist(), strict=True):
        writer.write_table(rows.slice(start, end - start))
        start = end
