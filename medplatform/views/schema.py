"""The shape of what a view reads: a tree of structs, lists and scalars, as DuckDB types.

Two trees answer the same questions: `Struct`, read from a relation that exists, and
`DefinedStruct`, which unfolds from FHIR's definitions as far as a view looks into it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, TypeAlias

from medplatform.modalities.ehr.definitions import ElementDefinition, Release, elements_of

HIDDEN_MARK = "__"
"""Fields with this in their name belong to the store (`value__text`), not to FHIR."""

TEXT_SUFFIX = "__text"
"""Ends the name of the field with a decimal exactly as it was delivered."""


class Kind(Enum):
    """What a scalar is to FHIRPath. Dates and times are text in FHIR's form."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A primitive and the DuckDB type that holds it."""

    kind: Kind
    sql: str

    def sql_type(self) -> str:
        """Name of the type in DuckDB."""
        return self.sql


TEXT = Scalar(Kind.TEXT, "VARCHAR")
BOOLEAN = Scalar(Kind.BOOLEAN, "BOOLEAN")
INTEGER = Scalar(Kind.INTEGER, "BIGINT")
DECIMAL = Scalar(Kind.DECIMAL, "DOUBLE")
EXACT_DECIMAL = Scalar(Kind.DECIMAL, "VARCHAR")


@dataclass(frozen=True, slots=True)
class Repeated:
    """A list."""

    item: "Node"

    def sql_type(self) -> str:
        """Name of the type in DuckDB."""
        return f"{self.item.sql_type()}[]"


@dataclass(frozen=True, slots=True)
class Struct:
    """An element with elements, as a relation has it."""

    fields: Mapping[str, "Node"]

    def field(self, name: str) -> "Node | None":
        """The element of this name, where there is one."""
        return self.fields.get(name)

    def names(self) -> tuple[str, ...]:
        """The elements."""
        return tuple(self.fields)

    def sql_type(self) -> str:
        """Name of the type in DuckDB."""
        fields = (f"{quote(name)} {node.sql_type()}" for name, node in self.fields.items())
        return f"STRUCT({', '.join(fields)})"


@dataclass(slots=True, eq=False)
class DefinedStruct:
    """An element with elements, as FHIR defines it. Remembers which were asked for."""

    type: str
    release: Release = Release.R4B
    used: dict[str, "Node"] = field(default_factory=dict)

    def field(self, name: str) -> "Node | None":
        """The element of this name, where FHIR defines one."""
        if name not in self.used:
            definition = definitions_of(self.type, self.release).get(name)
            if definition is None:
                return None
            item = _defined(definition.type, self.release)
            self.used[name] = Repeated(item) if definition.is_list else item
        return self.used[name]

    def names(self) -> tuple[str, ...]:
        """The elements."""
        return tuple(definitions_of(self.type, self.release))

    @property
    def is_complete(self) -> bool:
        """Whether FHIR defines what was asked for: not what is in a contained resource."""
        children = [n.item if isinstance(n, Repeated) else n for n in self.used.values()]
        below = [node for node in children if isinstance(node, DefinedStruct)]
        return bool(self.names()) and all(node.is_complete for node in below)

    def sql_type(self) -> str:
        """Name of the type in DuckDB, of the elements that were asked for."""
        fields = [f"{quote(name)} {node.sql_type()}" for name, node in self.used.items()]
        return f"STRUCT({', '.join(fields)})" if fields else "JSON"


Node: TypeAlias = Scalar | Repeated | Struct | DefinedStruct
Complex: TypeAlias = Struct | DefinedStruct


@cache
def definitions_of(type_name: str, release: Release) -> Mapping[str, ElementDefinition]:
    """The elements of a type by name; of one that the release lacks, those of the other release."""
    other = Release.R4B if release is Release.R5 else Release.R5
    for candidate in (release, other):
        try:
            return elements_of(type_name, candidate)
        except KeyError:
            continue
    return {}


_DEFINED_SCALARS = {
    "boolean": BOOLEAN,
    "integer": INTEGER,
    "integer64": INTEGER,
    "positiveInt": INTEGER,
    "unsignedInt": INTEGER,
    "decimal": DECIMAL,
}


def _defined(type_name: str, release: Release) -> Node:
    if type_name[0].islower():
        return _DEFINED_SCALARS.get(type_name, TEXT)
    return DefinedStruct(type_name, release)


def from_duckdb(columns: Mapping[str, Any]) -> Struct:
    """The tree of a relation's columns.

    Parameters
    ----------
    columns
        DuckDB types by column name.
    """
    nodes = {name: _node(dtype) for name, dtype in columns.items()}
    return Struct({name: node for name, node in nodes.items() if node is not None})


def _node(dtype: Any) -> Node | None:
    if dtype.id == "struct":
        struct = from_duckdb(dict(dtype.children))
        return struct if struct.fields else None
    if dtype.id == "list":
        item = _node(dtype.children[0][1])
        return Repeated(item) if item is not None else None
    if dtype.id == "boolean":
        return BOOLEAN
    if dtype.id.endswith("int") or dtype.id == "integer":
        return Scalar(Kind.INTEGER, str(dtype))
    if dtype.id in ("double", "float", "decimal"):
        return Scalar(Kind.DECIMAL, str(dtype))
    return None if str(dtype) == '"NULL"' else Scalar(Kind.TEXT, str(dtype))


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(text: str) -> str:
    """A text as an SQL string."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
