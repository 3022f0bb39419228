"""JSON Schemas (draft 7) that accept only what fhir.resources certainly accepts.

Derived from the definitions element by element: known names only, required elements present, one
element of a choice, primitives by their narrow schemas, codes of required bindings as `enum`.
What stands for any resource is only asked to be an object with a type; it is checked by the
schema of that type (see `accept_filter`).
"""

from typing import Any

from medplatform.modalities.ehr.conformance.definition import (
    PRIMITIVE_EXTENSION,
    RESOURCE,
    Choice,
    Definitions,
    Element,
    TypeDefinition,
)
from medplatform.modalities.ehr.conformance.primitives import PRIMITIVES

_ANY_RESOURCE = {
    "type": "object",
    "properties": {"resourceType": {"type": "string"}},
    "required": ["resourceType"],
}


def collect_types(definitions: Definitions, resource_type: str) -> dict[str, TypeDefinition]:
    """The resource type and every type that can occur inside it, other resources excepted."""
    found: dict[str, TypeDefinition] = {}
    waiting = [resource_type]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        definition = definitions.find(name)
        if definition is None:
            raise LookupError(f"no definition of {name}")
        found[name] = definition
        waiting += {
            element.type
            for element in definition.elements.values()
            if element.type != RESOURCE and element.type not in PRIMITIVES
        }
    return found


def write_schema(types: dict[str, TypeDefinition], resource_type: str) -> dict[str, Any]:
    """The schema of a resource type, from the types that `collect_types` found."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": f"#/definitions/{resource_type}",
        "definitions": {name: _write_type(definition) for name, definition in types.items()},
    }


def _write_type(definition: TypeDefinition) -> dict[str, Any]:
    properties = {name: _write_element(each) for name, each in definition.elements.items()}
    required = set(definition.required)
    if definition.is_resource:
        properties["resourceType"] = {"const": definition.name}
        required.add("resourceType")
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if required:
        schema["required"] = sorted(required)
    if definition.name == PRIMITIVE_EXTENSION:
        schema["minProperties"] = 1
    rules = [_write_choice(choice, len(required)) for choice in definition.choices]
    if rules := [rule for rule in rules if rule]:
        schema["allOf"] = rules
    return schema


def _write_element(element: Element) -> dict[str, Any]:
    if element.type == RESOURCE:
        item = _ANY_RESOURCE
    elif element.codes is not None:
        item = {"enum": sorted(element.codes)}
    elif element.type in PRIMITIVES:
        item = PRIMITIVES[element.type].schema
    else:
        item = {"$ref": f"#/definitions/{element.type}"}
    if element.holds_nulls:
        item = {"anyOf": [item, {"type": "null"}]}
    return {"type": "array", "items": item} if element.is_list else item


def _write_choice(choice: Choice, needed: int) -> dict[str, Any] | None:
    """At most one of the names (exactly one where one is required).

    `needed` properties are there in any case, so that an object with one more holds at most one of
    the names; this is soon told of most extensions, which have fifty names to choose from.
    """
    present = [{"required": [name]} for name in choice.names]
    if choice.is_required:
        return {"oneOf": present}
    if len(present) == 1:
        return None
    none = {"not": {"anyOf": present}}
    return {"anyOf": [{"maxProperties": needed + 1}, none, {"oneOf": present}]}
