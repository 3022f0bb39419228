"""A whole view as one statement."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from medplatform.views.compile import output
from medplatform.views.compile.evaluate import Scope, evaluate, items, truth
from medplatform.views.compile.repeat import traverse
from medplatform.views.compile.rows import (
    Cell,
    Cells,
    Each,
    Plan,
    Product,
    Renderer,
    Union,
    cells_of,
    column_nodes,
)
from medplatform.views.compile.values import (
    Choice,
    FhirType,
    Items,
    Names,
    Nothing,
    Root,
    Value,
    as_list,
    single,
)
from medplatform.views.definition import Column, Path, Select, View
from medplatform.views.error import ViewError
from medplatform.views.schema import BOOLEAN, Complex, DefinedStruct, Node, quote

ALIAS = "this_resource"
"""Name of the relation in the statement."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement and what its columns are.

    Attributes
    ----------
    sql
        Reads the relation that was named.
    nodes
        The type of each column; None where it is always empty.
    fhir_types
        The FHIR type of each column, where it is known.
    """

    sql: str
    nodes: Mapping[str, Node | None]
    fhir_types: Mapping[str, FhirType | None]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in their order."""
        return tuple(self.nodes)


def compile_query(
    view: View, schema: Complex, relation: str, *, types: Mapping[str, str] | None = None
) -> Compiled:
    """The statement that gives the rows of a view.

    Parameters
    ----------
    schema
        The elements that the relation has as columns.
    relation
        SQL that can follow FROM; every row is a resource of the view's type.
    types
        DuckDB types that the columns are to have; without it, values as FHIR's JSON has them
        (decimals, dates and times as text).

    Raises
    ------
    ViewError
        The view cannot be answered over this schema.
    """
    builder = _Builder(view, schema)
    plan = Product(tuple(builder.select(select, builder.scope) for select in view.selects))
    nodes = column_nodes(plan)
    fhir_types: dict[str, FhirType | None] = {}
    for cell in cells_of(plan):
        fhir_types[cell.column.name] = fhir_types.get(cell.column.name) or cell.type
    columns = {column.name: column for column in view.columns()}
    nodes = {name: nodes[name] for name in columns}
    stored = {name: output.stored_type(columns[name], nodes[name]) for name in columns}
    renderer = Renderer(builder.names, stored)
    fields, lists = renderer.parts(plan.parts)
    wanted = {
        name: output.convert(column, quote(name), stored[name], (types or {}).get(name))
        for name, column in columns.items()
    }
    sql = _statement(fields, lists, wanted, f"{relation} AS {ALIAS}", builder.condition())
    return Compiled(sql, nodes, fhir_types)


class _Builder:
    def __init__(self, view: View, schema: Complex) -> None:
        self.view = view
        self.names = Names()
        root = Root(ALIAS, schema, FhirType(view.resource, release=view.release))
        self.scope = Scope(
            this=root,
            context=root,
            root=root,
            row_index="0::BIGINT",
            element="",
            constants=view.constants,
            names=self.names,
        )

    def condition(self) -> str | None:
        """SQL of what `where` asks for."""
        tests: list[str] = []
        for path in self.view.where:
            scope = replace(self.scope, element=path.element)
            value = evaluate(path.expression, scope)
            if _is_other_than_boolean(value) or (
                isinstance(value, Nothing) and _is_other_than_boolean(self._defined(path))
            ):
                raise ViewError(path.element, "a condition is true or false; this is neither")
            tests.append(f"({truth(value, scope)})")
        return " AND ".join(tests) or None

    def _defined(self, path: Path) -> Value:
        """What a path gives by FHIR's definitions, where the data have nothing to tell."""
        root = replace(self.scope.root, schema=DefinedStruct(self.view.resource, self.view.release))
        scope = replace(self.scope, this=root, context=root, root=root, element=path.element)
        try:
            return evaluate(path.expression, scope)
        except ViewError:
            return Nothing()

    def select(self, select: Select, scope: Scope) -> Plan:
        if select.repeat:
            return self._each(select, *traverse(select, scope), scope)
        path = select.for_each or select.for_each_or_null
        if path is None:
            return self._body(select, scope)
        scope = replace(scope, element=path.element)
        value = items(evaluate(path.expression, scope), scope)
        if isinstance(value, Nothing):
            return self._each(select, None, None, scope)
        return self._each(select, as_list(value, self.names), value, scope)

    def _each(self, select: Select, rows: str | None, value: Items | None, scope: Scope) -> Plan:
        item, index = self.names.new(), self.names.new("i")
        if rows is None or value is None:
            this, rows = Nothing(), "CAST([] AS BOOLEAN[])"
        else:
            this = Items(item, value.node, type=value.type)
        inner = replace(scope, this=this, context=this, row_index=f"CAST({index} - 1 AS BIGINT)")
        or_null = select.for_each_or_null is not None
        return Each(rows, item, index, self._body(select, inner), or_null)

    def _body(self, select: Select, scope: Scope) -> Plan:
        parts: list[Plan] = []
        if select.columns:
            parts.append(Cells(tuple(self._cell(column, scope) for column in select.columns)))
        parts += [self.select(child, scope) for child in select.selects]
        if select.union:
            parts.append(Union(tuple(self.select(branch, scope) for branch in select.union)))
        return parts[0] if len(parts) == 1 else Product(tuple(parts))

    def _cell(self, column: Column, scope: Scope) -> Cell:
        path: Path = column.path
        scope = replace(scope, element=path.element)
        value = items(evaluate(path.expression, replace(scope, context=scope.this)), scope)
        if isinstance(value, Nothing):
            return Cell(column, None, None)
        output.check_declared(column, value)
        value = output.as_stored(value, scope)
        if column.is_collection:
            return Cell(column, as_list(value, self.names), value.node, value.type)
        return Cell(column, single(value, path.element).sql, value.node, value.type)


def _is_other_than_boolean(value: Value) -> bool:
    if isinstance(value, Choice):
        return "Boolean" not in value.variants
    return isinstance(value, Root) or (isinstance(value, Items) and value.node != BOOLEAN)


def _statement(
    fields: Mapping[str, str],
    lists: list[tuple[str, tuple[str, ...]]],
    wanted: Mapping[str, str],
    relation: str,
    condition: str | None,
) -> str:
    """One SELECT that computes, then one that unnests for each list of rows."""
    inner = [f"{sql} AS {quote(name)}" for name, sql in fields.items()]
    inner += [f"{rows} AS {quote(f'_{number}')}" for number, (rows, _) in enumerate(lists)]
    where = f" WHERE {condition}" if condition else ""
    sql = f"SELECT {', '.join(inner)} FROM {relation}{where}"
    for number in range(len(lists)):
        name = quote(f"_{number}")
        sql = f"SELECT * REPLACE (unnest({name}) AS {name}) FROM ({sql})"
    unpacked = [
        f"{quote(f'_{number}')}.{quote(column)} AS {quote(column)}"
        for number, (_, columns) in enumerate(lists)
        for column in columns
    ]
    if unpacked:
        kept = [quote(name) for name in fields]
        sql = f"SELECT {', '.join(kept + unpacked)} FROM ({sql})"
    columns = ", ".join(f"{sql_value} AS {quote(name)}" for name, sql_value in wanted.items())
    return f"SELECT {columns} FROM ({sql})"
