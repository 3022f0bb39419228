"""The fast half of the verdict: accepts a resource that is certainly valid, and nothing else.

Compiled JSON Schemas, one per resource type, made when the type is first met (15 ms). A resource
that is not accepted is not wrong: `arbiter` decides. That the arbiter agrees with every acceptance
is tested on real resources and on mutations of them.
"""

from collections.abc import Iterator
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
        resource_type = content.get("resourceType")
        if type(resource_type) is not str:
            return False
        check = self._checks.get(resource_type) or self._compile(resource_type)
        if check is None or not check.accepts(content):
            return False
        return all(map(self.accepts, check.find_resources(content)))

    def _compile(self, resource_type: str) -> "_Check | None":
        if self._definitions.resource(resource_type) is None:
            return None
        check = _Check(resource_type, collect_types(self._definitions, resource_type))
        self._checks[resource_type] = check
        return check


class _Check:
    """The check of one resource type, resources inside it excepted."""

    def __init__(self, resource_type: str, types: dict[str, TypeDefinition]) -> None:
        # A regular expression of this engine runs in linear time, whatever the text.
        self._validator = Draft7Validator(
            write_schema(types, resource_type), pattern_options=RegexOptions()
        )
        self._resource_type = resource_type
        self._ways = _find_ways(types)
        self._top = self._ways.get(resource_type, ())

    def accepts(self, content: dict[str, Any]) -> bool:
        try:
            return self._validator.is_valid(content)
        except ValueError:  # nested more deeply than the validator goes (255 levels)
            return False

    def find_resources(self, content: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The resources right inside an accepted one."""
        for name, _ in self._top:
            if name in content:
                return self._walk(content, self._top)
        return iter(())

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
