"""Definitions read from the models of fhir.resources, which exist for R4B and R5."""

from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from fhir_core.constraints import FHIR_PRIMITIVES_MAPS
from fhir_core.fhirabstractmodel import FHIR_COMMENTS_FIELD_NAME, FHIRAbstractModel
from fhir_core.types import FhirBase, FhirElementOrResourceBase

from medplatform.modalities.ehr.conformance.definition import (
    PRIMITIVE_EXTENSION,
    RESOURCE,
    Choice,
    Element,
    TypeDefinition,
)
from medplatform.modalities.ehr.conformance.hl7 import codes_of
from medplatform.modalities.ehr.conformance.primitives import PRIMITIVES
from medplatform.modalities.ehr.definitions import Release

_ABSTRACT = frozenset({"Resource", "DomainResource", "CanonicalResource", "MetadataResource"})


def find_model(release: Release, name: str) -> type[FHIRAbstractModel] | None:
    """The model of a type, if fhir.resources has one that is not abstract."""
    if release is Release.R5:
        from fhir.resources import get_fhir_model_class
    else:
        from fhir.resources.R4B import get_fhir_model_class
    if name in _ABSTRACT or not name.isidentifier():
        return None
    try:
        return get_fhir_model_class(name)
    except ValueError:
        return None


def read_model(release: Release, name: str) -> TypeDefinition | None:
    """The definition of a type by its model."""
    model = find_model(release, name)
    if model is None:
        return None
    hints = get_type_hints(model, include_extras=True)
    elements: dict[str, Element] = {}
    for field, info in model.model_fields.items():
        if field != FHIR_COMMENTS_FIELD_NAME:
            what = _read_annotation(hints[field])
            alias = info.alias or field
            codes = codes_of(release, name, alias) if what.type == "code" else None
            elements[alias] = Element(alias, what.type, what.is_list, what.holds_nulls, codes)
    if name == "Extension":
        _add_value_extensions(elements)
    return TypeDefinition(
        name=name,
        elements=elements,
        required=_find_required(model),
        choices=_find_choices(model),
        is_resource=model.has_resource_base(),
    )


def _add_value_extensions(elements: dict[str, Element]) -> None:
    """`_valueString` and its like, which FHIR has (JSON format, 2.6.2.3) and the model lacks."""
    for element in list(elements.values()):
        if element.name.startswith("value") and element.type in PRIMITIVES:
            name = f"_{element.name}"
            elements[name] = Element(name, PRIMITIVE_EXTENSION)


class _Annotated(NamedTuple):
    type: str
    is_list: bool = False
    holds_nulls: bool = False


def _read_annotation(annotation: Any) -> _Annotated:
    """The FHIR type that an annotation such as `List[StringType | None] | None` stands for."""
    if (primitive := FHIR_PRIMITIVES_MAPS.get(annotation)) is not None:
        return _Annotated(primitive)
    if isinstance(annotation, type) and issubclass(annotation, FhirElementOrResourceBase):
        return _Annotated(RESOURCE)
    if isinstance(annotation, type) and issubclass(annotation, FhirBase):
        return _Annotated(annotation.get_model_klass().__name__)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list:
        item = _read_annotation(arguments[0])
        return _Annotated(item.type, is_list=True, holds_nulls=type(None) in get_args(arguments[0]))
    if origin in (Union, UnionType):
        given = [argument for argument in arguments if argument is not type(None)]
        if len(given) == 1:
            return _read_annotation(given[0])
    raise TypeError("the models of fhir.resources have an annotation that is not known here")


def _find_required(model: type[FHIRAbstractModel]) -> frozenset[str]:
    required = {name for name, _ in model.model_construct().get_required_fields()}
    for field, info in model.model_fields.items():
        if info.is_required():
            required.add(info.alias or field)
    return frozenset(required)


def _find_choices(model: type[FHIRAbstractModel]) -> tuple[Choice, ...]:
    names: dict[str, list[str]] = {}
    required: set[str] = set()
    for field, info in model.model_fields.items():
        extra = info.json_schema_extra
        if isinstance(extra, dict) and (stem := extra.get("one_of_many")):
            names.setdefault(str(stem), []).append(info.alias or field)
            if extra.get("one_of_many_required"):
                required.add(str(stem))
    return tuple(Choice(tuple(group), stem in required) for stem, group in names.items())
