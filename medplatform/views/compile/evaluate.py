"""From the syntax tree of an expression to the collection that it gives, as SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from medplatform.views.compile.values import (
    Choice,
    FhirType,
    Items,
    Names,
    Nothing,
    Root,
    Value,
    as_list,
    boolean,
    integer,
    member,
    only,
    per_item,
    single,
    text,
)
from medplatform.views.error import ViewError
from medplatform.views.fhirpath import (
    Binary,
    Call,
    Empty,
    Expression,
    Indexer,
    Literal,
    Member,
    Negation,
    This,
    TypeTest,
    Variable,
)
from medplatform.views.fhirpath.signatures import CODE_SYSTEMS
from medplatform.views.schema import BOOLEAN, DECIMAL, Kind, Scalar, literal

_ANY_RESOURCE = ("Resource", "DomainResource")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an expression may refer to.

    Attributes
    ----------
    this
        The item that names are looked up in, `$this`.
    context
        The item that the whole expression started from, `%context`.
    row_index
        SQL of `%rowIndex`.
    element
        The element of the view that holds the expression, for errors.
    """

    this: Value
    context: Value
    root: Root
    row_index: str
    element: str
    constants: Mapping[str, Literal]
    names: Names

    def at(self, this: Value) -> "Scope":
        """The same, looking at another item."""
        return replace(self, this=this)


def evaluate(expression: Expression, scope: Scope) -> Value:
    """The collection that an expression gives.

    Raises
    ------
    ViewError
        The expression cannot be answered over these types.
    """
    from medplatform.views.compile import filters, functions, operators

    match expression:
        case Literal():
            return constant(expression)
        case Empty():
            return Nothing()
        case This():
            return scope.this
        case Variable(name):
            return _variable(name, scope)
        case Member(target, name):
            return _member(target, name, scope)
        case Call():
            return functions.call(expression, scope)
        case Indexer(target, index):
            return _indexed(target, index, scope)
        case Negation(operand):
            return operators.negate(items(evaluate(operand, scope), scope), scope)
        case Binary(operator, left, right):
            return operators.apply(operator, evaluate(left, scope), evaluate(right, scope), scope)
        case TypeTest(operator, operand, type_name):
            value = evaluate(operand, scope)
            return filters.test_type(operator, value, type_name, scope)


def constant(value: Literal) -> Items:
    """A literal, or a constant of the view.

    >>> constant(Literal("integer", "-1")).sql
    '(-1)'
    """
    match value.type:
        case "boolean":
            return boolean(value.text)
        case "integer":
            return integer(f"({value.text})")
        case "decimal":
            return Items(f"({value.text}::DOUBLE)", DECIMAL, type=FhirType("decimal"))
        case "datetime":
            return text(literal(value.text), "dateTime")
        case _:
            return text(literal(value.text), value.type)


def _variable(name: str, scope: Scope) -> Value:
    if name in scope.constants:
        return constant(scope.constants[name])
    if name == "rowIndex":
        return integer(scope.row_index)
    if name == "context":
        return scope.context
    if name in CODE_SYSTEMS:
        return text(literal(CODE_SYSTEMS[name]), "uri")
    return scope.root


def _member(target: Expression | None, name: str, scope: Scope) -> Value:
    if target is not None:
        return member(evaluate(target, scope), name, scope.names, scope.element)
    this = scope.this
    if isinstance(this, Root) and name in (this.type.anchor, *_ANY_RESOURCE):
        return this
    return member(this, name, scope.names, scope.element)


def _indexed(target: Expression, index: Expression, scope: Scope) -> Value:
    value = evaluate(target, scope)
    position = evaluate(index, scope)
    if not isinstance(position, Items) or position.node.sql_type() not in ("BIGINT", "INTEGER"):
        raise ViewError(scope.element, "an index is a whole number")
    if isinstance(value, Nothing):
        return value
    if isinstance(value, Root):
        raise ViewError(scope.element, "the resource has no index")
    chosen = items(value, scope)
    assert isinstance(chosen, Items)
    sql = f"list_extract({as_list(chosen, scope.names)}, ({position.sql}) + 1)"
    return replace(chosen, sql=f"CASE WHEN {position.sql} >= 0 THEN {sql} END", is_list=False)


def items(value: Value, scope: Scope) -> "Items | Nothing":
    """A value as items of one type.

    Raises
    ------
    ViewError
        It is the resource, or of several types.
    """
    if isinstance(value, Choice):
        value = only(list(value.variants.values()), scope.names, scope.element)
    if isinstance(value, Root):
        raise ViewError(scope.element, "expected an element, not the whole resource")
    assert not isinstance(value, Choice)
    return value


def truth(value: Value, scope: Scope) -> str:
    """SQL of a value where a truth value is expected: any other single item is true."""
    if isinstance(value, Nothing):
        return "NULL::BOOLEAN"
    if isinstance(value, Root):
        return value.guard or "true"
    chosen = items(value, scope)
    assert isinstance(chosen, Items)
    only_item = single(chosen, scope.element)
    if only_item.node == BOOLEAN:
        return only_item.sql
    return f"CASE WHEN {only_item.sql} IS NOT NULL THEN true END"


def single_text(value: Value, scope: Scope, what: str) -> str | None:
    """SQL of a text; None where the value is empty.

    Raises
    ------
    ViewError
        It is no text.
    """
    chosen = items(value, scope)
    if isinstance(chosen, Nothing):
        return None
    if not isinstance(chosen.node, Scalar) or chosen.node.kind is not Kind.TEXT:
        raise ViewError(scope.element, f"{what} is a string")
    return single(chosen, scope.element).sql


def for_each_item(value: Items, scope: Scope, expression: Expression) -> Value:
    """What an expression gives for each item."""
    results: list[Value] = []

    def body(item: Items) -> Items:
        result = items(evaluate(expression, scope.at(item)), scope)
        results.append(result)
        return result if isinstance(result, Items) else boolean("NULL::BOOLEAN")

    mapped = per_item(value, scope.names, body)
    return Nothing() if isinstance(results[0], Nothing) else mapped
