"""The sources of dbt: one DuckDB view per lake table, over exactly the published files.

Beside them the marts that are computed elsewhere, what models need of the nested tables, and the
tables of users' ViewDefinitions.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa

from medplatform.lake import Lake, Table
from medplatform.views import (
    ViewFile,
    column_types,
    compile_view,
    empty_relation,
    parse_view,
)
from medplatform.warehouse.inputs import MART_INPUTS, NESTED_INPUTS, MartInput, NestedInput
from medplatform.warehouse.view_tables import ViewTables, resources_of

LAKE = "lake"
MARTS_INPUT = "marts_input"
NESTED = "nested"
VIEWS = "views"


class WarehouseError(RuntimeError):
    """The warehouse could not be built; the marts are those of the last good run.

    The message names models and tests and the remedy, never values.
    """


def refresh_views(
    lake: Lake,
    tables: Sequence[Table],
    database: Path,
    marts: Path,
    views: ViewTables | None = None,
) -> None:
    """Point the sources of dbt at what the ledger names now. Call it before each dbt run.

    Parameters
    ----------
    lake
        Where the published files are.
    tables
        The tables to give a view in schema `lake`; one without files gets an empty view.
    database
        The DuckDB file; made where it is missing.
    marts
        Folder of the marts; inputs that are not there get an empty view.
    views
        The tables of ViewDefinitions, for schema `views`; one that is not there is empty.

    Raises
    ------
    WarehouseError
        Another process writes to the database.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(connect(database)) as connection:
        lake.create_views(connection, tables, schema=LAKE)
        for schema in (MARTS_INPUT, NESTED, VIEWS):
            connection.execute(f"create schema if not exists {schema}")
        for table in MART_INPUTS:
            _show_mart(connection, table, marts / f"{table.name}.parquet")
        for table in NESTED_INPUTS:
            _compute_nested(connection, table, lake)
        if views:
            for file in views.files():
                _show_view(connection, file, views.path(file.name))


def _show_mart(connection: duckdb.DuckDBPyConnection, table: MartInput, path: Path) -> None:
    columns = ", ".join(
        f"{column.name if path.exists() else 'null'}::{sql_type(column.dtype)} as {column.name}"
        for column in table.columns
    )
    rows = f"from read_parquet({quote(path)})" if path.exists() else "where false"
    connection.execute(
        f"create or replace view {MARTS_INPUT}.{table.name} as select {columns} {rows}"
    )


def _compute_nested(connection: duckdb.DuckDBPyConnection, table: NestedInput, lake: Lake) -> None:
    """A table, since a view would need the columns that the nested tables happen to have."""
    view = parse_view(table.definition)
    relation = resources_of(connection, lake, view).relation or empty_relation()
    connection.execute(
        f"create or replace table {NESTED}.{table.name} as "
        f"{compile_view(view, relation.schema, relation.sql)}"
    )


def _show_view(connection: duckdb.DuckDBPyConnection, file: ViewFile, path: Path) -> None:
    """The table of a view as it was built last; of one never built, its columns."""
    if path.exists():
        sql = f"select * from read_parquet({quote(path)})"
    elif file.view:
        types = {name: column.sql_type for name, column in column_types(file.view).items()}
        # Which fields a structure has is known from its data only.
        columns = (
            f'null::{"varchar" if dtype.startswith("STRUCT") else dtype} as "{name}"'
            for name, dtype in types.items()
        )
        sql = f"select {', '.join(columns)} where false"
    else:
        return
    connection.execute(f'create or replace view {VIEWS}."{file.name}" as {sql}')


def connect(database: Path) -> duckdb.DuckDBPyConnection:
    """Open the warehouse for writing.

    Raises
    ------
    WarehouseError
        Another process has it open.
    """
    try:
        return duckdb.connect(database)
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise
        raise WarehouseError(
            f"Another process has {database} open, and DuckDB lets one write at a time. "
            f"Wait for it to end (or close your DuckDB shell), then run this again."
        ) from None


def sql_type(dtype: pa.DataType) -> str:
    """Name of an Arrow type in DuckDB.

    >>> sql_type(pa.list_(pa.int32()))
    'integer[]'
    >>> sql_type(pa.struct([("vr", pa.string())]))
    'struct("vr" varchar)'
    """
    if isinstance(dtype, pa.ListType):
        return f"{sql_type(dtype.value_type)}[]"
    if isinstance(dtype, pa.StructType):
        fields = (f'"{field.name}" {sql_type(field.type)}' for field in dtype)
        return f"struct({', '.join(fields)})"
    return _SQL_TYPES[dtype]


def quote(path: Path) -> str:
    """A path as an SQL string."""
    escaped = str(path).replace("'", "''")
    return f"'{escaped}'"


_SQL_TYPES = {
    pa.string(): "varchar",
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.binary(): "blob",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}
