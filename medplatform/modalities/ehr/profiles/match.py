"""Values against values: fixed[x] and pattern[x], and where a path in a resource leads.

FHIR R4, ElementDefinition: a fixed value is exact, with nothing added; a pattern must be contained
(every part of an object, every item of a list in some item).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from medplatform.modalities.ehr.element import Number
from medplatform.modalities.ehr.profiles.base import open_types, type_code, type_suffix

Matcher = Callable[[Any], bool]
_STEP = re.compile(
    r"""\$this | resolve\(\) | ofType\((?P<type>\w+)\)
      | extension\(['"](?P<url>[^'"]+)['"]\) | (?P<name>\w+)""",
    re.VERBOSE,
)


def match_pattern(pattern: Any) -> Matcher:
    """A test whether a value contains the pattern."""
    return _matcher(pattern, is_exact=False)


def match_fixed(fixed: Any) -> Matcher:
    """A test whether a value is the fixed one."""
    return _matcher(fixed, is_exact=True)


def _matcher(expected: Any, *, is_exact: bool) -> Matcher:
    if isinstance(expected, dict):
        return _object_matcher(expected, is_exact)
    if isinstance(expected, list):
        return _list_matcher(expected, is_exact)
    if isinstance(expected, bool) or expected is None:
        return lambda value: value is expected
    if isinstance(expected, int | float):
        return lambda value: _is_number(value) and float(value) == expected
    return lambda value: value == expected


def _object_matcher(expected: dict[str, Any], is_exact: bool) -> Matcher:
    parts = [(name, _matcher(part, is_exact=is_exact)) for name, part in expected.items()]
    names = expected.keys()

    def matches(value: Any) -> bool:
        if not isinstance(value, dict) or (is_exact and value.keys() != names):
            return False
        return all(name in value and part(value[name]) for name, part in parts)

    return matches


def _list_matcher(expected: list[Any], is_exact: bool) -> Matcher:
    parts = [_matcher(part, is_exact=is_exact) for part in expected]

    def matches_exactly(value: Any) -> bool:
        return (
            isinstance(value, list)
            and len(value) == len(parts)
            and all(part(item) for part, item in zip(parts, value, strict=True))
        )

    def contains(value: Any) -> bool:
        if not isinstance(value, list):
            return False
        for part in parts:
            for item in value:
                if part(item):
                    break
            else:
                return False
        return True

    return matches_exactly if is_exact else contains


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Number) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a discriminator's path: into an element, a type of a choice, an extension by
    url, or (`kind` is `resolve`) to what a reference points to."""

    kind: str
    argument: str = ""


def parse_path(path: str) -> tuple[Step, ...] | None:
    """The steps of a discriminator's path (FHIR R4, Profiling 5.1.0.4); None if it is another."""
    steps = []
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if not found:
            return None
        if found["type"]:
            steps.append(Step("ofType", found["type"]))
        elif found["url"]:
            steps.append(Step("extension", found["url"]))
        elif found["name"]:
            steps.append(Step("name", found["name"]))
        elif found[0] == "resolve()":
            steps.append(Step("resolve"))
        position = found.end()
        if position < len(path):
            if path[position] != ".":
                return None
            position += 1
    return tuple(steps)


def extract(value: Any, steps: tuple[Step, ...]) -> list[Any]:
    """All values at the end of a path without `resolve`."""
    values = [value]
    for number, step in enumerate(steps):
        following = steps[number + 1] if number + 1 < len(steps) else None
        values = [found for item in values for found in _follow(item, step, following)]
    return values


def _follow(value: Any, step: Step, following: Step | None) -> Iterator[Any]:
    if step.kind == "ofType":
        # The choice was narrowed when its name was followed.
        yield value
        return
    if not isinstance(value, dict):
        return
    if step.kind == "extension":
        for item in value.get("extension") or ():
            if isinstance(item, dict) and item.get("url") == step.argument:
                yield item
        return
    name = step.argument
    if following is not None and following.kind == "ofType":
        found = value.get(name + type_suffix(following.argument))
    else:
        found = value.get(name)
        if found is None:
            found = next((value[key] for key in value if is_typed_name(key, name)), None)
    if isinstance(found, list):
        yield from found
    elif found is not None:
        yield found


@lru_cache(maxsize=4096)
def is_typed_name(key: str, name: str) -> bool:
    """Whether a JSON name is a choice of that name with a type: `valueQuantity` of `value`."""
    return key.startswith(name) and type_code(key[len(name) :]) in open_types("4.3.0")
