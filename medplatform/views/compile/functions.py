"""The functions of FHIRPath by name."""

from collections.abc import Callable, Mapping

from medplatform.views.compile import boundary, keys, scalars, subsets
from medplatform.views.compile.evaluate import Scope, evaluate, items, truth
from medplatform.views.compile.filters import exists, filtered, of_type, test_type, type_argument
from medplatform.views.compile.values import (
    Items,
    Nothing,
    Root,
    Value,
    boolean,
    member,
    size,
)
from medplatform.views.fhirpath import Binary, Call, Expression, Member

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


def _extension(target: Value, arguments: Arguments, scope: Scope) -> Value:
    extensions = member(target, "extension", scope.names, scope.element)
    return filtered(extensions, Binary("=", Member(None, "url"), arguments[0]), scope)


def _of_type(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return of_type(target, type_argument(arguments[0], scope), scope)


def _is(target: Value, arguments: Arguments, scope: Scope) -> Value:
    return test_type("is", target, type_argument(arguments[0], scope), scope)


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
    "allTrue": subsets.all_true,
    "anyTrue": subsets.any_true,
    "as": _of_type,
    "combine": subsets.combine,
    "count": subsets.count,
    "distinct": subsets.distinct,
    "empty": _empty,
    "exists": _exists,
    "extension": _extension,
    "first": subsets.first,
    "getReferenceKey": _reference_key,
    "getResourceKey": lambda target, _, scope: keys.resource_key(target, scope),
    "hasValue": _exists,
    "highBoundary": _boundary("highBoundary"),
    "iif": subsets.iif,
    "is": _is,
    "isDistinct": subsets.is_distinct,
    "join": _join,
    "last": subsets.last,
    "lowBoundary": _boundary("lowBoundary"),
    "not": _not,
    "ofType": _of_type,
    "select": subsets.select,
    "single": subsets.the_only,
    "skip": subsets.skip,
    "tail": subsets.tail,
    "take": subsets.take,
    "union": subsets.union,
    "where": _where,
}
