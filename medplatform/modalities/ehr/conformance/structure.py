"""Walks along a resource with the definitions of its types, and gives a reason for each fault.

fhir.resources accepts more than FHIR: a number in quotes, an object written as JSON text, the
Python names of elements (`class_fhir`), a `resourceType` on any object; and it knows no value
sets. Whatever reads an accepted resource later relies on the JSON types and names of the
specification, so this walk asks for them. With `in_full` it also checks primitive values, required
elements and choices, and so decides where fhir.resources cannot: types of R4 that R4B dropped, and
resources nested so deeply that a recursive check runs out of stack. It does not recurse itself.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from medplatform.modalities.ehr.conformance.definition import (
    PRIMITIVE_EXTENSION,
    RESOURCE,
    Definitions,
    Element,
    TypeDefinition,
)
from medplatform.modalities.ehr.conformance.primitives import PRIMITIVES
from medplatform.modalities.ehr.issue import Issue, make_issue

_COMMENTS = "fhir_comments"
"""Comments of FHIR DSTU2, which fhir.resources still takes in any object."""


def find_issues(
    definitions: Definitions,
    definition: TypeDefinition,
    content: dict[str, Any],
    *,
    in_full: bool,
    most: int,
) -> tuple[Issue, ...]:
    """The first `most` faults of a resource, each once."""
    walk = _Walk(definitions, in_full=in_full)
    issues = dict.fromkeys(islice(walk.run(definition, content), most))
    return tuple(issues)


def has_modifier_extension(content: dict[str, Any]) -> bool:
    """Whether there is a modifier extension anywhere in the resource."""
    waiting: list[Any] = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("modifierExtension"):
                return True
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return False


def depth_of(content: dict[str, Any]) -> int:
    """How many objects and lists stand inside one another, at most."""
    depth = 0
    level: list[Any] = [content]
    while level:
        depth += 1
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
    return depth


class _Walk:
    def __init__(self, definitions: Definitions, *, in_full: bool) -> None:
        self._definitions = definitions
        self._in_full = in_full
        self._waiting: list[tuple[TypeDefinition, dict[str, Any], str]] = []

    def run(self, definition: TypeDefinition, content: dict[str, Any]) -> Iterator[Issue]:
        self._waiting.append((definition, content, definition.name))
        while self._waiting:
            yield from self._check_object(*self._waiting.pop())

    def _check_object(
        self, definition: TypeDefinition, content: dict[str, Any], path: str
    ) -> Iterator[Issue]:
        for name, value in content.items():
            element = definition.elements.get(name)
            if element is not None:
                yield from self._check_element(element, value, f"{path}.{name}")
            elif not (name == "resourceType" and definition.is_resource) and name != _COMMENTS:
                # The unknown name is content, so it is not told.
                yield make_issue("fhir.unknown_element", path)
        if self._in_full:
            yield from _check_presence(definition, content, path)

    def _check_element(self, element: Element, value: Any, path: str) -> Iterator[Issue]:
        if value is None:
            return
        if not element.is_list:
            yield from self._check_item(element, value, path)
        elif not isinstance(value, list):
            yield make_issue("value.wrong_type", path)
        else:
            for number, item in enumerate(value):
                if item is not None or not element.holds_nulls:
                    yield from self._check_item(element, item, f"{path}[{number}]")

    def _check_item(self, element: Element, value: Any, path: str) -> Iterator[Issue]:
        if element.type in PRIMITIVES:
            yield from self._check_primitive(element, value, path)
        elif not isinstance(value, dict):
            yield make_issue("value.wrong_type", path)
        elif element.type != RESOURCE:
            self._waiting.append((self._definitions.type_of(element), value, path))
        elif "resourceType" not in value:
            yield make_issue("fhir.missing_element", f"{path}.resourceType")
        elif definition := self._definitions.resource(value["resourceType"]):
            self._waiting.append((definition, value, path))
        else:
            yield make_issue("fhir.unknown_type", path)

    def _check_primitive(self, element: Element, value: Any, path: str) -> Iterator[Issue]:
        primitive = PRIMITIVES[element.type]
        if not primitive.is_json_type(value):
            yield make_issue("value.wrong_type", path)
        elif self._in_full and not primitive.is_valid(value):
            yield make_issue("fhir.invalid", path)
        elif element.codes is not None and value not in element.codes:
            yield make_issue("value.not_in_value_set", path)


def _check_presence(
    definition: TypeDefinition, content: dict[str, Any], path: str
) -> Iterator[Issue]:
    for name in sorted(definition.required):
        if content.get(name) is None and content.get(f"_{name}") is None:
            yield make_issue("fhir.missing_element", f"{path}.{name}")
    for choice in definition.choices:
        there = (name for name in choice.names if content.get(name) is not None)
        present = len({name.removeprefix("_") for name in there})
        if present > 1 or (choice.is_required and not present):
            yield make_issue("fhir.invalid", path)
    if definition.name == PRIMITIVE_EXTENSION and not content:
        yield make_issue("fhir.invalid", path)
