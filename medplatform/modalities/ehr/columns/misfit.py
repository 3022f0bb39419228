"""Where a value of another JSON type stands than FHIR asks for.

fhir.resources takes some of them (a decimal in quotes, a JSON object in a string); here they are
refused rather than converted, since nobody knows what their sender meant.
"""

from typing import Any

from medplatform.modalities.ehr.definitions import (
    ElementDefinition,
    Release,
    elements_of,
)

_NUMBERS = frozenset({"decimal", "integer", "integer64", "positiveInt", "unsignedInt"})


def find_misfit(resource_type: str, content: dict[str, Any], release: Release) -> str | None:
    """FHIRPath of the first value of a wrong JSON type, None where there is none."""
    return _find_in(resource_type, content, resource_type, release)


def _find_in(type_name: str, content: dict[str, Any], path: str, release: Release) -> str | None:
    definitions = elements_of(type_name, release)
    for name, value in content.items():
        definition = definitions.get(name)
        if definition is not None and value is not None:
            found = _find(definition, value, f"{path}.{name}", release)
            if found:
                return found
    return None


def _find(definition: ElementDefinition, value: Any, path: str, release: Release) -> str | None:
    if not definition.is_list:
        return _find_item(definition, value, path, release)
    if not isinstance(value, list):
        return path
    items = ((f"{path}[{i}]", item) for i, item in enumerate(value) if item is not None)
    found = (_find_item(definition, item, item_path, release) for item_path, item in items)
    return next(filter(None, found), None)


def _find_item(
    definition: ElementDefinition, value: Any, path: str, release: Release
) -> str | None:
    if not definition.is_primitive:
        if not isinstance(value, dict):
            return path
        return _find_in(definition.type, value, path, release)
    return None if isinstance(value, _json_type(definition.type)) else path


def _json_type(primitive: str) -> type | tuple[type, ...]:
    if primitive == "boolean":
        return bool
    if primitive == "decimal":
        return (int, float)
    return int if primitive in _NUMBERS else str
