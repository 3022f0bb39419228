"""The sources of dbt: one DuckDB view per lake table, over exactly the published files."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa

from medplatform.lake import Lake, Table
from medplatform.warehouse.inputs import MART_INPUTS

LAKE = "lake"
MARTS_INPUT = "marts_input"


class WarehouseError(RuntimeError):
    """The warehouse could not be built; the marts are those of the last good run.

    The message names models and tests and the remedy, never values.
    """


def refresh_views(lake: Lake, tables: Sequence[Table], database: Path, marts: Path) -> None:
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

    Raises
    ------
    WarehouseError
        Another process writes to the database.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(connect(database)) as connection:
        lake.create_views(connection, tables, schema=LAKE)
        connection.execute(f"create schema if not exists {MARTS_INPUT}")
        for table in MART_INPUTS:
            path = marts / f"{table.name}.parquet"
            columns = ", ".join(
                f"{column.name if path.exists() else 'null'}::{sql_type(column.dtype)} "
                f"as {column.name}"
                for column in table.columns
            )
            rows = f"from read_parquet({quote(path)})" if path.exists() else "where false"
            connection.execute(
                f"create or replace view {MARTS_INPUT}.{table.name} as select {columns} {rows}"
            )


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
    """
    if isinstance(dtype, pa.ListType):
        return f"{sql_type(dtype.value_type)}[]"
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
