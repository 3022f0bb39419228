"""Cells of the lake by key: frames and masks, decoded."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from medplatform.lake import Lake, Table

Key = tuple[Any, ...]
Place = tuple[Path, int, int]
"""File, row group, and row in it."""


class Cells:
    """Finds rows of a table of large cells by their key, and reads no other row group.

    The keys of the whole table are in memory, the cells never. Reading is thread-safe. Rows that
    share a key are taken to be the same, whichever delivery they came in.
    """

    def __init__(
        self, lake: Lake, table: Table, key: Sequence[str], columns: Sequence[str]
    ) -> None:
        self._columns = list(columns)
        self._metadata: dict[Path, pq.FileMetaData] = {}
        self.places: dict[Key, Place] = {}
        for path in lake.files(table.name):
            with pq.ParquetFile(path) as file:
                self._metadata[path] = file.metadata
                columns_of_key = file.read(columns=list(key)).to_pydict()
            keys = zip(*(columns_of_key[name] for name in key), strict=True)
            for each, place in zip(keys, _places(path, self._metadata[path]), strict=True):
                self.places[each] = place

    def read(self, keys: Iterable[Key]) -> dict[Key, Mapping[str, Any]]:
        """The rows of these keys; KeyError where there is none."""
        wanted: dict[tuple[Path, int], list[tuple[int, Key]]] = defaultdict(list)
        for key in keys:
            path, group, row = self.places[key]
            wanted[path, group].append((row, key))
        found: dict[Key, Mapping[str, Any]] = {}
        for (path, group), rows in wanted.items():
            with pq.ParquetFile(path, metadata=self._metadata[path], memory_map=True) as file:
                table = file.read_row_group(group, columns=self._columns, use_threads=False)
            taken = table.take([row for row, _ in rows]).to_pylist()
            found.update(zip((key for _, key in rows), taken, strict=True))
        return found


def _places(path: Path, metadata: pq.FileMetaData) -> Iterable[Place]:
    for group in range(metadata.num_row_groups):
        for row in range(metadata.row_group(group).num_rows):
            yield path, group, row
