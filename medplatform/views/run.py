"""Running views: over parsed resources for a caller in Python, and over files into Parquet."""

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from medplatform.views.compile import Compiled, compile_query
from medplatform.views.definition import View
from medplatform.views.error import ViewError
from medplatform.views.relation import from_resources
from medplatform.views.schema import HIDDEN_MARK, Kind, Scalar
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
    """
    checked = view if isinstance(view, View) else parse_view(view)
    wanted = [r for r in resources if r.get("resourceType") == checked.resource]
    with closing(duckdb.connect()) as connection:
        relation = from_resources(connection, wanted, "resources")
        compiled = compile_query(checked, relation.schema, relation.sql)
        rows = execute(connection, compiled.sql)
    names = [column.name for column in checked.columns()]
    return [_row(names, values, compiled) for values in rows]


def execute(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a statement.

    Raises
    ------
    ViewError
        The data do not fit the view; the message has no value of theirs.
    """
    try:
        return connection.execute(sql).fetchall()
    except duckdb.InvalidInputException as error:
        raise ViewError("", _own_message(error)) from None


def _own_message(error: duckdb.Error) -> str:
    return str(error).removeprefix("Invalid Input Error: ")


def _row(names: Sequence[str], values: Sequence[Any], compiled: Compiled) -> Row:
    return {
        name: _json(value, compiled.nodes[name]) for name, value in zip(names, values, strict=True)
    }


def _json(value: Any, node: Any) -> Any:
    """A value of DuckDB as FHIR's JSON has it."""
    if isinstance(value, list):
        return [_json(item, node) for item in value]
    if isinstance(value, dict):
        shown = {k: _json(v, None) for k, v in value.items() if HIDDEN_MARK not in k}
        return {name: item for name, item in shown.items() if item is not None and item != []}
    if isinstance(node, Scalar) and node.kind is Kind.DECIMAL and isinstance(value, str):
        number = Decimal(value)
        return number if set(value) & set(".eE") else int(number)
    return value
