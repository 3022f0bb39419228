"""The elements of the base types, from fhir.resources' models (FHIR R4B, or R5).

A differential states only what it changes; the rest (cardinality, the types of a choice, which
elements a data type has) is the base's. Everything that knows fhir.resources is in this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, get_args

from fhir.resources import get_fhir_model_class as get_r5_model
from fhir.resources.R4B import get_fhir_model_class as get_r4b_model

CORE = "http://hl7.org/fhir/StructureDefinition/"
PRIMITIVES = (
    "base64Binary",
    "boolean",
    "canonical",
    "code",
    "date",
    "dateTime",
    "decimal",
    "id",
    "instant",
    "integer",
    "integer64",
    "markdown",
    "oid",
    "positiveInt",
    "string",
    "time",
    "unsignedInt",
    "uri",
    "url",
    "uuid",
)
_PRIMITIVE_OF_SUFFIX = {name[0].upper() + name[1:]: name for name in PRIMITIVES}


@dataclass(frozen=True, slots=True)
class BaseElement:
    """One element of a base type: `max` None means any number; `model` its type's, if complex."""

    min: int
    max: int | None
    model: Any = None


@dataclass(frozen=True, slots=True)
class BaseType:
    """The elements of a type by JSON name, and its choices: prefix -> {JSON name: type}."""

    elements: Mapping[str, BaseElement]
    choices: Mapping[str, Mapping[str, str]]
    required_choices: frozenset[str]


def type_suffix(code: str) -> str:
    """How a type is spelled in the JSON name of a choice: `dateTime` -> `DateTime`."""
    return code[:1].upper() + code[1:]


def type_code(suffix: str) -> str:
    """The type that a suffix spells: `DateTime` -> `dateTime`, `Quantity` -> `Quantity`."""
    return _PRIMITIVE_OF_SUFFIX.get(suffix, suffix)


def find_model(name: str, fhir_version: str) -> Any:
    """The model of a resource or data type, None where fhir.resources has none."""
    get_model = get_r5_model if fhir_version.startswith("5") else get_r4b_model
    try:
        return get_model(name)
    except (KeyError, ValueError):
        return None


@cache
def is_resource(name: str, fhir_version: str) -> bool:
    """Whether the name is a type of resource."""
    model = find_model(name, fhir_version)
    return model is not None and bool(model.has_resource_base())


@cache
def describe(model: Any) -> BaseType:
    """The elements of a model."""
    elements: dict[str, BaseElement] = {}
    choices: dict[str, dict[str, str]] = {}
    required_choices = set()
    for field_name, field in model.model_fields.items():
        extra = field.json_schema_extra
        if not isinstance(extra, dict) or not extra.get("element_property"):
            continue
        name = field.alias or field_name
        is_required = field.is_required() or bool(extra.get("element_required"))
        is_list, inner = _unwrap(field.annotation)
        prefix = extra.get("one_of_many")
        if prefix:
            choices.setdefault(prefix, {})[name] = type_code(name[len(prefix) :])
            if extra.get("one_of_many_required"):
                required_choices.add(prefix)
        elements[name] = BaseElement(int(is_required), None if is_list else 1, _model_of(inner))
    return BaseType(
        MappingProxyType(elements),
        MappingProxyType({prefix: MappingProxyType(names) for prefix, names in choices.items()}),
        frozenset(required_choices),
    )


@cache
def open_types(fhir_version: str) -> tuple[str, ...]:
    """The types of an open choice (`Extension.value[x]`)."""
    return tuple(describe(find_model("Extension", fhir_version)).choices["value"].values())


def _unwrap(annotation: Any) -> tuple[bool, Any]:
    """Whether the annotation is a list, and the annotation of one value."""
    is_list = False
    while True:
        arguments = [a for a in get_args(annotation) if a is not type(None)]
        if hasattr(annotation, "__metadata__") or not arguments:
            return is_list, annotation
        is_list = is_list or getattr(annotation, "__origin__", None) is list
        annotation = arguments[0]


def _model_of(inner: Any) -> Any:
    # A data type's class can be asked for its model; `Resource` stands for any and has none.
    get_model = getattr(inner, "get_model_klass", None)
    if get_model is None:
        return None
    try:
        return get_model()
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return None
