"""Where resources come from: each source as a DuckDB relation with one row per resource.

The columns of a relation are the elements of the resource in FHIR's JSON, typed (structs, lists,
booleans, numbers; dates and times as text). What the data lack has no column.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from medplatform.views.compile import compile_query
from medplatform.views.definition import View
from medplatform.views.error import ViewError
from medplatform.views.observed import to_arrow
from medplatform.views.schema import (
    BOOLEAN,
    DECIMAL,
    INTEGER,
    TEXT,
    DefinedStruct,
    Node,
    Repeated,
    Scalar,
    Struct,
    from_duckdb,
    literal,
    quote,
)

_MAX_RESOURCE_BYTES = 64 << 20
_SCALARS = {
    "BOOLEAN": BOOLEAN,
    "BIGINT": INTEGER,
    "UBIGINT": INTEGER,
    "DOUBLE": DECIMAL,
    "HUGEINT": DECIMAL,
    "VARCHAR": TEXT,
    "JSON": TEXT,
}


@dataclass(frozen=True, slots=True)
class Relation:
    """SQL that can follow FROM, and the elements that it has as columns."""

    sql: str
    schema: Struct


def from_resources(
    connection: duckdb.DuckDBPyConnection, resources: Sequence[Mapping[str, Any]], name: str
) -> Relation:
    """Parsed resources, registered with the connection under a name."""
    connection.register(name, to_arrow(resources))
    return Relation(name, _columns(connection, name))


def from_files(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], view: View
) -> Relation:
    """Files of one format, as far as a view looks into them.

    Raises
    ------
    ViewError
        There is no file, or Parquet and NDJSON are mixed.
    """
    kinds = {file.suffix == ".parquet" for file in files}
    if len(kinds) != 1:
        raise ViewError("", "expected files, either all Parquet or all NDJSON")
    if kinds == {True}:
        return from_parquet(connection, files, view.resource)
    return from_ndjson(connection, files, view)


def from_parquet(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], resource: str
) -> Relation:
    """Nested Parquet files; a file may lack columns that others have."""
    return relation_of(
        connection, f"read_parquet([{_names(files)}], union_by_name = true)", resource
    )


def relation_of(connection: duckdb.DuckDBPyConnection, sql: str, resource: str) -> Relation:
    """What can follow FROM, its resources of one type where it tells their types."""
    schema = _columns(connection, sql)
    if "resourceType" not in schema.fields:
        return Relation(sql, schema)
    return Relation(_of_type(sql, resource), schema)


def empty_relation() -> Relation:
    """No resource at all, as where none was delivered."""
    return Relation("(SELECT 1 WHERE FALSE)", Struct({}))


def from_ndjson(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], view: View
) -> Relation:
    """NDJSON files, of which only the elements that the view names are parsed.

    Their types are those that FHIR defines. Where these do not tell them all (`repeat` goes as deep
    as the data, a complex column has whatever they have), the files are read twice: first for the
    types that occur. Decimals have the precision of a double.
    """
    defined = DefinedStruct(view.resource, view.release)
    if defined.names() and not view.is_recursive:
        nodes = compile_query(view, defined, "resources").nodes.values()
        is_flat = all(node is None or isinstance(node, Scalar) for node in nodes)
        if is_flat and defined.is_complete:
            return _as_defined(files, defined, view)
    return _as_found(connection, files, view)


def _as_defined(files: Sequence[Path], defined: DefinedStruct, view: View) -> Relation:
    types = {name: node.sql_type() for name, node in defined.used.items()}
    sql = _ndjson(files, types | {"resourceType": TEXT.sql})
    return Relation(_of_type(sql, view.resource), Struct(dict(defined.used)))


def _as_found(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], view: View) -> Relation:
    sql = f"SELECT json_group_structure(json) FROM {_objects(files)}"
    found = connection.execute(f"{sql} WHERE json ->> 'resourceType' = ?", [view.resource])
    structure = (found.fetchone() or (None,))[0]
    node = _from_structure(json.loads(structure)) if structure else None
    schema = node if isinstance(node, Struct) else Struct({})
    types = {name: field.sql_type() for name, field in schema.fields.items()}
    sql = _ndjson(files, types | {"resourceType": TEXT.sql})
    return Relation(_of_type(sql, view.resource), schema)


def _of_type(sql: str, resource: str) -> str:
    return f"(SELECT * FROM {sql} WHERE resourceType = {literal(resource)})"


def _ndjson(files: Sequence[Path], columns: Mapping[str, str]) -> str:
    types = ", ".join(f"{quote(name)}: {literal(dtype)}" for name, dtype in columns.items())
    return (
        f"read_json([{_names(files)}], columns = {{{types}}}, format = 'newline_delimited', "
        f"maximum_object_size = {_MAX_RESOURCE_BYTES})"
    )


def _objects(files: Sequence[Path]) -> str:
    return f"read_ndjson_objects([{_names(files)}], maximum_object_size = {_MAX_RESOURCE_BYTES})"


def _names(files: Sequence[Path]) -> str:
    return ", ".join(literal(str(file)) for file in files)


def _columns(connection: duckdb.DuckDBPyConnection, sql: str) -> Struct:
    relation = connection.sql(f"SELECT * FROM {sql}")
    return from_duckdb(dict(zip(relation.columns, relation.types, strict=True)))


def _from_structure(structure: Any) -> Node | None:
    """The type in a result of DuckDB's json_group_structure."""
    if isinstance(structure, Mapping):
        nodes = {name: _from_structure(value) for name, value in structure.items()}
        fields = {name: node for name, node in nodes.items() if node is not None}
        return Struct(fields) if fields else None
    if isinstance(structure, list):
        item = _from_structure(structure[0])
        return Repeated(item) if item is not None else None
    return _SCALARS.get(structure)
