"""Which elements a FHIR type has, from the models of fhir.resources and the tables of HL7.

The one place that knows FHIR's structure: names as in JSON, FHIR types, lists or not. What is
done with an element (its column, its de-identification) is decided from these types.
"""

import importlib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints


class Release(StrEnum):
    """A FHIR release that can be read. R4 is read with the models of R4B, which it is part of."""

    R4 = "4.0"
    R4B = "4.3"
    R5 = "5.0"


PRIMITIVES = frozenset(
    {"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id"}
    | {"instant", "integer", "integer64", "markdown", "oid", "positiveInt", "string", "time"}
    | {"unsignedInt", "uri", "url", "uuid", "xhtml"}
)
"""The primitive types (FHIR R5, Data Types, 2.1.28.0.1)."""

PRIMITIVE_EXTENSION = "Element"
"""Type of `_birthDate` beside `birthDate`: an id and extensions."""

ANY_RESOURCE = "Resource"
"""Type of an element that holds any resource, such as `contained`."""

_PRIMITIVE_NAMES = {"EncodedBytes": "base64Binary", "UuidVersion": "uuid"}
_FIXED_NAMES = {"FHIRPrimitiveExtension": PRIMITIVE_EXTENSION, "Resource": ANY_RESOURCE}


@dataclass(frozen=True, slots=True)
class ElementDefinition:
    """One element: its JSON name (`valueQuantity`), FHIR type (`Quantity`), and whether a list.

    A backbone element has a type of its own such as `Observation.component`.
    """

    name: str
    type: str
    is_list: bool

    @property
    def is_primitive(self) -> bool:
        """Whether the value is a JSON scalar."""
        return self.type in PRIMITIVES


@cache
def elements_of(type_name: str, release: Release) -> Mapping[str, ElementDefinition]:
    """The elements of a resource, data type or backbone element, by JSON name.

    Raises
    ------
    KeyError
        The release has no such type.
    """
    if type_name == ANY_RESOURCE:
        return types.MappingProxyType({})
    if release is Release.R4 and (elements := _r4_only(type_name)):
        return types.MappingProxyType(elements)
    model = _model(type_name, release)
    hints = get_type_hints(model, include_extras=True)
    elements = {}
    for name, field in model.model_fields.items():
        if name == "fhir_comments":
            continue
        json_name = field.alias or name
        annotation, is_list = _unwrap(hints[name])
        elements[json_name] = ElementDefinition(
            json_name, _type_name(annotation, type_name), is_list
        )
    return types.MappingProxyType(elements)


def _r4_only(type_name: str) -> dict[str, ElementDefinition] | None:
    """The elements of a type that R4B, and so fhir.resources, lacks or defines otherwise."""
    from medplatform.modalities.ehr.conformance.hl7 import read_r4_only

    definition = read_r4_only(type_name)
    return definition and {
        name: ElementDefinition(name, _FIXED_NAMES.get(element.type, element.type), element.is_list)
        for name, element in definition.elements.items()
    }


def _model(type_name: str, release: Release) -> Any:
    if release is Release.R5:
        from fhir.resources import get_fhir_model_class
    else:
        from fhir.resources.R4B import get_fhir_model_class
    root, _, part = type_name.partition(".")
    try:
        model = get_fhir_model_class(root)
        if not part:
            return model
        module = importlib.import_module(model.__module__)
        return getattr(module, f"{root}{part[0].upper()}{part[1:]}")
    except (ValueError, ImportError, AttributeError):
        raise KeyError(f"FHIR {release} has no type {type_name}") from None


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    """Without Optional and List."""
    is_list = False
    while True:
        origin = get_origin(annotation)
        if origin in (Union, types.UnionType):
            annotation = next(a for a in get_args(annotation) if a is not types.NoneType)
        elif origin is list:
            annotation, is_list = get_args(annotation)[0], True
        else:
            return annotation, is_list


def _type_name(annotation: Any, parent: str) -> str:
    from fhir_core.types import FhirBase

    if get_origin(annotation) is Annotated:
        name = type(annotation.__metadata__[0]).__name__
        return _PRIMITIVE_NAMES.get(name, name[0].lower() + name[1:])
    if annotation is bool:
        return "boolean"
    if not (isinstance(annotation, type) and issubclass(annotation, FhirBase)):
        raise TypeError(f"{parent}: an element of unknown kind {annotation!r}")
    name = annotation.__name__.removesuffix("Type")
    if name in _FIXED_NAMES:
        return _FIXED_NAMES[name]
    model = annotation.get_model_klass()
    root = parent.partition(".")[0]
    is_backbone = model.__name__ != root and model.__module__.endswith(f".{root.lower()}")
    return f"{root}.{name[len(root) :][0].lower()}{name[len(root) + 1 :]}" if is_backbone else name
