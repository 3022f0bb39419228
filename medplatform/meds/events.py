"""The events of a lake, computed by DuckDB over its published files: what they are, how many.

Nothing here runs per event in Python. Memory is bounded: what does not fit is sorted on disk.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from medplatform.lake import Lake
from medplatform.lake.current import (
    LINEAGE_COLUMNS,
    OUT_OF_USE,
    about_deleted_patient,
    comparable,
    deleted_later,
    deleted_patients,
    newest_first,
    with_retired,
)
from medplatform.meds.errors import MedsError
from medplatform.meds.kinds import KINDS, MACROS, SOURCES, Kind, Source
from medplatform.meds.products import find_products
from medplatform.meds.vocabulary import name_vocabulary
from medplatform.modalities.ehr.tables import DELETION, PATIENT

MEMORY = "256MB"
"""What DuckDB may use before it goes to disk."""
THREADS = 2
"""More of them need more memory each; sorting is bound by the disk before that."""
_BATCH_ROWS = 1 << 14
_COLUMNS = "time, code, number, text, occurred_at, unit, encounter_id, kind"
_ORDER = "time nulls first, kind, code, text, number, unit, occurred_at, encounter_id"


@contextmanager
def open_lake(lake: Lake, work: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the tables of the lake, and what tells which of their rows count.

    `work` is a private folder; it holds what does not fit into memory.

    Raises
    ------
    MedsError
        The lake was changed meanwhile, or the disk is full.
    """
    configuration = {
        "threads": THREADS,
        "memory_limit": MEMORY,
        "temp_directory": str(work),
        "preserve_insertion_order": False,
    }
    try:
        with duckdb.connect(str(work / "events.duckdb"), config=configuration) as connection:
            _prepare(connection, lake)
            yield connection
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise MedsError(
            "The events could not be read or sorted: a delivery was read anew meanwhile, or the "
            f"disk of {work} is full. Free some space and export again."
        ) from error


def patient_batches(connection: duckdb.DuckDBPyConnection) -> Iterator[list[str]]:
    """The pseudonyms of all patients, in batches."""
    tables = " union ".join(f"select patient_id from lake.{s.table.name}" for s in SOURCES)
    # A connection of its own: the caller writes on the other one while this is read.
    with connection.cursor() as reading:
        for batch in reading.sql(tables).to_arrow_reader(_BATCH_ROWS):
            yield batch.column(0).to_pylist()


