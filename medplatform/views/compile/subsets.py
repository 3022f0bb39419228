"""The functions of FHIRPath that take, put together and count items."""

from dataclasses import replace

from medplatform.views.compile import operators
from medplatform.views.compile.evaluate import Scope, evaluate, for_each_item, items, truth
from medplatform.views.compile.filters import exists
from medplatform.views.compile.values import (
    Choice,
    Items,
    Nothing,
    Root,
    Value,
    as_list,
    boolean,
    integer,
    single,
    size,
)
from medplatform.views.error import ViewError
from medplatform.views.fhirpath import Expression
from medplatform.views.schema import BOOLEAN, Kind

Arguments = tuple[Expression, ...]


def all_true(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """Whether no item is false."""
    return boolean(_bools(target, scope, "bool_and", "true"))


def any_true(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """Whether some item is true."""
    return boolean(_bools(target, scope, "bool_or", "false"))


def _bools(target: Value, scope: Scope, aggregate: str, default: str) -> str:
    value = items(target, scope)
    if isinstance(value, Nothing):
        return default
    if value.node != BOOLEAN:
        raise ViewError(scope.element, "allTrue() and anyTrue() are for truth values")
    return f"coalesce(list_{aggregate}({as_list(value, scope.names)}), {default})"


def first(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """The first item."""
    return _nth(target, 1)


def last(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """The last item."""
    return _nth(target, -1)


def _nth(value: Value, position: int) -> Value:
    if isinstance(value, Choice):
        picked = {name: _nth(v, position) for name, v in value.variants.items()}
        return Choice({name: v for name, v in picked.items() if isinstance(v, Items)})
    if not isinstance(value, Items) or not value.is_list:
        return value
    sql = f"list_extract({value.sql}, {position})"
    return replace(value, sql=sql, is_list=False, parent=None)


def the_only(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """The only item; several are an error when the statement runs."""
    return single(target, scope.element) if isinstance(target, Items) else target


def tail(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """All items but the first."""
    value = items(target, scope)
    return _slice(value, "2", "-1", scope) if isinstance(value, Items) else value


def skip(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """All items but so many at the beginning."""
    value = items(target, scope)
    if isinstance(value, Nothing):
        return value
    return _slice(value, f"greatest({_whole_number(arguments[0], scope)}, 0) + 1", "-1", scope)


def take(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """So many items at the beginning."""
    value = items(target, scope)
    if isinstance(value, Nothing):
        return value
    return _slice(value, "1", f"greatest({_whole_number(arguments[0], scope)}, 0)", scope)


def _slice(value: Items, begin: str, end: str, scope: Scope) -> Items:
    """The items from one position to another, counted from 1, both included."""
    sql = f"list_slice({as_list(value, scope.names)}, {begin}, {end})"
    return replace(value, sql=sql, is_list=True, parent=None)


def _whole_number(expression: Expression, scope: Scope) -> str:
    value = items(evaluate(expression, scope), scope)
    if not isinstance(value, Items) or operators.kind_of(value) is not Kind.INTEGER:
        raise ViewError(scope.element, "expected a whole number")
    return single(value, scope.element).sql


def count(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """How many items there are."""
    if isinstance(target, Nothing):
        return integer("0")
    if isinstance(target, Root):
        return integer(f"CASE WHEN {exists(target)} THEN 1 ELSE 0 END")
    value = items(target, scope)
    assert isinstance(value, Items)
    return integer(f"({size(value)})")


def distinct(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """Each item once."""
    value = items(target, scope)
    if isinstance(value, Nothing):
        return value
    sql = operators.first_of_each(as_list(value, scope.names), scope)
    return replace(value, sql=sql, is_list=True, parent=None)


def is_distinct(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """Whether no item is repeated."""
    value = items(target, scope)
    if isinstance(value, Nothing):
        return boolean("true")
    unique = distinct(target, (), scope)
    assert isinstance(unique, Items)
    return boolean(f"({size(unique)} = {size(value)})")


def select(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """What an expression gives for each item."""
    if isinstance(target, Nothing):
        return target
    if isinstance(target, Root):
        return evaluate(arguments[0], scope.at(target))
    value = items(target, scope)
    assert isinstance(value, Items)
    return for_each_item(value, scope, arguments[0])


def union(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """The items of both, each once."""
    other = items(evaluate(arguments[0], scope), scope)
    return operators.combine(items(target, scope), other, scope, distinct=True)


def combine(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """The items of both."""
    other = items(evaluate(arguments[0], scope), scope)
    return operators.combine(items(target, scope), other, scope, distinct=False)


def iif(target: Value, arguments: Arguments, scope: Scope) -> Value:
    """One value or another, by a condition."""
    test = truth(evaluate(arguments[0], scope), scope)
    branches = [items(evaluate(argument, scope), scope) for argument in arguments[1:]]
    filled = [branch for branch in branches if isinstance(branch, Items)]
    if not filled:
        return Nothing()
    if len({branch.node.sql_type() for branch in filled}) > 1:
        raise ViewError(scope.element, "the results of iif() are of different types")
    is_list = any(branch.is_list for branch in filled)
    sides = [
        "NULL" if isinstance(b, Nothing) else as_list(b, scope.names) if is_list else b.sql
        for b in branches
    ]
    otherwise = f" ELSE {sides[1]}" if len(sides) > 1 else ""
    return replace(
        filled[0],
        sql=f"CASE WHEN {test} THEN {sides[0]}{otherwise} END",
        is_list=is_list,
        parent=None,
    )
