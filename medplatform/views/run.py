"""Running views: over parsed resources for a caller in Python, and over files into Parquet."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from medplatform.views.columns import column_types
from medplatform.views.compile import compile_query
from medplatform.views.definition import View
from medplatform.views.error import ViewError, from_sql
from medplatform.views.relation import Relation, from_files, from_resources
from medplatform.views.schema import HIDDEN_MARK, Kind, Node, Scalar, Struct, literal
from medplatform.views.validation import parse_view

Row = dict[str, Any]


def run_view(resources: Sequence[Mapping[str, Any]], view: Mapping[str, Any] | View) -> list[Row]:
    """The rows of a view over resources, as values of FHIR's JSON.

    Resources of other types than the view's are passed over. Numbers come back as they were
    delivered: `int`, or `Decimal` where they have a fraction. A column without a value is None.

    Raises
    ------
    ViewError
        The view is invalid, or the resources have several values where it declares one.

    Examples
    --------
    >>> patient = {"resourceType": "Patient", "id": "1", "name": [{"given": ["Ada", "M."]}]}
    >>> view = {
    ...     "resource": "Patient",
    ...     "select": [{"column": [{"name": "given", "path": "name.given.first()"}]}],
    ... }
    >>> run_view([patient], view)
    [{'given': 'Ada'}]
    """
    checked = view if isinstance(view, View) else parse_view(view)
    wanted = [r for r in resources if r.get("resourceType") == checked.resource]
    with closing(duckdb.connect()) as connection, _view_errors():
        relation = from_resources(connection, wanted, "resources")
        compiled = compile_query(checked, relation.schema, relation.sql)
        rows = connection.execute(compiled.sql).fetchall()
    return [
        {name: _json(v, compiled.nodes[name]) for name, v in zip(compiled.names, row, strict=True)}
        for row in rows
    ]


def run_view_on_files(
    files: Sequence[Path], view: View, out: Path, *, memory: str = "512MB", threads: int = 1
) -> int:
    """Write the rows of a view over files of its resource type to Parquet.

    Parameters
    ----------
    files
        NDJSON (plain or gzip), of which resources of other types are passed over, or the nested
        Parquet files of the resource type.
    out
        The Parquet file; it appears whole, or not at all. Its columns have the types that
        `column_types` tells.
    memory, threads
        What DuckDB may use. What does not fit goes to a folder beside `out`.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    ViewError
        The view does not fit the files, or these cannot be read.
    """
    with closing(_connect(out, memory, threads)) as connection, _view_errors():
        return write_view(connection, from_files(connection, files, view), view, out)


def write_view(
    connection: duckdb.DuckDBPyConnection, relation: Relation, view: View, out: Path
) -> int:
    """Write the rows of a view over a relation to Parquet, whole or not at all.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    ViewError
        The view does not fit the data.
    """
    part = out.with_name(f".{out.name}.part")
    sql = compile_view(view, relation.schema, relation.sql)
    try:
        with _view_errors():
            count = connection.execute(
                f"COPY ({sql}) TO {literal(str(part))} (FORMAT parquet, COMPRESSION zstd)"
            ).fetchone()
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return count[0] if count else 0


def compile_view(view: View, schema: Struct, relation: str) -> str:
    """The SELECT of a view, with its columns in the types that `column_types` tells.

    Parameters
    ----------
    schema
        The elements that the relation has as columns (`relation_of` reads them).
    relation
        SQL that can follow FROM; every row is a resource of the view's type.

    Raises
    ------
    ViewError
        The view cannot be answered over this schema.
    """
    types = {name: column.sql_type for name, column in column_types(view).items()}
    return compile_query(view, schema, relation, types=types).sql


def _connect(out: Path, memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = {literal(memory)}")
    connection.execute(f"SET threads = {threads}")
    connection.execute(f"SET temp_directory = {literal(str(out.with_name(f'.{out.name}.tmp')))}")
    return connection


@contextmanager
def _view_errors() -> Iterator[None]:
    """Tell what of the view or the files is wrong, without the values that DuckDB would quote."""
    try:
        yield
    except (duckdb.DataError, duckdb.InvalidInputException, duckdb.IOException) as error:
        known = from_sql(str(error))
        if known is not None:
            raise known from None
        kind = type(error).__name__
        raise ViewError("", f"the data cannot be read, or do not fit the view ({kind})") from None


def _json(value: Any, node: Node | None) -> Any:
    """A value of DuckDB as FHIR's JSON has it."""
    if isinstance(value, list):
        return [_json(item, node) for item in value]
    if isinstance(value, dict):
        shown = {name: _json(v, None) for name, v in value.items() if HIDDEN_MARK not in name}
        return {name: item for name, item in shown.items() if item is not None and item != []}
    if isinstance(node, Scalar) and node.kind is Kind.DECIMAL and isinstance(value, str):
        return Decimal(value) if set(value) & set(".eE") else int(value)
    return value
