"""Publish deliveries and scan tables. All storage calls of the platform go through here.

Publishing order: part files are staged under a private folder, renamed into place, and the ledger
entry is written last. Readers list only what the ledger names, so a process killed at any point
leaves either the old or the new state, and the next run clears the rest away.
"""

import errno
import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from medplatform import __version__
from medplatform.lake.ledger import Ledger, LedgerEntry, SourceEntry, WrittenFile, flush_folder
from medplatform.lake.part import describe
from medplatform.lake.stage import QUARANTINE, Stage
from medplatform.lake.table import Table, TableFamily

if TYPE_CHECKING:
    import duckdb


DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LakeError(RuntimeError):
    """The lake could not do what was asked; nothing was published. The message says the remedy."""


class DeliveryLocked(LakeError):
    """Another process works on the delivery."""


class Lake:
    """The lake under one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = Ledger(root / "_ledger")

    @contextmanager
    def stage(self, modality: str, delivery: str, generation: str) -> Iterator[Stage]:
        """Lock a delivery, clear what an interrupted run left, and open a stage for it.

        Raises
        ------
        DeliveryLocked
            Another process works on the same delivery.
        LakeError
            The disk is full.
        """
        with self._lock(modality, delivery):
            folder = self.root / "_staging" / modality / delivery
            stage = None
            try:
                self._sweep(modality, delivery)
                stage = Stage(
                    folder,
                    generation,
                    lambda table: self.scan(table).filter(pl.col("delivery") != delivery),
                )
                yield stage
            except OSError as error:
                if error.errno not in DISK_FULL:
                    raise
                raise LakeError(
                    f"The disk of {self.root} is full ({error.strerror}) while writing "
                    f"{modality}/{delivery}. Nothing of it was published. Free some space and "
                    f"run the ingest again."
                ) from error
            finally:
                if stage:
                    stage.discard()

    def publish(
        self,
        stage: Stage,
        *,
        modality: str,
        delivery: str,
        status: Literal["published", "rejected", "duplicate"],
        content_digest: str,
        sources: Sequence[SourceEntry],
        findings: Sequence[dict] = (),
        duplicate_of: str | None = None,
        standing: LedgerEntry | None = None,
        started_at: datetime,
    ) -> LedgerEntry:
        """Move the staged files into place and write the ledger entry last.

        With `standing`, an earlier entry of the delivery, that one stays in force and the new one
        is noted in it as rejected attempt.
        """
        stage.close()
        counts = stage.counts_by_source()
        for source in sources:
            # Two files of equal bytes share their id and their counts: the first carries them.
            source.counts = counts.pop(source.source_id, {})
        tables: dict[str, list[WrittenFile]] = {}
        for name, parts in stage.parts().items():
            folder = self._delivery_folder(modality, delivery, name)
            folder.mkdir(parents=True, exist_ok=True)
            tables[name] = []
            for part in parts:
                target = part.replace(folder / part.name)
                tables[name].append(describe(target, self.root))
            flush_folder(folder)
        entry = LedgerEntry(
            modality=modality,
            delivery=delivery,
            status=status,
            generation=stage.generation,
            content_digest=content_digest,
            sources=list(sources),
            quarantine=tables.pop(QUARANTINE.name, []),
            tables=tables,
            findings=list(findings),
            refusals=dict(sorted(stage.refusals.items())),
            kept_kinds=dict(sorted(stage.kept_kinds.items())),
            facts=stage.facts,
            reports=stage.reports,
            duplicate_of=duplicate_of,
            code_version=__version__,
            started_at=started_at,
            finished_at=datetime.now(UTC),
        )
        if standing:
            self.ledger.put(standing.model_copy(update={"rejected_attempt": entry}))
        else:
            self.ledger.put(entry)
        self._sweep(modality, delivery)
        return entry

    def sweep(self, modality: str, delivery: str) -> None:
        """Clear what an interrupted run left of a delivery, unless somebody works on it."""
        with suppress(DeliveryLocked), self._lock(modality, delivery):
            self._sweep(modality, delivery)

    def sweep_stages(self) -> None:
        """Clear the stages of killed runs, whatever delivery they read: they may hold originals."""
        for folder in self.root.glob("_staging/*/*"):
            self.sweep(folder.parent.name, folder.name)

    def files(self, table: str) -> list[Path]:
        """The published Parquet files of a table, oldest delivery name first."""
        return [
            self.root / file.path
            for entry in self.ledger.entries(table.partition("_")[0])
            for file in entry.tables.get(table, [])
        ]

    def scan(self, table: Table, columns: Sequence[str] | None = None) -> pl.LazyFrame:
        """The published rows of a table with their `delivery`, as a lazy polars frame."""
        files = self.files(table.name)
        empty = table.empty_frame()
        if not files:
            frame = empty.with_columns(delivery=pl.lit(None, pl.String)).lazy()
        else:
            frame = pl.scan_parquet(
                files,
                # As declared, not as in the first file: columns are added over the years.
                schema=empty.schema,
                hive_partitioning=True,
                hive_schema={"delivery": pl.String},
                missing_columns="insert",
                extra_columns="ignore",
            )
        return frame if columns is None else frame.select(columns)

    def quarantine(self, modality: str | None = None) -> pl.DataFrame:
        """All refusals with `modality` and `delivery`, of all modalities or one."""
        frames = [
            pl.read_parquet(self.root / file.path, hive_partitioning=False).with_columns(
                modality=pl.lit(entry.modality), delivery=pl.lit(entry.delivery)
            )
            for entry in self.ledger.entries(modality)
            for reading in entry.readings
            for file in reading.quarantine
        ]
        empty = QUARANTINE.empty_frame()
        names = {"modality": pl.String, "delivery": pl.String}
        return pl.concat(
            [empty.with_columns(pl.lit(None, t).alias(n) for n, t in names.items()), *frames],
            how="diagonal",  # columns are added over the years
        )

    def rows(self, table: str) -> int:
        """Published rows of a table."""
        return sum(entry.rows(table) for entry in self.ledger.entries(table.partition("_")[0]))

    def iter_batches(
        self, table: Table, columns: Sequence[str], rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Published rows in batches of at most `rows`, in bounded memory.

        As in `scan`, `delivery` may be among the columns.
        """
        stored = [name for name in columns if name != "delivery"]
        for path in self.files(table.name):
            delivery = path.parent.name.removeprefix("delivery=")
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=rows, columns=stored):
                    if "delivery" in columns:
                        batch = batch.append_column("delivery", pa.repeat(delivery, batch.num_rows))
                    yield batch

    def create_views(
        self, connection: "duckdb.DuckDBPyConnection", tables: Sequence[Table], schema: str = "lake"
    ) -> None:
        """Give DuckDB one view per table that reads exactly the published files."""
        connection.execute(f"create schema if not exists {schema}")
        for table in tables:
            empty = self.root / "_empty" / f"{table.name}.parquet"
            _write_empty(table, empty)
            body = f"select *, null::varchar as delivery from read_parquet({_quote(empty)})"
            published = self.relation(table.name)
            if published:
                # By name with the declared columns: one declared since is null in older rows.
                body = f"select * from {published} union all by name {body}"
            connection.execute(f"create or replace view {schema}.{table.name} as {body}")

    def relation(self, table: str) -> str | None:
        """What can follow FROM in DuckDB: the published rows of a table with their `delivery`.

        Columns are matched by name, those of structs too, so the files of an open table may differ.
        None where nothing was published.
        """
        files = self.files(table)
        if not files:
            return None
        return (
            f"read_parquet([{', '.join(map(_quote, files))}], "
            "hive_partitioning = true, hive_types_autocast = false, union_by_name = true)"
        )

    def members(self, family: TableFamily) -> list[str]:
        """Names of the tables of a family that have published rows."""
        entries = self.ledger.entries(family.pattern.modality)
        return sorted({name for entry in entries for name in entry.tables if family.has(name)})

    def _delivery_folder(self, modality: str, delivery: str, table: str) -> Path:
        if table == QUARANTINE.name:
            return self.root / "_quarantine" / modality / f"delivery={delivery}"
        return self.root / table / f"delivery={delivery}"

    def _sweep(self, modality: str, delivery: str) -> None:
        """Delete the stage and every file of a delivery that its ledger entry does not name."""
        entry = self.ledger.get(modality, delivery)
        named = {self.root / file.path for file in entry.files()} if entry else set()
        folders = [
            *self.root.glob(f"{modality}_*/delivery={delivery}"),
            self._delivery_folder(modality, delivery, QUARANTINE.name),
        ]
        for folder in folders:
            for path in folder.glob("*"):
                if path not in named:
                    path.unlink()
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()
        Stage.clear(self.root / "_staging" / modality / delivery)

    @contextmanager
    def _lock(self, modality: str, delivery: str) -> Iterator[None]:
        path = self.root / "_locks" / f"{modality}.{delivery}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DeliveryLocked(
                    f"Another process is reading {modality}/{delivery} right now. "
                    f"Wait for it to end, then run this again."
                ) from None
            yield


def _write_empty(table: Table, path: Path) -> None:
    """Write a file without rows; other processes may be reading or writing it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{uuid4().hex}.draft")
    pq.write_table(table.schema().empty_table(), draft)
    draft.replace(path)


def _quote(path: Path) -> str:
    """A path as an SQL string."""
    escaped = str(path).replace("'", "''")
    return f"'{escaped}'"
