"""Which items of a collection are kept: by a condition, by their type; and whether any is left."""

from dataclasses import replace

from medplatform.views.compile.evaluate import Scope, evaluate, truth
from medplatform.views.compile.values import (
    CHOICE_TYPES,
    Choice,
    Items,
    Nothing,
    Root,
    Value,
    boolean,
)
from medplatform.views.error import ViewError
from medplatform.views.fhirpath import Binary, Expression, Literal, Member
from medplatform.views.schema import DefinedStruct, Struct


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
            node = value.node
            if isinstance(node, Struct | DefinedStruct) and "resourceType" in node.names():
                return filtered(value, _has_resource_type(name), scope)
            return Nothing()


def _has_resource_type(name: str) -> Expression:
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
