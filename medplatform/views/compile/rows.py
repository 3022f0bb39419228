"""Selects as SQL: each gives the list of its rows (SQL on FHIR v2, "Processing Algorithm").

A plan mirrors the selects. Where nothing is iterated it has exactly one row and stays a set of
expressions; where something is, it becomes a list of structs, one per row, built by lambdas over
the lists of the resource. Parent and siblings are crossed, branches of a union put in line.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from medplatform.views.compile.values import FhirType, Names
from medplatform.views.definition import Column
from medplatform.views.error import ViewError
from medplatform.views.schema import TEXT, Kind, Node, Scalar, quote


@dataclass(frozen=True, slots=True)
class Cell:
    """The value of a column in the rows of one select; without `sql` it is always empty."""

    column: Column
    sql: str | None
    node: Node | None
    type: FhirType | None = None


@dataclass(frozen=True, slots=True)
class Cells:
    """One row."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """Every combination of the rows of the parts."""

    parts: "tuple[Plan, ...]"


@dataclass(frozen=True, slots=True)
class Each:
    """The rows of the body for each item of a list; `or_null`: a row of nulls for an empty one."""

    items: str
    item: str
    index: str
    body: "Plan"
    or_null: bool = False


@dataclass(frozen=True, slots=True)
class Union:
    """The rows of one branch after those of the other."""

    branches: "tuple[Plan, ...]"


Plan: TypeAlias = Cells | Product | Each | Union
Fields: TypeAlias = dict[str, str]


def cells_of(plan: Plan) -> Iterator[Cell]:
    """All cells of a plan, those of every branch too."""
    match plan:
        case Cells(cells):
            yield from cells
        case Product(parts) | Union(parts):
            for part in parts:
                yield from cells_of(part)
        case Each(body=body):
            yield from cells_of(body)


@dataclass(slots=True)
class Renderer:
    """Writes plans as SQL.

    Attributes
    ----------
    types
        DuckDB type of every column.
    """

    names: Names
    types: Mapping[str, str]
    order: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.order = {name: position for position, name in enumerate(self.types)}

    def render(self, plan: Plan) -> Fields | str:
        """The expressions of the only row, or SQL of the list of rows."""
        match plan:
            case Cells(cells):
                return {cell.column.name: self._cell(cell) for cell in cells}
            case Product(parts):
                return self._product([(self.render(part), part) for part in parts])
            case Each():
                return self._each(plan)
            case Union(branches):
                rows = [self._as_rows(branch) for branch in branches]
                return rows[0] if len(rows) == 1 else f"list_concat({', '.join(rows)})"

    def parts(self, plans: Sequence[Plan]) -> tuple[Fields, list[tuple[str, tuple[str, ...]]]]:
        """The expressions of the parts with one row, and the lists of rows with their columns."""
        fields: Fields = {}
        lists: list[tuple[str, tuple[str, ...]]] = []
        for plan in plans:
            rendered = self.render(plan)
            if isinstance(rendered, dict):
                fields |= rendered
            else:
                lists.append((rendered, self._columns(plan)))
        return fields, lists

    def _product(self, parts: list[tuple[Fields | str, Plan]]) -> Fields | str:
        fields: Fields = {}
        lists: list[tuple[str, str]] = []
        for rendered, plan in parts:
            if isinstance(rendered, dict):
                fields |= rendered
                continue
            row = self.names.new("r")
            lists.append((rendered, row))
            fields |= {name: f"{row}.{quote(name)}" for name in self._columns(plan)}
        if not lists:
            return fields
        if len(parts) == 1:
            return lists[0][0]
        sql = self._struct(fields)
        for number, (rows, row) in enumerate(reversed(lists)):
            sql = f"list_transform({rows}, lambda {row}: {sql})"
            sql = f"flatten({sql})" if number else sql
        return sql

    def _each(self, plan: Each) -> str:
        body = self.render(plan.body)
        is_row = isinstance(body, dict)
        inner = self._struct(body) if isinstance(body, dict) else body
        sql = f"list_transform({plan.items}, lambda {plan.item}, {plan.index}: {inner})"
        sql = sql if is_row else f"flatten({sql})"
        if not plan.or_null:
            return sql
        nulls = self._struct({name: self._null(name, plan.body) for name in self._columns(plan)})
        return f"CASE WHEN coalesce(len({plan.items}), 0) = 0 THEN [{nulls}] ELSE {sql} END"

    def _as_rows(self, plan: Plan) -> str:
        rendered = self.render(plan)
        return f"[{self._struct(rendered)}]" if isinstance(rendered, dict) else rendered

    def _columns(self, plan: Plan) -> tuple[str, ...]:
        names = {cell.column.name for cell in cells_of(plan)}
        return tuple(sorted(names, key=self.order.__getitem__))

    def _struct(self, fields: Fields) -> str:
        ordered = sorted(fields, key=self.order.__getitem__)
        return f"struct_pack({', '.join(f'{quote(name)} := {fields[name]}' for name in ordered)})"

    def _cell(self, cell: Cell) -> str:
        target = self.types[cell.column.name]
        if cell.sql is None:
            empty = "[]" if cell.column.is_collection else "NULL"
            return f"CAST({empty} AS {target})"
        sql = f"coalesce({cell.sql}, [])" if cell.column.is_collection else cell.sql
        return sql if cell_type(cell) == target else f"CAST({sql} AS {target})"

    def _null(self, name: str, plan: Plan) -> str:
        paths = {
            cell.column.path.text.strip() for cell in cells_of(plan) if cell.column.name == name
        }
        return "0::BIGINT" if paths == {"%rowIndex"} else f"CAST(NULL AS {self.types[name]})"


def cell_type(cell: Cell) -> str | None:
    """DuckDB type of a cell; None of one that is always empty."""
    if cell.node is None:
        return None
    item = cell.node.sql_type()
    return f"{item}[]" if cell.column.is_collection else item


def column_nodes(plan: Plan) -> dict[str, Node | None]:
    """The type of each column, which the branches of a union agree on.

    Raises
    ------
    ViewError
        They do not.
    """
    nodes: dict[str, Node | None] = {}
    for cell in cells_of(plan):
        known = nodes.setdefault(cell.column.name, cell.node)
        nodes[cell.column.name] = _common(known, cell.node, cell)
    return nodes


def _common(known: Node | None, node: Node | None, cell: Cell) -> Node | None:
    if known is None or node is None or known == node:
        return known or node
    numbers = (Kind.INTEGER, Kind.DECIMAL)
    if isinstance(known, Scalar) and isinstance(node, Scalar):
        if known.kind is node.kind:
            return known if known.kind is not Kind.DECIMAL else TEXT_DECIMAL
        if known.kind in numbers and node.kind in numbers:
            return TEXT_DECIMAL
    raise ViewError(
        cell.column.path.element,
        f"the branches of unionAll give values of different types in {cell.column.name}",
    )


TEXT_DECIMAL = Scalar(Kind.DECIMAL, TEXT.sql)
