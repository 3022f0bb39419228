"""The operators of FHIRPath (HL7 FHIRPath, section "Operations")."""

from dataclasses import replace

from medplatform.views.compile import moments
from medplatform.views.compile.evaluate import Scope, items, truth
from medplatform.views.compile.values import (
    FhirType,
    Items,
    Nothing,
    Value,
    as_list,
    boolean,
    integer,
    single,
    size,
    text,
)
from medplatform.views.error import ViewError
from medplatform.views.schema import DECIMAL, Kind, Scalar

_LOGIC = {
    "and": "({0} AND {1})",
    "or": "({0} OR {1})",
    "xor": "({0} <> {1})",
    "implies": "(NOT {0} OR {1})",
}
_COMPARISONS = ("<", "<=", ">", ">=")
_EQUALITIES = ("=", "!=", "~", "!~")
_DECIMAL_DIGITS = 12
"""Digits after the point that sums and products keep (FHIRPath, "Decimal": at least 8)."""


def apply(operator: str, left: Value, right: Value, scope: Scope) -> Value:
    """What a binary operator gives.

    Raises
    ------
    ViewError
        The operands' types do not go with it.
    """
    if operator in _LOGIC:
        sides = (truth(left, scope), truth(right, scope))
        return boolean(_LOGIC[operator].format(*(f"({side})" for side in sides)))
    first, second = items(left, scope), items(right, scope)
    if operator in ("|", "in", "contains"):
        return _collections(operator, first, second, scope)
    if operator == "&":
        return _concatenate(first, second, scope)
    if isinstance(first, Nothing) or isinstance(second, Nothing):
        return _with_nothing(operator, first, second, scope)
    if operator in _EQUALITIES:
        return _equality(operator, first, second, scope)
    one, other = single(first, scope.element), single(second, scope.element)
    if operator in _COMPARISONS:
        return boolean(_compare(operator, one, other, scope))
    return _calculate(operator, one, other, scope)


def negate(operand: Items | Nothing, scope: Scope) -> Value:
    """A number with its sign changed."""
    if isinstance(operand, Nothing):
        return operand
    one = single(operand, scope.element)
    if kind_of(one) is Kind.INTEGER:
        return integer(f"(-({one.sql}))")
    return decimal(f"(-({number(one, scope)}))")


def decimal(sql: str) -> Items:
    """A calculated decimal."""
    return Items(f"round({sql}, {_DECIMAL_DIGITS})", DECIMAL, type=FhirType("decimal"))


def kind_of(value: Items) -> Kind | None:
    """What kind of scalar; None of a complex type."""
    return value.node.kind if isinstance(value.node, Scalar) else None


def number(value: Items, scope: Scope) -> str:
    """SQL of a number.

    Raises
    ------
    ViewError
        It is none.
    """
    if kind_of(value) not in (Kind.INTEGER, Kind.DECIMAL):
        raise ViewError(scope.element, "expected a number")
    if kind_of(value) is Kind.DECIMAL and value.node.sql_type() != "DOUBLE":
        return f"CAST({value.sql} AS DOUBLE)"
    return value.sql


def _with_nothing(
    operator: str, first: Items | Nothing, second: Items | Nothing, scope: Scope
) -> Value:
    """An operand that is always empty: so is the result, but for equivalence."""
    if operator not in ("~", "!~"):
        return Nothing() if operator not in (*_EQUALITIES, *_COMPARISONS) else boolean("NULL")
    filled = [value for value in (first, second) if isinstance(value, Items)]
    same = f"{size(filled[0])} = 0" if filled else "true"
    return boolean(same if operator == "~" else f"NOT ({same})")


def _equality(operator: str, first: Items, second: Items, scope: Scope) -> Items:
    sql = _equal(first, second, scope)
    if operator in ("~", "!~"):
        both_empty = f"({size(first)} = 0 AND {size(second)} = 0)"
        sql = f"coalesce({_equal(_folded(first), _folded(second), scope)}, {both_empty})"
    return boolean(f"({sql})" if operator in ("=", "~") else f"(NOT ({sql}))")


def _folded(value: Items) -> Items:
    """Without case, as equivalence compares texts."""
    if value.is_list or kind_of(value) is not Kind.TEXT:
        return value
    return text(f"lower({value.sql})", value.type.anchor if value.type else "string")


