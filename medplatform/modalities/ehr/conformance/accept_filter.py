"""The fast half of the verdict: accepts a resource that is certainly valid, and nothing else.

Compiled JSON Schemas, one per resource type, made when the type is first met (15 ms). A resource
that is not accepted is not wrong: `arbiter` decides. That the arbiter agrees with every acceptance
is tested on real resources and on mutations of them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema_rs import Draft7Validator, RegexOptions

from medplatform.modalities.ehr.conformance.definition import (
    RESOURCE,
    Definitions,
    TypeDefinition,
)
from medplatform.modalities.ehr.conformance.schema import collect_types, write_schema


class AcceptFilter:
    """Accepts resources of one release."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._checks: dict[str, _Check] = {}

    def accepts(self, content: dict[str, Any]) -> bool:
        """Whether a parsed resource is certainly valid, with all resources inside it."""
        try:
            check = self._checks[content["resourceType"]]
        except (KeyError, TypeError):  # the first of its type, or no type at all
            check = self._compile(content.get("resourceType"))
        if check is None or not check.is_valid(content):
            return False
        return all(map(self.accepts, check.find_resources(content)))

    def _compile(self, resource_type: object) -> "_Check | None":
        definition = self._definitions.resource(resource_type)
        if definition is None:
            return None
        check = _Check(definition.name, collect_types(self._definitions, definition.name))
        self._checks[definition.name] = check
        return check


class _Check:
    """The check of one resource type; `is_valid` does not look at resources inside it."""

    def __init__(self, resource_type: str, types: dict[str, TypeDefinition]) -> None:
        # A regular expression of this engine runs in linear time, whatever the text.
        self.is_valid = Draft7Validator(
            write_schema(types, resource_type), pattern_options=RegexOptions()
        ).is_valid
        self._ways = _find_ways(types)
        self._top = self._ways.get(resource_type, ())

    def find_resources(self, content: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """The resources right inside an accepted one; most resources hold none."""
        for name, _ in self._top:
            if name in content:
                return self._walk(content, self._top)
        return ()

    def _walk(
        self, content: dict[str, Any], ways: tuple[tuple[str, str], ...]
    ) -> Iterator[dict[str, Any]]:
        for name, type_name in ways:
            value = content.get(name, ())
            for item in value if isinstance(value, list) else (value,) if value else ():
                if type_name == RESOURCE:
                    yield item
                else:
                    yield from self._walk(item, self._ways[type_name])


def _find_ways(types: dict[str, TypeDefinition]) -> dict[str, tuple[tuple[str, str], ...]]:
    """For each type the elements (name, type) by which one comes to a resource inside it."""
    ways: dict[str, tuple[tuple[str, str], ...]] = {}
    is_complete = False
    while not is_complete:
        is_complete = True
        for type_name, definition in types.items():
            found = tuple(
                (element.name, element.type)
                for element in definition.elements.values()
                if element.type == RESOURCE or element.type in ways
            )
            if found and found != ways.get(type_name):
                ways[type_name] = found
                is_complete = False
    return ways