def collect_events(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """Make the table `event`; return, of each kind, the rows that gave none by reason.

    Needs `subject` (patient_id, subject_id, split).
    """
    connection.execute(
        """
        create table event (
            split utinyint, subject_id bigint, time timestamp, code varchar, number float,
            text varchar, occurred_at timestamp, unit varchar, encounter_id varchar, kind utinyint,
            display varchar, parent varchar, value_parent varchar
        )
        """
    )
    # One at a time: each needs memory for its joins.
    return {kind.name: _collect(connection, number, kind) for number, kind in enumerate(KINDS)}


def _collect(connection: duckdb.DuckDBPyConnection, number: int, kind: Kind) -> dict[str, int]:
    slots = f"({_slot(number, kind)})"
    connection.execute(
        f"""
        insert into event
        select split, subject_id, {_COLUMNS}, display, parent, value_parent
        from {slots}
        inner join subject using (patient_id)
        where reason is null
        """
    )
    reasons = connection.execute(
        f"select reason, count(*) from {slots} where reason is not null group by all order by all"
    ).fetchall()
    return dict(reasons)


def collect_codes(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Every code of an event, as its records describe it, with how many do.

    Columns code, display, parent, value_parent (text) and events.
    """
    return connection.sql(
        """
        select code, display, parent, value_parent, count(*) as events
        from event
        group by all
        """
    ).pl()


def stream_events(connection: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
    """All events by split, subject and time, with the columns that `write_shards` needs.

    Events of one instant stand in the order of `KINDS`; then every column decides, so that equal
    lakes give equal streams.
    """
    yield from connection.sql(
        f"select split, subject_id, {_COLUMNS} from event order by split, subject_id, {_ORDER}"
    ).to_arrow_reader(_BATCH_ROWS)


def _prepare(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    connection.execute("set timezone = 'UTC'")
    lake.create_views(connection, [*(source.table for source in SOURCES), DELETION])
    connection.execute(MACROS)
    connection.execute(
        """
        create table deletion as
        select resource_type, resource_id, max(delivery) as delivery
        from lake.ehr_deletion
        group by all
        """
    )
    query = deleted_patients("deletion", "lake.ehr_patient")
    connection.execute(f"create table deleted_patient as {query}")
    find_products(connection, lake)
    _name_vocabularies(connection)
    for source in SOURCES:
        connection.execute(_outdated(source))


def _name_vocabularies(connection: duckdb.DuckDBPyConnection) -> None:
    queries = [
        f"select {system} as system from lake.{source.table.name} as row {source.joins}"
        for source in SOURCES
        for system in (source.system, source.value_system)
    ]
    systems = connection.execute(f"{' union '.join(queries)} order by system").fetchall()
    connection.execute("create table vocabulary (system varchar, name varchar, omop varchar)")
    for (system,) in systems:
        if system:
            connection.execute(
                "insert into vocabulary values (?, ?, ?)", [system, *name_vocabulary(system)]
            )


def _outdated(source: Source) -> str:
    """Records that do not count (`medplatform.lake.current`), and why: deleted, or superseded.

    Only ids that stand in more than one record are sorted, which are few in most lakes.
    """
    name, key, record = source.table.name, source.id_column, ", ".join(LINEAGE_COLUMNS)
    versions = f"""(
        select *
        from lake.{name}
        where
            hash({key}) in (
                select hash({key})
                from lake.{name}
                group by hash({key})
                having min(hash({record})) <> max(hash({record}))
            )
    )"""
    updated, last = "last_updated_at", None
    if source.table is PATIENT:
        versions, last = f"({with_retired(versions)})", OUT_OF_USE
    else:
        updated = comparable(updated, record=key, versions=f"lake.{name}")
    order = ", ".join(newest_first(updated=updated, version="version_id", last=last))
    deleted = deleted_later(
        "deletion",
        record="row",
        resource_type=f"'{source.table.resource_type}'",
        resource_id=f"row.{key}",
    )
    about_deleted = about_deleted_patient("deleted_patient", record="row")
    return f"""
        create table outdated_{name} as
        with deleted as (
            select distinct {record}
            from lake.{name} as row
            where
                {key} in (select resource_id from deletion)
                and {deleted}
        ),

        superseded as (
            select distinct {record}
            from (
                select {record}
                from {versions}
                anti join deleted using ({record})
                qualify rank() over (partition by {key} order by {order}) > 1
            )
        ),

        of_deleted_patient as (
            select distinct {record}
            from lake.{name} as row
            where {about_deleted}
        )

        select {record}, 'superseded' as reason from superseded
        union all
        select {record}, 'deleted' as reason
        from (select * from deleted union select * from of_deleted_patient)
        anti join superseded using ({record})
    """


def _slot(number: int, kind: Kind) -> str:
    """One row per row of the table: the event of a kind, or the reason why there is none."""
    source, name = kind.source, kind.source.table.name
    no_time = "" if kind.known_at is None else "when time is null then 'no_time'"
    return f"""
        select
            *,
            case
                when flaw is not null then flaw
                when not is_there then 'absent'
                when code is null then 'no_code'
                {no_time}
            end as reason
        from (
            select
                {number}::utinyint as kind,
                row.patient_id,
                coalesce(outdated.reason, {source.flaw}) as flaw,
                {kind.exists} as is_there,
                ({kind.known_at or "null"})::timestamp as time,
                {kind.code} as code,
                ({kind.number})::float as number,
                ({kind.text})::varchar as text,
                ({kind.occurred_at})::timestamp as occurred_at,
                ({kind.unit})::varchar as unit,
                ({source.encounter})::varchar as encounter_id,
                ({kind.display})::varchar as display,
                ({kind.parent})::varchar as parent,
                ({kind.value_parent})::varchar as value_parent
            from lake.{name} as row
            left join outdated_{name} as outdated
                on row.delivery = outdated.delivery
                and row.source_id = outdated.source_id
                and row.record_number = outdated.record_number
            {source.joins}
            left join vocabulary on {source.system} = vocabulary.system
            left join vocabulary as value_vocabulary
                on {source.value_system} = value_vocabulary.system
        )
    """