def _equal(first: Items, second: Items, scope: Scope) -> str:
    if not (first.is_list or second.is_list):
        return _compare("=", first, second, scope)
    left, right = as_list(first, scope.names), as_list(second, scope.names)
    one = Items(f"({left})[1]", first.node, type=first.type)
    other = Items(f"({right})[1]", second.node, type=second.type)
    same_kind = kind_of(first) == kind_of(second)
    return (
        f"CASE WHEN coalesce(len({left}), 0) = 0 OR coalesce(len({right}), 0) = 0 THEN NULL "
        f"WHEN len({left}) <> len({right}) THEN false "
        f"WHEN len({left}) = 1 THEN {_compare('=', one, other, scope)} "
        f"ELSE {f'{left} = {right}' if same_kind else 'false'} END"
    )


def _compare(operator: str, left: Items, right: Items, scope: Scope) -> str:
    kinds = (kind_of(left), kind_of(right))
    numbers = (Kind.INTEGER, Kind.DECIMAL)
    if kinds[0] in numbers and kinds[1] in numbers:
        return f"({number(left, scope)} {operator} {number(right, scope)})"
    if kinds[0] is not kinds[1]:
        if operator != "=":
            raise ViewError(scope.element, f"{operator} compares values of one type")
        return f"CASE WHEN {left.sql} IS NOT NULL AND {right.sql} IS NOT NULL THEN false END"
    if operator != "=" and kinds[0] is not Kind.TEXT:
        raise ViewError(scope.element, f"{operator} compares numbers, strings, dates and times")
    if kinds[0] is Kind.TEXT and moments.are_moments(operator, left, right):
        return moments.compare(operator, left.sql, right.sql)
    return f"({left.sql} {operator} {right.sql})"


def _calculate(operator: str, left: Items, right: Items, scope: Scope) -> Items:
    kinds = (kind_of(left), kind_of(right))
    if operator == "+" and kinds == (Kind.TEXT, Kind.TEXT):
        return text(f"({left.sql} || {right.sql})")
    if moments.of(left) or moments.of(right):
        raise ViewError(scope.element, "arithmetic with dates and times is not supported")
    one, other = number(left, scope), number(right, scope)
    if operator == "/":
        return replace(decimal(one), sql=f"({one} / nullif({other}, 0))")
    if operator == "div":
        return integer(f"CAST(trunc({one} / nullif({other}, 0)) AS BIGINT)")
    if operator == "mod":
        operator, other = "%", f"nullif({other}, 0)"
    sql = f"({one} {operator} {other})"
    return integer(sql) if kinds == (Kind.INTEGER, Kind.INTEGER) else decimal(sql)


def _concatenate(first: Items | Nothing, second: Items | Nothing, scope: Scope) -> Items:
    """`&`: as `+` of strings, but an empty side is an empty string."""
    sides: list[str] = []
    for side in (first, second):
        if isinstance(side, Nothing):
            continue
        if kind_of(side) is not Kind.TEXT:
            raise ViewError(scope.element, "& joins strings")
        sides.append(f"coalesce({single(side, scope.element).sql}, '')")
    return text(f"({' || '.join(sides)})" if sides else "''")


def _collections(
    operator: str, first: Items | Nothing, second: Items | Nothing, scope: Scope
) -> Value:
    if operator == "|":
        return combine(first, second, scope, distinct=True)
    item, collection = (first, second) if operator == "in" else (second, first)
    if isinstance(item, Nothing):
        return boolean("NULL")
    one = single(item, scope.element)
    if isinstance(collection, Nothing):
        return boolean(f"CASE WHEN {one.sql} IS NOT NULL THEN false END")
    name = scope.names.new()
    each = Items(name, collection.node, type=collection.type)
    found = (
        f"len(list_filter({as_list(collection, scope.names)}, "
        f"lambda {name}: {_compare('=', each, one, scope)})) > 0"
    )
    return boolean(f"CASE WHEN {one.sql} IS NOT NULL THEN coalesce({found}, false) END")


def combine(
    first: Items | Nothing, second: Items | Nothing, scope: Scope, *, distinct: bool
) -> Value:
    """The items of both; with `distinct` each value once.

    Raises
    ------
    ViewError
        They are of different types.
    """
    if isinstance(first, Nothing) or isinstance(second, Nothing):
        some = second if isinstance(first, Nothing) else first
        if isinstance(some, Nothing):
            return some
        sql = as_list(some, scope.names)
    else:
        some = first
        if kind_of(first) is not kind_of(second) or kind_of(first) is None:
            raise ViewError(scope.element, "only primitives of one type can be put together")
        sql = f"list_concat({as_list(first, scope.names)}, {as_list(second, scope.names)})"
    if distinct:
        sql = first_of_each(sql, scope)
    return Items(sql, some.node, is_list=True, type=some.type)


def first_of_each(sql: str, scope: Scope) -> str:
    """A list without repetitions, in its order."""
    name, index = scope.names.new(), scope.names.new("i")
    return f"list_filter({sql}, lambda {name}, {index}: list_position({sql}, {name}) = {index})"
