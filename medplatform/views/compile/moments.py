"""Comparison of dates and times, which FHIR lets be partial (FHIRPath, "Comparison")."""

from medplatform.views.compile.values import Items
from medplatform.views.schema import Kind, Scalar

MOMENTS = ("date", "dateTime", "instant", "time")
_ZONE = r"(Z|[+-]\d\d:\d\d)$"


def of(value: Items) -> str | None:
    """Which of the types of dates and times a value is of, where it is one."""
    if not isinstance(value.node, Scalar) or value.node.kind is not Kind.TEXT or not value.type:
        return None
    name = value.type.resolve()
    return name if name in MOMENTS else None


def are_moments(operator: str, left: Items, right: Items) -> bool:
    """Whether two texts are compared as dates or times rather than as strings.

    A string compared with an element whose type only FHIR's definitions tell is not looked up for
    `=`, which gives the same for strings.
    """
    known = [v.type is not None and not v.type.fields and of(v) is not None for v in (left, right)]
    if any(known):
        return True
    plain = [v.type is None or not v.type.fields for v in (left, right)]
    if operator == "=" and any(plain):
        return False
    return of(left) is not None or of(right) is not None


def compare(operator: str, left: str, right: str) -> str:
    """SQL of a comparison: null where the precision of one side leaves it open.

    Values with seconds are compared as instants, which is open where one alone has an offset;
    others by as many characters as both have.
    """
    if operator == "=":
        simple = f"({left} = {right})"
        return f"CASE WHEN {simple} THEN true ELSE {_general('=', left, right)} END"
    return _general(operator, left, right)


def _general(operator: str, left: str, right: str) -> str:
    precise = f"{_instant(left)} IS NOT NULL AND {_instant(right)} IS NOT NULL"
    same_zone = f"regexp_matches({left}, '{_ZONE}') = regexp_matches({right}, '{_ZONE}')"
    instants = f"CASE WHEN {same_zone} THEN {_instant(left)} {operator} {_instant(right)} END"
    return (
        f"CASE WHEN {left} IS NULL OR {right} IS NULL THEN NULL "
        f"WHEN {precise} THEN {instants} ELSE {_by_prefix(operator, left, right)} END"
    )


def _instant(sql: str) -> str:
    """The instant of a value with seconds: without an offset in UTC, of a time on some day."""
    day = f"CASE WHEN contains({sql}, 'T') THEN '' ELSE '2000-01-01T' END"
    zone = f"CASE WHEN regexp_matches({sql}, '{_ZONE}') THEN '' ELSE 'Z' END"
    return (
        f"CASE WHEN regexp_matches({sql}, ':\\d\\d:\\d\\d') "
        f"THEN TRY_CAST({day} || {sql} || {zone} AS TIMESTAMP WITH TIME ZONE) END"
    )


def _by_prefix(operator: str, left: str, right: str) -> str:
    one = f"regexp_replace({left}, '{_ZONE}', '')"
    other = f"regexp_replace({right}, '{_ZONE}', '')"
    length = f"least(length({one}), length({other}))"
    return (
        f"CASE WHEN left({one}, {length}) <> left({other}, {length}) "
        f"OR length({one}) = length({other}) "
        f"THEN left({one}, {length}) {operator} left({other}, {length}) END"
    )
