"""The functions and operators of FHIRPath that invariants use (FHIRPath N1, sections 5 and 6)."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from medplatform.modalities.ehr.profiles.values import (
    Context,
    Item,
    Items,
    Undecided,
    as_type,
    equal,
    flag,
    is_of_type,
    is_type,
    navigate,
    number_of,
    resolve,
    single,
    text_of,
    truth,
)

CONSTANTS = {
    "%ucum": "http://unitsofmeasure.org",
    "%sct": "http://snomed.info/sct",
    "%loinc": "http://loinc.org",
}
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_MAX_PATTERN_TEXT = 10_000

Criterion = Callable[[Items, Context], Items]
Function = Callable[[Items, list[Items], Context], Items]
Scoped = Callable[[Items, list[Criterion], Context], Items]


def _of_type(items: Items, arguments: list[Items], _context: Context) -> Items:
    name = arguments[0][0].value
    return [item for item in items if is_of_type(item, name)]


def _is(items: Items, arguments: list[Items], _context: Context) -> Items:
    return is_type(items, arguments[0])


def _exists(items: Items, criteria: list[Criterion], context: Context) -> Items:
    return flag(bool(_where(items, criteria, context) if criteria else items))


def _where(items: Items, criteria: list[Criterion], context: Context) -> Items:
    (criterion,) = criteria
    return [item for item in items if truth(criterion([item], context))]


def _all(items: Items, criteria: list[Criterion], context: Context) -> Items:
    (criterion,) = criteria
    return flag(all(truth(criterion([item], context)) for item in items))


def _select(items: Items, criteria: list[Criterion], context: Context) -> Items:
    (projection,) = criteria
    return [found for item in items for found in projection([item], context)]


def _choose(items: Items, criteria: list[Criterion], context: Context) -> Items:
    condition, positive, *negative = criteria
    if truth(condition(items, context)):
        return positive(items, context)
    return negative[0](items, context) if negative else []


def _extension(items: Items, arguments: list[Items], _context: Context) -> Items:
    url = single(arguments[0]).value
    return [
        found
        for found in navigate(items, "extension")
        if isinstance(found.value, dict) and found.value.get("url") == url
    ]


def _at(items: Items, arguments: list[Items], _context: Context) -> Items:
    if not arguments[0]:
        return []
    index = number_of(single(arguments[0]).value)
    if not index.is_integer():
        raise Undecided
    return items[int(index) : int(index) + 1] if index >= 0 else []


def _distinct(items: Iterable[Item]) -> Items:
    found: Items = []
    for item in items:
        if not any(equal(item.value, other.value) for other in found):
            found.append(item)
    return found


def _with_text(
    function: Callable[[str, list[str]], Any],
) -> Callable[[Items, list[Items], Context], Items]:
    """A function of a text and texts: empty where one of them is."""

    def evaluate(items: Items, arguments: list[Items], _context: Context) -> Items:
        texts = [text_of(items), *(text_of(argument) for argument in arguments)]
        if any(text is None for text in texts):
            return []
        value = function(texts[0] or "", [text or "" for text in texts[1:]])
        return [] if value is None else [Item(value)]

    return evaluate


def _matches(text: str, arguments: list[str]) -> bool:
    if len(text) > _MAX_PATTERN_TEXT:
        raise Undecided
    try:
        return re.search(arguments[0], text, re.DOTALL) is not None
    except re.error:
        raise Undecided from None


def _substring(text: str, arguments: list[str]) -> str | None:
    if not all(_INTEGER.fullmatch(argument) for argument in arguments):
        raise Undecided
    start, *length = [int(argument) for argument in arguments]
    if not 0 <= start < len(text):
        return None
    return text[start : start + max(length[0], 0)] if length else text[start:]


def _equals(left: Items, right: Items) -> Items:
    if not left or not right:
        return []
    pairs = zip(left, right, strict=False)
    return flag(len(left) == len(right) and all(equal(a.value, b.value) for a, b in pairs))


def _differs(left: Items, right: Items) -> Items:
    same = truth(_equals(left, right))
    return [] if same is None else flag(not same)


def _holds(items: Items, one: Items) -> Items:
    if not one:
        return []
    value = single(one).value
    return flag(any(equal(item.value, value) for item in items))


def _compared(test: Callable[[float, float], bool]) -> Callable[[Items, Items], Items]:
    def compare(left: Items, right: Items) -> Items:
        if not left or not right:
            return []
        return flag(test(number_of(single(left).value), number_of(single(right).value)))

    return compare


def _calculated(function: Callable[[float, float], float]) -> Callable[[Items, Items], Items]:
    def calculate(left: Items, right: Items) -> Items:
        if not left or not right:
            return []
        first, second = number_of(single(left).value), number_of(single(right).value)
        try:
            return [Item(function(first, second))]
        except ZeroDivisionError:
            return []

    return calculate


# Name -> function and the least and largest number of arguments.
FUNCTIONS: dict[str, tuple[Function, tuple[int, int]]] = {
    "[]": (_at, (1, 1)),
    "as": (_of_type, (1, 1)),
    "contains": (_with_text(lambda text, rest: rest[0] in text), (1, 1)),
    "count": (lambda items, rest, context: [Item(len(items))], (0, 0)),
    "distinct": (lambda items, rest, context: _distinct(items), (0, 0)),
    "empty": (lambda items, rest, context: flag(not items), (0, 0)),
    "endsWith": (_with_text(lambda text, rest: text.endswith(rest[0])), (1, 1)),
    "extension": (_extension, (1, 1)),
    "first": (lambda items, rest, context: items[:1], (0, 0)),
    "hasValue": (
        lambda items, rest, context: flag(
            len(items) == 1 and isinstance(items[0].value, str | int | float)
        ),
        (0, 0),
    ),
    "is": (_is, (1, 1)),
    "isDistinct": (
        lambda items, rest, context: flag(len(_distinct(items)) == len(items)),
        (0, 0),
    ),
    "last": (lambda items, rest, context: items[-1:], (0, 0)),
    "length": (_with_text(lambda text, rest: len(text)), (0, 0)),
    "lower": (_with_text(lambda text, rest: text.lower()), (0, 0)),
    "matches": (_with_text(_matches), (1, 1)),
    "not": (
        lambda items, rest, context: [] if truth(items) is None else flag(not truth(items)),
        (0, 0),
    ),
    "ofType": (_of_type, (1, 1)),
    "resolve": (lambda items, rest, context: resolve(items, context.root), (0, 0)),
    "startsWith": (_with_text(lambda text, rest: text.startswith(rest[0])), (1, 1)),
    "substring": (_with_text(_substring), (1, 2)),
    "tail": (lambda items, rest, context: items[1:], (0, 0)),
    "toInteger": (
        _with_text(lambda text, rest: int(text) if _INTEGER.fullmatch(text) else None),
        (0, 0),
    ),
    "toString": (_with_text(lambda text, rest: text), (0, 0)),
    "upper": (_with_text(lambda text, rest: text.upper()), (0, 0)),
}
SCOPED: dict[str, tuple[Scoped, tuple[int, int]]] = {
    "all": (_all, (1, 1)),
    "exists": (_exists, (0, 1)),
    "iif": (_choose, (2, 3)),
    "select": (_select, (1, 1)),
    "where": (_where, (1, 1)),
}
OPERATORS: dict[str, Callable[[Items, Items], Items]] = {
    "=": _equals,
    "!=": _differs,
    "in": lambda left, right: _holds(right, left),
    "contains": _holds,
    "|": lambda left, right: _distinct([*left, *right]),
    "is": is_type,
    "as": as_type,
    "<": _compared(lambda left, right: left < right),
    "<=": _compared(lambda left, right: left <= right),
    ">": _compared(lambda left, right: left > right),
    ">=": _compared(lambda left, right: left >= right),
    "+": _calculated(lambda left, right: left + right),
    "-": _calculated(lambda left, right: left - right),
    "*": _calculated(lambda left, right: left * right),
    "div": _calculated(lambda left, right: float(left // right)),
    "mod": _calculated(lambda left, right: left % right),
}
