"""`lowBoundary()` and `highBoundary()`: the least and the greatest value that a value stands for.

A decimal stands for all that round to it (1.0 for 0.95 to 1.05), a date or time for all within
its precision (FHIRPath, "Utility functions", standard for trial use). A dateTime without an offset
may be in any zone, so its boundaries are in the first (+14:00) and the last (-12:00).
"""

from typing import Literal

from medplatform.views.compile import moments
from medplatform.views.compile.evaluate import Scope
from medplatform.views.compile.operators import kind_of
from medplatform.views.compile.scalars import as_text
from medplatform.views.compile.values import (
    FhirType,
    Items,
    Nothing,
    Value,
    member,
    single,
    text,
)
from medplatform.views.error import ViewError
from medplatform.views.fhirpath import Expression
from medplatform.views.fhirpath import Literal as LiteralExpression
from medplatform.views.schema import EXACT_DECIMAL, Kind

Side = Literal["low", "high"]

_DECIMAL_DIGITS = 8
_SCALE = 18
_DATE_LENGTHS = {4: 4, 6: 7, 8: 10}
"""Length of the text by precision, the number of digits in it."""
_TIME_LENGTHS = {2: 2, 4: 5, 6: 8, 9: 12}
_FIRST_ZONE, _LAST_ZONE = "+14:00", "-12:00"
_ZONE = r"(Z|[+-]\d\d:\d\d)$"


def precision_of(expression: Expression, scope: Scope) -> int:
    """The argument: how many digits the result has.

    Raises
    ------
    ViewError
        It is no whole number that is written out.
    """
    if not isinstance(expression, LiteralExpression) or expression.type != "integer":
        raise ViewError(scope.element, "a precision is a whole number")
    return int(expression.text)


def boundary(name: str, target: Items | Nothing, precision: int | None, scope: Scope) -> Value:
    """The boundary of a decimal, date, dateTime, instant, time or Period.

    Raises
    ------
    ViewError
        The target is of another type.
    """
    if isinstance(target, Nothing):
        return target
    side: Side = "low" if name == "lowBoundary" else "high"
    if not kind_of(target):
        return _of_period(side, target, precision, scope)
    one = single(target, scope.element)
    if kind_of(one) in (Kind.INTEGER, Kind.DECIMAL):
        return _of_number(side, one, precision, scope)
    moment = moments.of(one)
    if moment == "date":
        sql = _date(side, one.sql)
        return _cut(sql, "date", _DATE_LENGTHS, precision, 8)
    if moment == "time":
        sql = _time(side, one.sql)
        return _cut(sql, "time", _TIME_LENGTHS, precision, 9)
    if moment is not None:
        return _date_time(side, one.sql, moment, precision)
    raise ViewError(scope.element, f"{name}() is for decimals, dates and times")


def _of_period(side: Side, target: Items, precision: int | None, scope: Scope) -> Value:
    if (target.type.resolve() if target.type else None) != "Period":
        raise ViewError(scope.element, f"{side}Boundary() is for primitives and Period")
    limit = member(target, "start" if side == "low" else "end", scope.names, scope.element)
    assert isinstance(limit, Nothing | Items)
    return boundary(f"{side}Boundary", limit, precision, scope)


def _of_number(side: Side, value: Items, precision: int | None, scope: Scope) -> Value:
    digits = _DECIMAL_DIGITS if precision is None else precision
    if digits > _SCALE:
        return Nothing()
    source = as_text(value, scope)
    number = f"TRY_CAST({source} AS DECIMAL(38, {_SCALE}))"
    exponent = f"coalesce(TRY_CAST(regexp_extract({source}, '[eE](.+)', 1) AS INTEGER), 0)"
    places = f"greatest(length(regexp_extract({source}, '\\.(\\d+)', 1)) - {exponent}, 0)"
    half = f"CAST('0.' || repeat('0', {places}) || '5' AS DECIMAL(38, {_SCALE}))"
    moved = f"({number} {'-' if side == 'low' else '+'} {half})"
    cut = f"trunc({moved}, {digits})"
    step = f"CAST('1e-{digits}' AS DECIMAL(38, {_SCALE}))"
    if side == "low":
        limited = f"CASE WHEN {moved} < {cut} THEN {cut} - {step} ELSE {cut} END"
    else:
        limited = f"CASE WHEN {moved} > {cut} THEN {cut} + {step} ELSE {cut} END"
    written = f"CAST({limited} AS VARCHAR)"
    if digits:
        written = f"rtrim(rtrim({written}, '0'), '.')"
    return Items(written, EXACT_DECIMAL, type=FhirType("decimal"))


def _date(side: Side, sql: str) -> str:
    """A whole date of one that may lack the day or the month."""
    if side == "low":
        return f"({sql} || substr('0000-01-01', length({sql}) + 1))"
    month = f"CAST(last_day(TRY_CAST({sql} || '-01' AS DATE)) AS VARCHAR)"
    return f"CASE length({sql}) WHEN 4 THEN {sql} || '-12-31' WHEN 7 THEN {month} ELSE {sql} END"


def _time(side: Side, sql: str) -> str:
    """A time to the millisecond of one that may end earlier."""
    rest = "00:00:00.000" if side == "low" else "23:59:59.999"
    return f"({sql} || substr('{rest}', length({sql}) + 1))"


def _date_time(side: Side, sql: str, type_name: str, precision: int | None) -> Value:
    zone = f"regexp_extract({sql}, '{_ZONE}')"
    day = _date(side, f"left({sql}, 10)")
    clock = _time(side, f"regexp_replace(substr({sql}, 12), '{_ZONE}', '')")
    default = _FIRST_ZONE if side == "low" else _LAST_ZONE
    offset = f"CASE WHEN {zone} = '' OR NOT contains({sql}, 'T') THEN '{default}' ELSE {zone} END"
    if precision is None or precision == 17:
        return text(f"({day} || 'T' || {clock} || {offset})", type_name)
    if precision in _DATE_LENGTHS:
        return _cut(day, type_name, _DATE_LENGTHS, precision, 8)
    length = _TIME_LENGTHS.get(precision - 8)
    return (
        text(f"({day} || 'T' || left({clock}, {length}) || {offset})", type_name)
        if length
        else Nothing()
    )


def _cut(
    sql: str, type_name: str, lengths: dict[int, int], precision: int | None, default: int
) -> Value:
    length = lengths.get(default if precision is None else precision)
    return text(f"left({sql}, {length})", type_name) if length else Nothing()
