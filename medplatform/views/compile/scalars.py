"""The functions of FHIRPath on one string or number, and `join` of many."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from medplatform.views.compile.evaluate import Scope, single_text
from medplatform.views.compile.operators import decimal, kind_of, number
from medplatform.views.compile.values import (
    FhirType,
    Items,
    Nothing,
    Value,
    boolean,
    integer,
    per_item,
    single,
    text,
)
from medplatform.views.error import ViewError
from medplatform.views.schema import DECIMAL, Kind, literal

_Arguments = tuple[str, ...]
_WHOLE_NUMBER = literal(r"[+-]?\d+")
_NUMBER = literal(r"[+-]?\d+(\.\d+)?")

_STRING_FUNCTIONS: Mapping[str, tuple[str, Callable[[str], Items]]] = {
    "contains": ("contains({0}, {1})", boolean),
    "endsWith": ("ends_with({0}, {1})", boolean),
    "indexOf": ("(strpos({0}, {1}) - 1)", integer),
    "length": ("length({0})", integer),
    "lower": ("lower({0})", text),
    "matches": ("regexp_matches({0}, {1})", boolean),
    "replace": ("replace({0}, {1}, {2})", text),
    "startsWith": ("starts_with({0}, {1})", boolean),
    "trim": ("trim({0})", text),
    "upper": ("upper({0})", text),
}
_NUMBER_FUNCTIONS = {"abs": "abs", "ceiling": "ceil", "floor": "floor", "truncate": "trunc"}


def call(
    name: str, target: Items | Nothing, arguments: tuple[Items | Nothing, ...], scope: Scope
) -> Value:
    """What a function of one value gives; nothing where the value or an argument is empty.

    Raises
    ------
    ViewError
        The value or an argument is of the wrong type.
    """
    if isinstance(target, Nothing):
        return target
    filled = [argument for argument in arguments if isinstance(argument, Items)]
    if len(filled) < len(arguments):
        return Nothing()
    one = single(target, scope.element)
    others = tuple(single(argument, scope.element) for argument in filled)
    if name in _STRING_FUNCTIONS:
        template, make = _STRING_FUNCTIONS[name]
        texts = [single_text(value, scope, f"the input of {name}()") for value in (one, *others)]
        return make(template.format(*texts))
    return _OTHER_FUNCTIONS[name](one, others, scope)


def join(target: Items | Nothing, separator: Value, scope: Scope) -> Items:
    """The texts as one, with a separator between them; an empty text where there is none."""
    between = single_text(separator, scope, "the separator") or "''"
    if isinstance(target, Nothing):
        return text("''")
    texts = per_item(target, scope.names, lambda item: text(as_text(item, scope)))
    joined = f"array_to_string({texts.sql}, {between})" if texts.is_list else texts.sql
    return text(f"coalesce({joined}, '')")


def as_text(value: Items, scope: Scope) -> str:
    """SQL of a primitive as FHIR writes it.

    Raises
    ------
    ViewError
        It is no primitive.
    """
    kind = kind_of(value)
    if kind is None:
        raise ViewError(scope.element, "expected a primitive")
    if kind is Kind.TEXT or value.node.sql_type() == "VARCHAR":
        return value.sql
    sql = f"CAST({value.sql} AS VARCHAR)"
    return rf"regexp_replace({sql}, '\.0$', '')" if kind is Kind.DECIMAL else sql


def _substring(one: Items, others: tuple[Items, ...], scope: Scope) -> Items:
    sql = single_text(one, scope, "the input of substring()")
    begin = number(others[0], scope)
    length = f", {number(others[1], scope)}" if len(others) > 1 else ""
    return text(
        f"CASE WHEN {begin} >= 0 AND {begin} < length({sql}) "
        f"THEN substr({sql}, {begin} + 1{length}) END"
    )


def _rounding(name: str) -> Callable[[Items, tuple[Items, ...], Scope], Items]:
    def function(one: Items, others: tuple[Items, ...], scope: Scope) -> Items:
        sql = f"{_NUMBER_FUNCTIONS[name]}({number(one, scope)})"
        if name == "abs":
            return integer(sql) if kind_of(one) is Kind.INTEGER else decimal(sql)
        return integer(f"CAST({sql} AS BIGINT)")

    return function


def _round(one: Items, others: tuple[Items, ...], scope: Scope) -> Items:
    digits = f"CAST({number(others[0], scope)} AS INTEGER)" if others else "0"
    return Items(f"round({number(one, scope)}, {digits})", DECIMAL, type=FhirType("decimal"))


def _to_string(one: Items, others: tuple[Items, ...], scope: Scope) -> Items:
    return text(as_text(one, scope))


def _to_integer(one: Items, others: tuple[Items, ...], scope: Scope) -> Items:
    if kind_of(one) is Kind.TEXT:
        sql = f"CASE WHEN regexp_full_match({one.sql}, {_WHOLE_NUMBER}) THEN {one.sql} END"
        return integer(f"TRY_CAST({sql} AS BIGINT)")
    if kind_of(one) is Kind.DECIMAL:
        sql = number(one, scope)
        return integer(f"CASE WHEN {sql} = trunc({sql}) THEN TRY_CAST({sql} AS BIGINT) END")
    return integer(f"CAST({one.sql} AS BIGINT)")


def _to_decimal(one: Items, others: tuple[Items, ...], scope: Scope) -> Items:
    if kind_of(one) is Kind.DECIMAL:
        return one
    if kind_of(one) is Kind.TEXT:
        sql = f"CASE WHEN regexp_full_match({one.sql}, {_NUMBER}) THEN {one.sql} END"
        return Items(f"TRY_CAST({sql} AS DOUBLE)", DECIMAL, type=FhirType("decimal"))
    return replace(one, sql=f"CAST({one.sql} AS DOUBLE)", node=DECIMAL, type=FhirType("decimal"))


_OTHER_FUNCTIONS: Mapping[str, Callable[[Items, tuple[Items, ...], Scope], Items]] = {
    **{name: _rounding(name) for name in _NUMBER_FUNCTIONS},
    "round": _round,
    "substring": _substring,
    "toDecimal": _to_decimal,
    "toInteger": _to_integer,
    "toString": _to_string,
}
FUNCTIONS = (*_STRING_FUNCTIONS, *_OTHER_FUNCTIONS)
"""Names of the functions that `call` knows."""
