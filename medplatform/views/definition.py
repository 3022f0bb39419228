"""The model of a ViewDefinition, and what makes one invalid.

`parse_view` turns the JSON into a `View` whose expressions are parsed and whose names are checked,
so that whatever compiles it need not doubt it (SQL on FHIR v2, StructureDefinition ViewDefinition
and the algorithm "Validate Columns").
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from medplatform.modalities.ehr.definitions import Release
from medplatform.views.fhirpath import Expression, Literal


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed FHIRPath expression and the element of the view that holds it."""

    text: str
    expression: Expression
    element: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the result.

    `type` is the declared FHIR type, without the address of FHIR's StructureDefinitions. `tags`
    are hints for databases, such as `ansi/type`.
    """

    name: str
    path: Path
    type: str | None = None
    is_collection: bool = False
    description: str | None = None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """A selection structure: what is iterated (at most one of three), and what each item gives."""

    element: str
    columns: tuple[Column, ...] = ()
    selects: "tuple[Select, ...]" = ()
    union: "tuple[Select, ...]" = ()
    for_each: Path | None = None
    for_each_or_null: Path | None = None
    repeat: tuple[Path, ...] = ()

    def all_columns(self) -> Iterator[Column]:
        """The columns in their order; those of a union once."""
        yield from self.columns
        for select in self.selects:
            yield from select.all_columns()
        if self.union:
            yield from self.union[0].all_columns()

    def paths(self) -> Iterator[Path]:
        """All expressions of this and the selects in it."""
        yield from (path for path in (self.for_each, self.for_each_or_null) if path)
        yield from self.repeat
        yield from (column.path for column in self.columns)
        for select in (*self.selects, *self.union):
            yield from select.paths()

    @property
    def is_recursive(self) -> bool:
        """Whether this or a select in it has `repeat`."""
        return bool(self.repeat) or any(s.is_recursive for s in (*self.selects, *self.union))


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A valid ViewDefinition."""

    resource: str
    selects: tuple[Select, ...]
    name: str | None = None
    title: str | None = None
    description: str | None = None
    status: str | None = None
    url: str | None = None
    version: str | None = None
    fhir_versions: tuple[str, ...] = ()
    constants: Mapping[str, Literal]
    where: tuple[Path, ...] = ()

    def columns(self) -> tuple[Column, ...]:
        """The columns of the result in their order (SQL on FHIR v2, "Column Ordering")."""
        return tuple(column for select in self.selects for column in select.all_columns())

    def paths(self) -> Iterator[Path]:
        """All expressions: conditions, iterations and columns."""
        yield from self.where
        for select in self.selects:
            yield from select.paths()

    @property
    def is_recursive(self) -> bool:
        """Whether any select has `repeat`."""
        return any(select.is_recursive for select in self.selects)

    @property
    def release(self) -> Release:
        """The FHIR release that the view is for, R4B where it does not say."""
        is_r5 = any(version.startswith("5.") for version in self.fhir_versions)
        return Release.R5 if is_r5 else Release.R4B
