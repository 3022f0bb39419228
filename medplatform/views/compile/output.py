"""How values leave a view: as FHIR's JSON has them, or in the types of a database.

The default types are those that SQL on FHIR v2 maps FHIR's to ("Default Type Mappings"): decimals,
dates and times are text, exactly as delivered; a column's tag `ansi/type` chooses another.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from medplatform.views.compile.evaluate import Scope
from medplatform.views.compile.scalars import as_text
from medplatform.views.compile.values import Items, per_item
from medplatform.views.definition import Column
from medplatform.views.error import ViewError, raised_in_sql
from medplatform.views.schema import (
    EXACT_DECIMAL,
    INTEGER,
    TEXT,
    Kind,
    Node,
    Scalar,
)

SQL_TYPES: Mapping[str, str] = {
    "base64Binary": "BLOB",
    "boolean": "BOOLEAN",
    "instant": "TIMESTAMP WITH TIME ZONE",
    "integer": "INTEGER",
    "integer64": "BIGINT",
    "positiveInt": "INTEGER",
    "unsignedInt": "INTEGER",
}
"""DuckDB type by FHIR type; of every other primitive VARCHAR."""

TYPE_TAG = "ansi/type"
"""The tag of a column that names an SQL type."""

_ANSI_TYPES = {
    "BINARY": "BLOB",
    "BINARY VARYING": "BLOB",
    "CHARACTER": "VARCHAR",
    "CHARACTER VARYING": "VARCHAR",
    "DOUBLE PRECISION": "DOUBLE",
    "INT": "INTEGER",
    "NUMERIC": "DECIMAL",
}
_KNOWN_TYPES = frozenset(
    {"BIGINT", "BLOB", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "FLOAT", "INTEGER", "REAL"}
    | {"SMALLINT", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR"}
)
_ANSI_TYPE = re.compile(r"([A-Z][A-Z ]*[A-Z])\s*(\(\s*\d+\s*(?:,\s*\d+\s*)?\))?")


def check_declared(column: Column, value: Items) -> None:
    """Refuse complex values in a column that does not declare a complex type.

    Raises
    ------
    ViewError
        The column holds structures and declares a primitive, or nothing.
    """
    is_primitive = column.type is None or column.type[0].islower()
    if not isinstance(value.node, Scalar) and is_primitive:
        raise ViewError(
            column.path.element,
            f"{column.name} holds structures; declare their type or choose an element of them",
        )


def as_stored(value: Items, scope: Scope) -> Items:
    """A value in the type that rows carry it in: decimals as text, whole numbers as BIGINT."""
    if not isinstance(value.node, Scalar):
        return value
    kind = value.node.kind
    if kind is Kind.DECIMAL and value.node != EXACT_DECIMAL:
        texts = per_item(value, scope.names, lambda v: replace(v, sql=as_text(v, scope)))
        return replace(texts, node=EXACT_DECIMAL)
    if kind is Kind.INTEGER and value.node != INTEGER:
        wide = per_item(value, scope.names, lambda v: replace(v, sql=f"CAST({v.sql} AS BIGINT)"))
        return replace(wide, node=INTEGER)
    if kind is Kind.TEXT and value.node != TEXT:
        texts = per_item(value, scope.names, lambda v: replace(v, sql=f"CAST({v.sql} AS VARCHAR)"))
        return replace(texts, node=TEXT)
    return value


def stored_type(column: Column, node: Node | None) -> str:
    """DuckDB type that the rows carry a column in."""
    item = TEXT.sql if node is None else node.sql_type()
    return f"{item}[]" if column.is_collection else item


def database_type(column: Column, fhir_type: str | None) -> str | None:
    """DuckDB type of a column in a table; None of a complex one.

    Raises
    ------
    ViewError
        Its tag names a type that does not exist.
    """
    tag = column.tags.get(TYPE_TAG)
    if tag is not None:
        item = _tagged(tag, column)
    elif fhir_type is not None and not fhir_type[0].islower():
        return None
    else:
        item = SQL_TYPES.get(fhir_type or "", TEXT.sql)
    return f"{item}[]" if column.is_collection else item


def convert(column: Column, sql: str, stored: str, wanted: str | None) -> str:
    """SQL of a column in the wanted type; an error when it runs, where a value does not fit."""
    if wanted is None or wanted == stored or stored.startswith("STRUCT"):
        return sql
    if column.is_collection:
        items = _checked("v", stored.removesuffix("[]"), wanted.removesuffix("[]"), column)
        return f"list_transform({sql}, lambda v: {items})"
    return _checked(sql, stored, wanted, column)


def _checked(sql: str, stored: str, wanted: str, column: Column) -> str:
    if wanted == "BLOB" and stored == TEXT.sql:
        return f"from_base64({sql})"
    cast = f"TRY_CAST({sql} AS {wanted})"
    if wanted == TEXT.sql:
        return cast
    error = raised_in_sql(column.path.element, f"a value of {column.name} is no {wanted}")
    return f"CASE WHEN {sql} IS NOT NULL AND {cast} IS NULL THEN {error} ELSE {cast} END"


def _tagged(tag: str, column: Column) -> str:
    match = _ANSI_TYPE.fullmatch(tag.strip().upper())
    name = _ANSI_TYPES.get(match[1], match[1]) if match else ""
    if match is None or name not in _KNOWN_TYPES:
        raise ViewError(column.path.element, f"the tag {TYPE_TAG} names no known type")
    return f"{name}{match[2] or ''}" if name == "DECIMAL" else name
