"""What HL7 publishes and fhir.resources lacks: value sets of required bindings, types of R4 only.

The table is `hl7.json` beside this module; `generate` writes it and says from what.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from medplatform.modalities.ehr.conformance.definition import (
    PRIMITIVE_EXTENSION,
    RESOURCE,
    Choice,
    Element,
    TypeDefinition,
)
from medplatform.modalities.ehr.conformance.primitives import PRIMITIVES
from medplatform.modalities.ehr.definitions import Release

TABLE_PATH = Path(__file__).with_name("hl7.json")
_BASES: dict[str, dict[str, str | list[str]]] = {
    "DomainResource": {
        "id": "id",
        "meta": "Meta",
        "implicitRules": "uri",
        "language": "code",
        "text": "Narrative",
        "contained": f"{RESOURCE}*",
        "extension": "Extension*",
        "modifierExtension": "Extension*",
    },
    "BackboneElement": {
        "id": "string",
        "extension": "Extension*",
        "modifierExtension": "Extension*",
    },
}


def codes_of(release: Release, type_name: str, element: str) -> frozenset[str] | None:
    """The codes that a required binding allows; None where there is no binding that is checked.

    `type_name` is the name of a model of fhir.resources, such as `EncounterStatusHistory`.
    """
    bindings = _table()["bindings"]["R5" if release is Release.R5 else "R4"]
    value_set = bindings["elements"].get(f"{type_name}.{element}")
    return None if value_set is None else _codes(release is Release.R5, value_set)


@cache
def _codes(is_r5: bool, value_set: str) -> frozenset[str]:
    return frozenset(_table()["bindings"]["R5" if is_r5 else "R4"]["value_sets"][value_set])


@cache
def r4_only_resources() -> frozenset[str]:
    """Resource types that are in R4 and not in R4B, or are defined otherwise there."""
    table = _table()["r4_only"]
    return frozenset(name for name in table if table[name]["base"] == "DomainResource")


def read_r4_only(name: str) -> TypeDefinition | None:
    """A type that R4B lacks or defines otherwise, as R4 defines it."""
    content = _table()["r4_only"].get(name)
    if content is None:
        return None
    elements: dict[str, Element] = {}
    for element_name, what in {**_BASES[content["base"]], **content["elements"]}.items():
        for element in _read_element(element_name, what):
            elements[element.name] = element
    choices, required = content["choices"], frozenset(content["required"])
    return TypeDefinition(
        name=name,
        elements=elements,
        required=required - choices.keys(),
        choices=tuple(
            Choice(_with_extensions(names, elements), is_required=choice in required)
            for choice, names in choices.items()
        ),
        is_resource=content["base"] == "DomainResource",
    )


def _with_extensions(names: list[str], elements: dict[str, Element]) -> tuple[str, ...]:
    return tuple(name for each in names for name in (each, f"_{each}") if name in elements)


def _read_element(name: str, what: str | list[str]) -> list[Element]:
    """The element, and for a primitive the one that holds its extensions."""
    codes = frozenset(what) if isinstance(what, list) else None
    type_name = "code" if isinstance(what, list) else what.removesuffix("*")
    is_list = isinstance(what, str) and what.endswith("*")
    if type_name == "ResourceList":
        type_name = RESOURCE
    if type_name not in PRIMITIVES:
        return [Element(name, type_name, is_list)]
    return [
        Element(name, type_name, is_list, holds_nulls=is_list, codes=codes),
        Element(f"_{name}", PRIMITIVE_EXTENSION, is_list, holds_nulls=is_list),
    ]


@cache
def _table() -> dict[str, Any]:
    return json.loads(TABLE_PATH.read_text())
