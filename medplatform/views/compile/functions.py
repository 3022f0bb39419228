"""The functions of FHIRPath: those that choose, count and test items, and the way to the others."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from medplatform.views.compile import boundary, keys, operators, scalars
from medplatform.views.compile.evaluate import (
    Scope,
    evaluate,
    for_each_item,
    items,
    truth,
)
from medplatform.views.compile.values import (
    CHOICE_TYPES,
    Choice,
    Items,
    Nothing,
    Root,
    Value,
    as_list,
    boolean,
    integer,
    member,
    single,
    size,
)
from medplatform.views.error import ViewError
from medplatform.views.fhirpath import Binary, Call, Expression, Member
from medplatform.views.schema import BOOLEAN, Kind, Scalar

Arguments = tuple[Expression, ...]
Function = Callable[[Value, Arguments, Scope], Value]


def call(expression: Call, scope: Scope) -> Value:
    """What a function gives.

    Raises
    ------
    ViewError
        Its input or its arguments are of the wrong type.
    """
    target = scope.this if expression.target is None else evaluate(expression.target, scope)
    return _FUNCTIONS[expression.name](target, expression.arguments, scope)


def filtered(value: Value, condition: Expression, scope: Scope) -> Value:
    """The items that a condition is true of."""
    if isinstance(value, Nothing):
        return value
    if isinstance(value, Choice):
        kept = {name: filtered(v, condition, scope) for name, v in value.variants.items()}
        return Choice({name: v for name, v in kept.items() if isinstance(v, Items)})
    if isinstance(value, Root):
        test = truth(evaluate(condition, scope.at(value)), scope)
        return replace(value, guard=f"coalesce({test}, false)")
    if not value.is_list:
        test = truth(evaluate(condition, scope.at(value)), scope)
        return replace(value, sql=f"CASE WHEN {test} THEN {value.sql} END", parent=None)
    name = scope.names.new()
    item = Items(name, value.node, type=value.type)
    test = truth(evaluate(condition, scope.at(item)), scope)
    return replace(value, sql=f"list_filter({value.sql}, lambda {name}: {test})", parent=None)


def exists(value: Value) -> str:
    """SQL of whether there is any item."""
    match value:
        case Nothing():
            return "false"
        case Root(guard=guard):
            return guard or "true"
        case Choice(variants):
            return f"({' OR '.join(exists(variant) for variant in variants.values())})"
        case Items(sql, is_list=True):
            return f"(coalesce(len({sql}), 0) > 0)"
        case Items(sql):
            return f"({sql} IS NOT NULL)"


def test_type(operator: str, value: Value, type_name: str, scope: Scope) -> Value:
    """`is` and `as`."""
    kept = of_type(value, type_name, scope)
    return (
        boolean(f"CASE WHEN {exists(value)} THEN {exists(kept)} END") if operator == "is" else kept
    )


def of_type(value: Value, type_name: str, scope: Scope) -> Value:
    """The items of a type, `FHIR.Quantity` or `Quantity`."""
    name = type_name.rpartition(".")[2]
    suffix = name[0].upper() + name[1:]
    match value:
        case Nothing():
            return value
        case Choice(variants):
            return variants.get(suffix) or Nothing()
        case Root(type=own):
            return value if own.anchor == name else Nothing()
        case Items():
            own_name = value.type.resolve() if value.type else None
            if own_name in (name, CHOICE_TYPES.get(suffix)):
                return value
            is_resource = "resourceType" in _names(value)
            if is_resource:
                return filtered(value, _has_resource_type(name), scope)
            return Nothing()


def _names(value: Items) -> tuple[str, ...]:
    return () if isinstance(value.node, Scalar) else value.node.names()  # type: ignore[union-attr]


def _has_resource_type(name: str) -> Expression:
    from medplatform.views.fhirpath import Literal

    return Binary("=", Member(None, "resourceType"), Literal("string", name))


def type_argument(expression: Expression, scope: Scope) -> str:
    """The name of a type that is an argument.

    Raises
    ------
    ViewError
        The argument is no type.
    """
    if not isinstance(expression, Member):
        raise ViewError(scope.element, "expected a type, such as Quantity")
    prefix = type_argument(expression.target, scope) + "." if expression.target else ""
    return f"{prefix}{expression.name}"


def slice_of(value: Items, begin: str, end: str, scope: Scope) -> Items:
    """The items from one position to another, counted from 1, both included."""
    sql = f"list_slice({as_list(value, scope.names)}, {begin}, {end})"
    return replace(value, sql=sql, is_list=True, parent=None)


def _where(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return filtered(target, arguments[0], scope)


def _exists(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return boolean(exists(filtered(target, arguments[0], scope) if arguments else target))


def _empty(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return boolean(f"(NOT {exists(target)})")


def _not(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return boolean(f"(NOT ({truth(target, scope)}))")


def _all(target: Value, arguments: Arguments, scope: Scope) -> Value:
    if isinstance(target, Nothing):
        return boolean("true")
    if isinstance(target, Root):
        return boolean(f"coalesce({truth(evaluate(arguments[0], scope), scope)}, false)")
    kept, whole = filtered(target, arguments[0], scope), items(target, scope)
    assert isinstance(kept, Items) and isinstance(whole, Items)
    return boolean(f"({size(kept)} = {size(whole)})")


def _all_true(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return boolean(_bools(target, scope, "bool_and", "true"))


def _any_true(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return boolean(_bools(target, scope, "bool_or", "false"))


def _bools(target: Value, scope: Scope, aggregate: str, default: str) -> str:
    value = items(target, scope)
    if isinstance(value, Nothing):
        return default
    if value.node != BOOLEAN:
        raise ViewError(scope.element, "allTrue() and anyTrue() are for truth values")
    return f"coalesce(list_{aggregate}({as_list(value, scope.names)}), {default})"


def _first(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return _nth(target, 1)


def _last(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return _nth(target, -1)


def _nth(value: Value, position: int) -> Value:
    if isinstance(value, Choice):
        picked = {name: _nth(v, position) for name, v in value.variants.items()}
        return Choice({name: v for name, v in picked.items() if isinstance(v, Items)})
    if not isinstance(value, Items) or not value.is_list:
        return value
    sql = f"list_extract({value.sql}, {position})"
    return replace(value, sql=sql, is_list=False, parent=None)


def _single(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return single(target, scope.element) if isinstance(target, Items) else target


def _tail(target: Value, arguments: Arguments, scope: Scope) -> Value:
    value = items(target, scope)
    return slice_of(value, "2", "-1", scope) if isinstance(value, Items) else value


def _skip(target: Value, arguments: Arguments, scope: Scope) -> Value:
    value = items(target, scope)
    if isinstance(value, Nothing):
        return value
    return slice_of(value, f"greatest({_count(arguments[0], scope)}, 0) + 1", "-1", scope)


def _take(target: Value, arguments: Arguments, scope: Scope) -> Value:
    value = items(target, scope)
    if isinstance(value, Nothing):
        return value
    return slice_of(value, "1", f"greatest({_count(arguments[0], scope)}, 0)", scope)


def _count(expression: Expression, scope: Scope) -> str:
    value = items(evaluate(expression, scope), scope)
    if not isinstance(value, Items) or operators.kind_of(value) is not Kind.INTEGER:
        raise ViewError(scope.element, "expected a whole number")
    return single(value, scope.element).sql


def _size(target: Value, arguments: Arguments, scope: Scope) -> Value:
    if isinstance(target, Nothing):
        return integer("0")
    if isinstance(target, Root):
        return integer(f"CASE WHEN {exists(target)} THEN 1 ELSE 0 END")
    value = items(target, scope)
    assert isinstance(value, Items)
    return integer(f"({size(value)})")


def _distinct(target: Value, arguments: Arguments, scope: Scope) -> Value:
    value = items(target, scope)
    if isinstance(value, Nothing):
        return value
    sql = operators.first_of_each(as_list(value, scope.names), scope)
    return replace(value, sql=sql, is_list=True, parent=None)


def _is_distinct(target: Value, arguments: Arguments, scope: Scope) -> Value:
    value = items(target, scope)
    if isinstance(value, Nothing):
        return boolean("true")
    unique = _distinct(target, (), scope)
    assert isinstance(unique, Items)
    return boolean(f"({size(unique)} = {size(value)})")


def _select(target: Value, arguments: Arguments, scope: Scope) -> Value:
    if isinstance(target, Nothing):
        return target
    if isinstance(target, Root):
        return evaluate(arguments[0], scope.at(target))
    value = items(target, scope)
    assert isinstance(value, Items)
    return for_each_item(value, scope, arguments[0])


def _extension(target: Value, arguments: Arguments, scope: Scope) -> Value:
    extensions = member(target, "extension", scope.names, scope.element)
    return filtered(extensions, Binary("=", Member(None, "url"), arguments[0]), scope)


def _of_type(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return of_type(target, type_argument(arguments[0], scope), scope)


def _is(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return test_type("is", target, type_argument(arguments[0], scope), scope)


def _union(target: Value, arguments: Arguments, scope: Scope) -> Value:
    other = items(evaluate(arguments[0], scope), scope)
    return operators.combine(items(target, scope), other, scope, distinct=True)


def _combine(target: Value, arguments: Arguments, scope: Scope) -> Value:
    other = items(evaluate(arguments[0], scope), scope)
    return operators.combine(items(target, scope), other, scope, distinct=False)


def _iif(target: Value, arguments: Arguments, scope: Scope) -> Value:
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


def _reference_key(target: Value, arguments: Arguments, scope: Scope) -> Value:
    type_name = type_argument(arguments[0], scope) if arguments else None
    return keys.reference_key(items(target, scope), type_name, scope)


def _join(target: Value, arguments: Arguments, scope: Scope) -> Value:
    separator = evaluate(arguments[0], scope) if arguments else Nothing()
    return scalars.join(items(target, scope), separator, scope)


def _boundary(name: str) -> Function:
    def function(target: Value, arguments: Arguments, scope: Scope) -> Value:
        precision = boundary.precision_of(arguments[0], scope) if arguments else None
        return boundary.boundary(name, items(target, scope), precision, scope)

    return function


def _scalar(name: str) -> Function:
    def function(target: Value, arguments: Arguments, scope: Scope) -> Value:
        values = tuple(items(evaluate(argument, scope), scope) for argument in arguments)
        return scalars.call(name, items(target, scope), values, scope)

    return function


_FUNCTIONS: Mapping[str, Function] = {
    **{name: _scalar(name) for name in scalars.FUNCTIONS},
    "all": _all,
    "allTrue": _all_true,
    "anyTrue": _any_true,
    "as": _of_type,
    "combine": _combine,
    "count": _size,
    "distinct": _distinct,
    "empty": _empty,
    "exists": _exists,
    "extension": _extension,
    "first": _first,
    "getReferenceKey": _reference_key,
    "getResourceKey": lambda target, _, scope: keys.resource_key(target, scope),
    "hasValue": _exists,
    "highBoundary": _boundary("highBoundary"),
    "iif": _iif,
    "is": _is,
    "isDistinct": _is_distinct,
    "join": _join,
    "last": _last,
    "lowBoundary": _boundary("lowBoundary"),
    "not": _not,
    "ofType": _of_type,
    "select": _select,
    "single": _single,
    "skip": _skip,
    "tail": _tail,
    "take": _take,
    "union": _union,
    "where": _where,
}
