"""What only the whole delivery shows: records that stand in it twice, or contradict each other.

A version of a resource is what its source says it is: `meta.versionId` and `meta.lastUpdated` as
delivered, whatever the de-identification policy publishes of them. Records of one version and
other content are a contradiction, all others are versions.

Every accepted record leaves its key and a digest of its bytes in a private file; at the end
DuckDB finds the doubles, on disk where memory does not suffice.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

from collections.abc import Iterable, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medplatform.lake import Stage, Table
from medplatform.lake.part import write_part
from medplatform.modalities.ehr.columns.child import child

VERSIONS = pa.schema(
    {
        "resource_type": pa.string(),
        "local_id": pa.string(),
        "version": pa.string(),
        "version_id": pa.string(),
        "digest": pa.binary(16),
        "source_id": pa.string(),
        "record_number": pa.int64(),
        "byte_offset": pa.int64(),
    }
)
"""One row per accepted record: `version` is the token of what `read_versions` says, `version_id`
what is published."""

_NO_DOUBLES = pa.table(
    {
        "resource_type": pa.array([], pa.string()),
        "source_id": pa.array([], pa.string()),
        "record_number": pa.array([], pa.int64()),
        "byte_offset": pa.array([], pa.int64()),
        "is_same": pa.array([], pa.bool_()),
    }
)
_NO_NAMESAKES = pa.table(
    {
        "source_id": pa.array([], pa.string()),
        "record_number": pa.array([], pa.int64()),
        "version": pa.array([], pa.string()),
    }
)
_PENDING_ROWS = 1 << 16
"""About 10 MB."""
_MEMORY = "128MB"
_LINEAGE = ["source_id", "record_number"]
_SETTLED = """
    with record as (
        select
            *,
            row_number() over (
                partition by resource_type, local_id, version, digest
                order by list_position($sources, source_id), record_number
            ) > 1 as is_same
        from (
            select *
            from read_parquet($files)
            qualify count(*) over (partition by resource_type, local_id) > 1
        )
    ),

    -- Of contradictions the one is first that `medplatform.lake.current` puts first.
    settled as (
        select
            *,
            row_number() over (
                partition by resource_type, local_id, version
                order by is_same, source_id, record_number
            ) > 1 as is_double
        from record
    )
"""
_REPEATED = """
    select 1 from read_parquet($1) group by resource_type, local_id having count(*) > 1 limit 1
"""
"""Few deliveries have two records of one resource, and without them nothing is to be settled."""
_DOUBLES = f"""
    {_SETTLED}
    select resource_type, source_id, record_number, byte_offset, is_same
    from settled
    where is_double
    order by list_position($sources, source_id), record_number
"""
_NAMESAKES = f"""
    {_SETTLED}
    select source_id, record_number, version
    from settled
    where not is_double
    qualify count(*) over (partition by resource_type, local_id, version_id) > 1
"""


def digest_of(line: bytes) -> bytes:
    """What tells two contents apart."""
    return blake2b(line, digest_size=16).digest()


def read_versions(content: pa.StructArray) -> pa.Array:
    """What resources say of their version, as delivered: id and moment; null where neither.

    A moment is the same however it is written: Z or +00:00.
    """
    meta = child(content, "meta")
    parts = child(meta, "versionId"), _moments(child(meta, "lastUpdated"))
    version = pc.binary_join_element_wise(*(part.fill_null("") for part in parts), " ")
    return pc.if_else(pc.equal(version, " "), pa.scalar(None, pa.string()), version)


def _moments(instants: pa.Array) -> pa.Array:
    """Microseconds since 1970 UTC, as text; what cannot be read stays as it is."""
    texts = pl.Series(instants, dtype=pl.String)
    moments = texts.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    read = moments.cast(pl.Int64).cast(pl.String)
    return read.zip_with(read.is_not_null(), texts).to_arrow().cast(pa.string())


class VersionLog:
    """Keys of the accepted records of a delivery, kept in a folder until they are settled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[str] = []
        self._pending: list[pa.Table] = []
        self._rows = 0
        self._has_repeated: bool | None = None
        folder.mkdir()

    def add(self, versions: pa.Table) -> None:
        """Note accepted records (`VERSIONS`)."""
        self._has_repeated = None
        self._pending.append(versions)
        self._rows += versions.num_rows
        if self._rows >= _PENDING_ROWS:
            self._flush()

    def doubles(self, source_ids: Sequence[str]) -> pa.Table:
        """Records whose id and version stood before, in the order of the delivery.

        `is_same` tells those of the same bytes (which say nothing new) from contradictions.
        """
        return self._select(_DOUBLES, source_ids, _NO_DOUBLES)

    def namesakes(self, source_ids: Sequence[str]) -> pa.Table:
        """Versions of a resource that are published under one version id, with their tokens.

        Source_id, record_number and version; none of the doubles is among them.
        """
        return self._select(_NAMESAKES, source_ids, _NO_NAMESAKES)

    def _select(self, query: str, source_ids: Sequence[str], nothing: pa.Table) -> pa.Table:
        self._flush()
        if not self._files:
            return nothing
        with closing(duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY})) as database:
            database.execute("set temp_directory = $1", [str(self._folder / "spill")])
            if self._has_repeated is None:
                repeated = database.sql(_REPEATED, params=[self._files]).fetchall()
                self._has_repeated = bool(repeated)
            if not self._has_repeated:
                return nothing
            values = {"sources": list(source_ids), "files": self._files}
            found = database.sql(query, params=values).to_arrow_table()
            return found.select(nothing.column_names)

    def _flush(self) -> None:
        if self._pending:
            path = self._folder / f"{len(self._files):05d}.parquet"
            pq.write_table(pa.concat_tables(self._pending), path, compression="zstd")
            self._files.append(str(path))
            self._pending, self._rows = [], 0


def name_versions(stage: Stage, tables: Iterable[Table], names: pa.Table) -> None:
    """Give the rows of some records in tables of a closed stage another `version_id`.

    Parameters
    ----------
    names
        The records, by source_id and record_number, and their `version`.
    """
    if names.num_rows == 0:
        return
    known = pl.DataFrame(names)
    parts = stage.parts()
    for table in tables:
        for part in parts.get(table.name, []):
            rows = pl.DataFrame(pq.read_table(part, columns=[*_LINEAGE, "version_id"]))
            named = rows.join(known, on=_LINEAGE, how="left", maintain_order="left")
            if named["version"].null_count() == len(named):
                continue
            version_id = named.select(pl.coalesce("version", "version_id")).to_series().to_arrow()
            content = pq.read_table(part)
            number = content.schema.get_field_index("version_id")
            field = content.schema.field(number)
            content = content.set_column(number, field, version_id.cast(field.type))
            write_part(table, content, part)
