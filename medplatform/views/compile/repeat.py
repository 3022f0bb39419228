"""`repeat`: every item that its paths reach from the context, at any depth.

The items of different depths have different types in typed columns, so each level is brought to
the one type that has the elements of all; the data are as deep as their types, so the levels end.
FHIR's definitions have no end: over them two levels are walked, which tells the types.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from medplatform.views.compile.evaluate import Scope, evaluate, items
from medplatform.views.compile.values import Items, Nothing, as_list
from medplatform.views.definition import Path, Select
from medplatform.views.error import ViewError
from medplatform.views.schema import DefinedStruct, Node, Repeated, Scalar, Struct

_MAX_DEPTH = 128
"""DuckDB reads no JSON deeper than this."""


@dataclass(frozen=True, slots=True)
class _Level:
    """The items that one path reaches from an item, and what is reached from each of those."""

    value: Items
    item: Items
    below: "tuple[_Level, ...]"


def traverse(select: Select, scope: Scope) -> tuple[str | None, Items | None]:
    """All items in the order of a depth-first walk, as a list and as what they are.

    Raises
    ------
    ViewError
        A path leads nowhere, or back to where it begins.
    """
    walk = _Walk(select)
    levels = walk.levels(scope, 0)
    walk.check_paths()
    nodes = [level.item.node for level in _all(levels)]
    if not nodes:
        return None, None
    common = nodes[0]
    for node in nodes[1:]:
        common = _merge(common, node)
    return _in_line(levels, common, scope), replace(levels[0].item, node=common)


class _Walk:
    def __init__(self, select: Select) -> None:
        self.select = select
        self.faults: dict[str, ViewError] = {}
        self.reached: set[str] = set()

    def levels(self, scope: Scope, depth: int) -> tuple[_Level, ...]:
        """What the paths reach from an item, and from what they reach."""
        if depth > _MAX_DEPTH:
            reason = "the paths lead back to where they begin"
            raise ViewError(f"{self.select.element}.repeat", reason)
        levels: list[_Level] = []
        for path in self.select.repeat:
            value = self.value(path, scope)
            if isinstance(value, Nothing):
                continue
            item = Items(scope.names.new(), value.node, type=value.type)
            is_endless = isinstance(value.node, DefinedStruct) and depth > 0
            inner = replace(scope, this=item, context=item)
            below = () if is_endless else self.levels(inner, depth + 1)
            levels.append(_Level(value, item, below))
        return tuple(levels)

    def value(self, path: Path, scope: Scope) -> "Items | Nothing":
        """What a path reaches from an item; it need not be defined for every item."""
        at = replace(scope, element=path.element)
        try:
            value = items(evaluate(path.expression, at), at)
        except ViewError as fault:
            self.faults[path.element] = fault
            return Nothing()
        self.reached.add(path.element)
        return value

    def check_paths(self) -> None:
        """Raise the fault of a path that cannot be followed from any item."""
        for element, fault in self.faults.items():
            if element not in self.reached:
                raise fault


def _all(levels: tuple[_Level, ...]) -> Iterator[_Level]:
    for level in levels:
        yield level
        yield from _all(level.below)


def _in_line(levels: tuple[_Level, ...], common: Node, scope: Scope) -> str:
    lists: list[str] = []
    for level in levels:
        name = level.item.sql
        is_common = level.item.node == common
        own = f"[{name}]" if is_common else f"[CAST({name} AS {common.sql_type()})]"
        rows = f"list_concat({own}, {_in_line(level.below, common, scope)})" if level.below else own
        source = as_list(level.value, scope.names)
        lists.append(f"flatten(list_transform({source}, lambda {name}: {rows}))")
    return lists[0] if len(lists) == 1 else f"list_concat({', '.join(lists)})"


def _merge(first: Node, second: Node) -> Node:
    """The type with the elements of both."""
    if isinstance(first, Struct) and isinstance(second, Struct):
        fields = dict(first.fields)
        for name, node in second.fields.items():
            fields[name] = _merge(fields[name], node) if name in fields else node
        return Struct(fields)
    if isinstance(first, Repeated) and isinstance(second, Repeated):
        return Repeated(_merge(first.item, second.item))
    if isinstance(first, Scalar) and isinstance(second, Scalar) and first != second:
        return first if first.sql == "VARCHAR" else Scalar(second.kind, second.sql)
    return first
