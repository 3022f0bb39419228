"""What only the whole delivery shows: records that stand in it twice, or contradict each other.

Every accepted record leaves its key and a digest of its bytes in a private file; at the end
DuckDB finds the doubles, on disk where memory does not suffice.
"""

from collections.abc import Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

VERSIONS = pa.schema(
    {
        "resource_type": pa.string(),
        "local_id": pa.string(),
        "version_id": pa.string(),
        "digest": pa.binary(16),
        "source_id": pa.string(),
        "record_number": pa.int64(),
        "byte_offset": pa.int64(),
    }
)
"""One row per accepted record."""

_NO_DOUBLES = pa.table(
    {
        "resource_type": pa.array([], pa.string()),
        "source_id": pa.array([], pa.string()),
        "record_number": pa.array([], pa.int64()),
        "byte_offset": pa.array([], pa.int64()),
        "is_same": pa.array([], pa.bool_()),
    }
)
_PENDING_ROWS = 1 << 16
"""About 10 MB."""
_MEMORY = "128MB"
_DOUBLES = """
    select
        resource_type, source_id, record_number, byte_offset,
        row_number() over content > 1 as is_same
    from (
        select *, list_position($sources, source_id) as source_number
        from read_parquet($files)
    )
    window
        version as (
            partition by resource_type, local_id, version_id
            order by source_number, record_number
        ),
        content as (
            partition by resource_type, local_id, version_id, digest
            order by source_number, record_number
        )
    qualify row_number() over version > 1
    order by source_number, record_number
"""


def digest_of(line: bytes) -> bytes:
    """What tells two contents apart."""
    return blake2b(line, digest_size=16).digest()


class VersionLog:
    """Keys of the accepted records of a delivery, kept in a folder until they are settled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[str] = []
        self._pending: list[pa.Table] = []
        self._rows = 0
        folder.mkdir()

    def add(self, versions: pa.Table) -> None:
        """Note accepted records (`VERSIONS`)."""
        self._pending.append(versions)
        self._rows += versions.num_rows
        if self._rows >= _PENDING_ROWS:
            self._flush()

    def doubles(self, source_ids: Sequence[str]) -> pa.Table:
        """Records whose id and version stood before, in the order of the delivery.

        `is_same` tells those of the same bytes (which say nothing new) from contradictions.
        """
        self._flush()
        if not self._files:
            return _NO_DOUBLES
        with closing(duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY})) as database:
            database.execute("set temp_directory = $1", [str(self._folder / "spill")])
            values = {"sources": list(source_ids), "files": self._files}
            return (
                database.sql(_DOUBLES, params=values)
                .to_arrow_table()
                .select(_NO_DOUBLES.column_names)
            )

    def _flush(self) -> None:
        if self._pending:
            path = self._folder / f"{len(self._files):05d}.parquet"
            pq.write_table(pa.concat_tables(self._pending), path, compression="zstd")
            self._files.append(str(path))
            self._pending, self._rows = [], 0
