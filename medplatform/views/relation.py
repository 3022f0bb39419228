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

from medplatform.views.observed import to_arrow
from medplatform.views.schema import (
    BOOLEAN,
    DECIMAL,
    INTEGER,
    TEXT,
    Node,
    Repeated,
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


def from_parquet(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> Relation:
    """Nested Parquet files of one resource type; a file may lack columns that others have."""
    sql = f"read_parquet([{_names(files)}], union_by_name = true)"
    return Relation(sql, _columns(connection, sql))


def from_ndjson(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], elements: Sequence[str]
) -> Relation:
    """NDJSON files, of which only some top-level elements are looked at.

    The types are those that occur anywhere in the files; decimals have the precision of a double.
    """
    wanted = dict.fromkeys(("resourceType", *elements), "JSON")
    shapes = ", ".join(f"json_group_structure({quote(name)})" for name in wanted)
    found = connection.execute(f"SELECT {shapes} FROM {ndjson(files, wanted)}").fetchone() or ()
    nodes = {
        name: _from_structure(json.loads(shape))
        for name, shape in zip(wanted, found, strict=True)
        if shape is not None
    }
    fields = {name: node for name, node in nodes.items() if node is not None}
    types = {name: node.sql_type() for name, node in fields.items()}
    return Relation(ndjson(files, types | {"resourceType": "VARCHAR"}), Struct(fields))


def ndjson(files: Sequence[Path], columns: Mapping[str, str]) -> str:
    """SQL that reads columns of given types from NDJSON, plain or compressed with gzip."""
    types = ", ".join(f"{quote(name)}: {literal(dtype)}" for name, dtype in columns.items())
    return (
        f"read_json([{_names(files)}], columns = {{{types}}}, format = 'newline_delimited', "
        f"maximum_object_size = {_MAX_RESOURCE_BYTES})"
    )


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
