"""The data files: a stream of sorted events cut into shards of whole subjects."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from meds import DataSchema, data_subdirectory

from medplatform.meds.kinds import KINDS
from medplatform.meds.subjects import SPLITS

SCHEMA = pa.schema(
    [
        *DataSchema.schema(),
        pa.field("occurred_at", pa.timestamp("us")),
        pa.field("unit", pa.string()),
        pa.field("encounter_id", pa.string()),
        pa.field("source_table", pa.string()),
    ]
)
"""The columns of a shard; those after text_value are extensions, which the standard allows."""

_ROW_GROUP_ROWS = 1 << 16
_TABLES = pa.array([kind.source.table.name for kind in KINDS])
_SPLIT_NAMES = list(SPLITS.values())


@dataclass(slots=True)
class Written:
    """What was written so far."""

    subjects: dict[str, list[np.ndarray]] = field(
        default_factory=lambda: {split: [] for split in _SPLIT_NAMES}
    )
    """Of each split, the subject ids (int64) in parts."""
    shards: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    by_kind: np.ndarray = field(default_factory=lambda: np.zeros(len(KINDS), np.int64))


def write_shards(events: Iterable[pa.RecordBatch], root: Path, subjects_per_shard: int) -> Written:
    """Write `data/<split>/<shard>.parquet` below a root and return what was written.

    `events` are sorted by split and subject; a row group is all that is held in memory.
    """
    (root / data_subdirectory).mkdir()
    written = Written()
    shard: _Shard | None = None
    for split, number, part, subjects in _cut(events, subjects_per_shard):
        if shard is None or (split, number) != shard.name:
            if shard:
                shard.close()
            shard = _Shard(root, split, number)
            written.shards[split] += 1
        shard.write(part)
        written.events[split] += part.num_rows
        written.subjects[split].append(subjects)
        written.by_kind += np.bincount(part["kind"].to_numpy(), minlength=len(KINDS))
    if shard:
        shard.close()
    return written


def _cut(
    events: Iterable[pa.RecordBatch], subjects_per_shard: int
) -> Iterator[tuple[str, int, pa.RecordBatch, np.ndarray]]:
    """Parts of batches that lie in one shard: split, shard number, rows, subjects new in them."""
    last_split, last_subject, subjects_before = -1, -1, 0
    for batch in events:
        splits, subjects = batch["split"].to_numpy(), batch["subject_id"].to_numpy()
        for start, end in _runs(splits):
            split, ids = int(splits[start]), subjects[start:end]
            if split != last_split:
                last_split, last_subject, subjects_before = split, -1, 0
            is_new = np.diff(ids, prepend=last_subject) != 0
            ordinals = subjects_before + np.cumsum(is_new) - 1
            last_subject, subjects_before = int(ids[-1]), int(ordinals[-1]) + 1
            shards = ordinals // subjects_per_shard
            for first, after in _runs(shards):
                part = batch.slice(start + first, after - first)
                new = ids[first:after][is_new[first:after]]
                yield _SPLIT_NAMES[split], int(shards[first]), part, new


def _runs(values: np.ndarray) -> Iterator[tuple[int, int]]:
    """First position, and the one after the last, of each run of equal values."""
    edges = np.flatnonzero(np.diff(values)) + 1
    bounds = [0, *edges.tolist(), len(values)]
    yield from ((a, b) for a, b in pairwise(bounds) if b > a)


class _Shard:
    """One file, written in row groups of a fixed size: equal events give equal bytes."""

    def __init__(self, root: Path, split: str, number: int) -> None:
        self.name = split, number
        self._path = root / data_subdirectory / split / f"{number}.parquet"
        self._path.parent.mkdir(exist_ok=True)
        self._stream = self._path.open("wb")
        self._writer = pq.ParquetWriter(self._stream, SCHEMA, compression="zstd")
        self._parts: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, part: pa.RecordBatch) -> None:
        self._parts.append(part)
        self._rows += part.num_rows
        if self._rows >= _ROW_GROUP_ROWS:
            rows = pa.Table.from_batches(self._parts)
            whole = self._rows - self._rows % _ROW_GROUP_ROWS
            for start in range(0, whole, _ROW_GROUP_ROWS):
                self._write_group(rows.slice(start, _ROW_GROUP_ROWS))
            self._parts = rows.slice(whole).to_batches()
            self._rows -= whole

    def close(self) -> None:
        if self._rows:
            self._write_group(pa.Table.from_batches(self._parts))
        self._writer.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()

    def _write_group(self, rows: pa.Table) -> None:
        # One chunk a column: where chunks end would show in the pages.
        columns = rows.select(
            ["subject_id", "time", "code", "number", "text", "occurred_at", "unit", "encounter_id"]
        ).combine_chunks()
        table = pc.take(_TABLES, rows["kind"].combine_chunks())  # pyright: ignore[reportAttributeAccessIssue]
        arrays = [column.combine_chunks() for column in columns.columns]
        group = [
            array.cast(target.type) for array, target in zip([*arrays, table], SCHEMA, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(group, schema=SCHEMA))
