"""A stage: where one delivery is written before it is published, with its refusals and counts.

Rows go to part files of bounded size, so memory does not grow with the delivery.
"""

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from medplatform.lake.ledger import Counts
from medplatform.lake.part import write_part
from medplatform.lake.slices import consecutive, count_nulls, have_distinct_keys, scatter
from medplatform.lake.table import Column, Phi, Table

PART_BYTES = 32 << 20
"""Of one table, in memory: what a part file holds."""
PENDING_BYTES = 64 << 20
"""Of all tables together, before the largest is written. Sorting it takes as much once more."""
CHUNK_ROWS = 4096
CELL_BYTES = 8 << 20
"""Of large and nested cells in rows that are not yet an Arrow table."""
NESTED_BYTES = 256
"""About what each structure in a nested cell takes until then."""

QUARANTINE = Table(
    name="quarantine",
    description="One row per reason why a delivered record was refused. The record itself stays "
    "in landing.",
    columns=(
        Column(
            name="unit",
            dtype=pa.string(),
            required=True,
            description="Kind of record: resource, instance, variant, sample, file.",
        ),
        Column(
            name="file",
            dtype=pa.string(),
            required=True,
            description="Label of the file without identifiers; the vault knows its path.",
        ),
        Column(
            name="byte_offset", dtype=pa.int64(), description="Where the record begins in the file."
        ),
        Column(
            name="resource_type",
            dtype=pa.string(),
            description="FHIR resource type, DICOM SOP class or VCF line class, where known.",
        ),
        Column(
            name="element",
            dtype=pa.string(),
            description="FHIRPath, DICOM tag or VCF field at fault.",
        ),
        Column(
            name="code", dtype=pa.string(), required=True, description="Stable name of the reason."
        ),
        Column(
            name="reason",
            dtype=pa.string(),
            required=True,
            description="The reason and its remedy in words, without any value of the record.",
        ),
        Column(
            name="severity",
            dtype=pa.string(),
            required=True,
            values=("error", "warning"),
            description="error: the record was refused; warning: read, with this remark.",
            phi=Phi.NONE,
        ),
        Column(
            name="record_id",
            dtype=pa.string(),
            phi=Phi.PSEUDONYM,
            description="Pseudonym of the record where its id was read: of an image.",
        ),
        Column(
            name="part_of",
            dtype=pa.string(),
            phi=Phi.PSEUDONYM,
            description="Pseudonym of what the record is part of, which lacks it: of a series.",
        ),
    ),
    key=("source_id", "record_number", "code", "element"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one record (or, with `record_number` 0, a whole file) was not accepted."""

    source_id: str
    file: str
    record_number: int
    code: str
    reason: str
    unit: str = "file"
    byte_offset: int | None = None
    resource_type: str | None = None
    element: str | None = None
    severity: Literal["error", "warning"] = "error"
    record_id: str | None = None
    part_of: str | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """What a closed stage holds; can be sent to another process, the files apart."""

    counts: dict[tuple[str, str], Counts]
    refusals: Counter[str]
    kept_kinds: Counter[str]
    parts: dict[str, list[Path]]


class Stage:
    """Collects the rows, refusals and counts of one delivery under a private folder.

    Not thread-safe; one stage per delivery and process.

    Attributes
    ----------
    published
        The rows of a table that other deliveries have published, as a lazy polars frame with all
        its columns: none where the stage is of no lake.
    """

    def __init__(
        self,
        folder: Path,
        generation: str,
        published: Callable[[Table], pl.LazyFrame] = lambda table: table.empty_frame().lazy(),
    ) -> None:
        self.published = published
        self.folder = folder
        self.generation = generation
        self.counts: dict[tuple[str, str], Counts] = defaultdict(Counts)
        self.refusals: Counter[str] = Counter()
        self.kept_kinds: Counter[str] = Counter()
        self.facts: dict[str, str] = {}
        self.reports: dict[str, list[dict[str, Any]]] = {}
        self._rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._chunks: dict[str, list[pa.Table]] = defaultdict(list)
        self._schemas: dict[str, pa.Schema] = {}
        self._bytes: Counter[str] = Counter()
        self._cell_bytes: Counter[str] = Counter()
        self._parts: dict[str, list[Path]] = defaultdict(list)
        self._tables: dict[str, Table] = {}
        folder.mkdir(parents=True)

    def write(self, table: Table, rows: Iterable[Mapping[str, Any]] | pa.Table) -> None:
        """Add rows of a table, as mappings or as an Arrow table of exactly its schema.

        The Arrow table of an open one has more columns.
        """
        self._tables[table.name] = table
        if isinstance(rows, pa.Table):
            self._add_chunk(table, rows)
            return
        pending = self._rows[table.name]
        for row in rows:
            pending.append(row)
            large = sum(len(row.get(name) or b"") for name in table.large)
            nested = sum(len(row.get(name) or ()) for name in table.nested)
            self._cell_bytes[table.name] += large + nested * NESTED_BYTES
        if len(pending) >= CHUNK_ROWS or self._cell_bytes[table.name] >= CELL_BYTES:
            self._flush_rows(table)

    def refuse(self, refusal: Refusal) -> None:
        """Record one reason. Counting the record as quarantined is the caller's: see `count`."""
        self.refusals[refusal.code] += 1
        row = {column.name: getattr(refusal, column.name) for column in QUARANTINE.all_columns}
        self.write(QUARANTINE, [row])

    def count(self, source_id: str, unit: str, **amounts: int) -> None:
        """Add to `delivered`, `accepted`, `quarantined`, `blank` or `kept` of a source file."""
        counts = self.counts[source_id, unit]
        for name, amount in amounts.items():
            setattr(counts, name, getattr(counts, name) + amount)

    def counts_by_source(self) -> dict[str, dict[str, Counts]]:
        """Counts per kind of record, per source file."""
        grouped: dict[str, dict[str, Counts]] = defaultdict(dict)
        for (source_id, unit), counts in self.counts.items():
            grouped[source_id][unit] = counts
        return grouped

    def keep(self, source_id: str, unit: str, kind: str, records: int = 1) -> None:
        """Count valid records of a kind that has no table: they stay in landing."""
        self.kept_kinds[kind] += records
        self.count(source_id, unit, kept=records)

    def rows_staged(self, table: str) -> int:
        """Rows written so far (all of them, after `close`)."""
        written = sum(pq.read_metadata(part).num_rows for part in self._parts[table])
        return written + len(self._rows[table]) + sum(c.num_rows for c in self._chunks[table])

    def read(self, table: str, columns: list[str] | None = None) -> pa.Table:
        """Read back what was staged (after `close`), some columns or all."""
        schema = self._tables[table].schema()
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        parts = [pq.read_table(part, columns=columns) for part in self._parts[table]]
        return pa.concat_tables(parts) if parts else schema.empty_table()

    def slices(
        self, table: str, columns: list[str], most: int, *, together: bool
    ) -> Iterator[pa.Table]:
        """Read back all rows of a table (after `close`) in slices of about so many.

        Where they have to be `together`, rows of equal keys are in one slice, and `columns` must
        have those of the key.
        """
        number = -(-self.rows_staged(table) // most)
        if number <= 1:
            yield self.read(table, columns)
        elif together:
            key = list(self._tables[table].key)
            with TemporaryDirectory(dir=self.folder) as folder:
                yield from scatter(self._parts[table], columns, key, number, Path(folder))
        else:
            yield from consecutive(self._parts[table], columns, most)

    def has_distinct_keys(self, table: str) -> bool:
        """Whether no two rows of a table (after `close`) have the same key.

        False may be wrong, True never is.
        """
        return have_distinct_keys(self._parts[table], list(self._tables[table].key))

    def null_counts(self, table: str) -> dict[str, int]:
        """How many values are missing in the columns of which the files of a table tell."""
        return count_nulls(self._parts[table])

    def columns(self, table: str) -> list[str]:
        """The columns that the staged files of a table have."""
        return pq.read_schema(self._parts[table][0]).names

    def table(self, name: str) -> Table:
        """The declaration of what was written to a table; KeyError where nothing was."""
        return self._tables[name]

    def tables(self) -> list[str]:
        """Names of the tables that have rows, without the quarantine."""
        return sorted(name for name, parts in self._parts.items() if parts and name != "quarantine")

    def drop(self, tables: Iterable[str]) -> None:
        """Forget staged tables: a rejected delivery publishes none."""
        for name in list(tables):
            for part in self._parts.pop(name, []):
                part.unlink()

    def remove(self, records: pa.Table, tables: Collection[str] | None = None) -> None:
        """Take back the rows of some records (after `close`), from some tables or all.

        `records` has their source_id and record_number.
        """
        for name, parts in self._parts.items():
            if name != QUARANTINE.name and (tables is None or name in tables):
                for part in parts:
                    self._remove_from(part, self._tables[name], records)

    def _remove_from(self, part: Path, table: Table, records: pa.Table) -> None:
        lineage = ["source_id", "record_number"]
        found = pq.read_table(part, columns=lineage)
        if found.join(records, lineage, join_type="left semi").num_rows:
            rows = pq.read_table(part)
            gone = pl.DataFrame(records.select(lineage)).with_columns(is_gone=pl.lit(True))
            marked = pl.DataFrame(found).join(gone, on=lineage, how="left", maintain_order="left")
            write_part(table, rows.filter(marked["is_gone"].is_null().to_arrow()), part)

    def close(self) -> None:
        """Write what is still in memory."""
        for table in list(self._tables.values()):
            self._flush_rows(table)
            self._flush_chunks(table)

    def parts(self) -> dict[str, list[Path]]:
        """The closed part files per table, the quarantine among them."""
        return {name: list(parts) for name, parts in self._parts.items()}

    def staged(self) -> Staged:
        """What this stage holds (after `close`), for another stage to absorb."""
        return Staged(dict(self.counts), self.refusals, self.kept_kinds, self.parts())

    def absorb(self, staged: Staged, tables: Mapping[str, Table]) -> None:
        """Add what another stage holds, which another process may have filled; its files are moved.

        `tables` are the declarations of its tables by name, without the quarantine.
        """
        for key, counts in staged.counts.items():
            self.counts[key] += counts
        self.refusals.update(staged.refusals)
        self.kept_kinds.update(staged.kept_kinds)
        for name, parts in staged.parts.items():
            self._tables[name] = QUARANTINE if name == QUARANTINE.name else tables[name]
            for part in parts:
                part.rename(self._next_part(name))

    def discard(self) -> None:
        """Remove the folder and all in it."""
        self.clear(self.folder)

    @staticmethod
    def clear(folder: Path) -> None:
        """Remove what a stage left in a folder, after a kill too."""
        if folder.exists():
            shutil.rmtree(folder)

    def _flush_rows(self, table: Table) -> None:
        rows = self._rows.pop(table.name, [])
        self._cell_bytes[table.name] = 0
        if rows:
            self._add_chunk(table, pa.Table.from_pylist(list(rows), schema=table.schema()))

    def _add_chunk(self, table: Table, chunk: pa.Table) -> None:
        if table.is_open and not self._fits(table, chunk.schema):
            self._flush_chunks(table)
            self._schemas[table.name] = chunk.schema
        self._chunks[table.name].append(chunk)
        self._bytes[table.name] += chunk.nbytes
        if self._bytes[table.name] >= PART_BYTES:
            self._flush_chunks(table)
        while self._bytes.total() >= PENDING_BYTES:
            self._flush_chunks(self._tables[max(self._bytes, key=self._bytes.__getitem__)])

    def _fits(self, table: Table, schema: pa.Schema) -> bool:
        """Whether a chunk can be in one file with those before it: sources type columns alike."""
        try:
            known = self._schemas.get(table.name, schema)
            self._schemas[table.name] = pa.unify_schemas([known, schema])
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            return False
        return True

    def _flush_chunks(self, table: Table) -> None:
        chunks = self._chunks.pop(table.name, [])
        self._bytes[table.name] = 0
        if not chunks:
            return
        content = pa.concat_tables(chunks, promote_options="default" if table.is_open else "none")
        if table.sort_by:
            content = content.sort_by([(name, "ascending") for name in table.sort_by])
        write_part(table, content, self._next_part(table.name))

    def _next_part(self, table: str) -> Path:
        """Where the next file of a table is to be written."""
        path = self.folder / table / f"part-{self.generation}-{len(self._parts[table]):05d}.parquet"
        path.parent.mkdir(exist_ok=True)
        self._parts[table].append(path)
        return path
