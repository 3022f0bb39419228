"""The verdict over one record: raw bytes in, resource or reasons out.

fhir.resources decides what is valid FHIR R4. JSON itself is judged more strictly: no repeated
keys, no NaN, no lone surrogates, no invalid UTF-8 (orjson); and modifier extensions, which change
the meaning of a resource in a way unknown here, are refused (FHIR R4, Extensibility, 2.4.0.1).

Everything that knows fhir.resources is in this module.
"""

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import orjson
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.resource import Resource
from fhir_core.fhirabstractmodel import FHIRAbstractModel
from pydantic import ValidationError

from medplatform.modalities.ehr.element import Number
from medplatform.modalities.ehr.issue import Issue, Refused, make_issue, refused
from medplatform.modalities.ehr.tables import TABLE_OF

MAX_ISSUES = 5
# In R4 but not in R4B, whose models fhir.resources has.
_R4_ONLY = frozenset(
    {
        "EffectEvidenceSynthesis",
        "MedicinalProduct",
        "MedicinalProductAuthorization",
        "MedicinalProductContraindication",
        "MedicinalProductIndication",
        "MedicinalProductIngredient",
        "MedicinalProductInteraction",
        "MedicinalProductManufactured",
        "MedicinalProductPackaged",
        "MedicinalProductPharmaceutical",
        "MedicinalProductUndesirableEffect",
        "RiskEvidenceSynthesis",
        "SubstanceNucleicAcid",
        "SubstancePolymer",
        "SubstanceProtein",
        "SubstanceReferenceInformation",
        "SubstanceSourceMaterial",
        "SubstanceSpecification",
    }
)
_ABSTRACT = frozenset({"Resource", "DomainResource"})
_TYPE_NAME = re.compile(r"[A-Z][A-Za-z]{1,63}")
_ELEMENT_NAME = re.compile(r"_?[a-z][A-Za-z0-9]*")
_NOT_ELEMENTS = frozenset({"root", "str"})
_MISSING = frozenset({"missing", "model_field_validation.missing"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one record is.

    With `issues` it is refused. Without, `resource` is the parsed content (numbers as `Number`),
    or None for a known type that has no table. `resource_type` is None where it is not known.
    """

    resource_type: str | None = None
    resource: dict[str, Any] | None = None
    issues: tuple[Issue, ...] = ()


def judge(raw: bytes) -> Verdict:
    """Judge one resource from its bytes. Never raises for bad content."""
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _refuse("json.invalid")
    if not isinstance(content, dict):
        return _refuse("json.not_an_object")
    resource_type = content.get("resourceType")
    if not isinstance(resource_type, str):
        return _refuse("record.no_type")
    if resource_type not in TABLE_OF:
        is_known = is_resource_type(resource_type)
        return Verdict(resource_type) if is_known else _refuse("fhir.unknown_type")
    try:
        resource = _EXACT.decode(raw.decode())
        if resource.get("implicitRules"):
            raise refused("fhir.modifier", f"{resource_type}.implicitRules")
    except Refused as error:
        return Verdict(resource_type, issues=(error.issue,))
    except RecursionError:
        return Verdict(resource_type, issues=(make_issue("fhir.too_deep"),))
    issues = _validate(resource_type, content)
    return Verdict(resource_type, None if issues else resource, issues)


def is_patient(raw: bytes) -> bool:
    """Whether the bytes are a Patient as it is usually written; cheap for all other records."""
    if b'"Patient"' not in raw:
        return False
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return isinstance(content, dict) and content.get("resourceType") == "Patient"


@lru_cache(maxsize=1024)
def is_resource_type(name: str) -> bool:
    """Whether FHIR R4 (or R4B) defines such a resource."""
    if name in _R4_ONLY:
        return True
    if name in _ABSTRACT or not _TYPE_NAME.fullmatch(name):
        return False
    try:
        return issubclass(get_fhir_model_class(name), Resource)
    except ValueError:
        return False


def _validate(resource_type: str, content: dict[str, Any]) -> tuple[Issue, ...]:
    try:
        _model(resource_type).model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        issues = dict.fromkeys(_explain(resource_type, d["type"], d["loc"]) for d in details)
        return tuple(issues)[:MAX_ISSUES]
    except RecursionError:
        return (make_issue("fhir.too_deep"),)
    except (KeyError, TypeError, AttributeError):
        # fhir.resources has no model for a contained type, or met a JSON type it did not expect.
        return (make_issue("fhir.invalid", resource_type),)
    return ()


@cache
def _model(resource_type: str) -> type[FHIRAbstractModel]:
    return get_fhir_model_class(resource_type)


def _explain(resource_type: str, kind: str, place: tuple[int | str, ...]) -> Issue:
    """Our reason for an error of fhir.resources, whose own messages may quote the value."""
    if kind == "extra_forbidden":
        # The last part is the unknown key itself, which is content.
        return make_issue("fhir.unknown_element", _path(resource_type, place[:-1]))
    code = "fhir.missing_element" if kind in _MISSING else "fhir.invalid"
    return make_issue(code, _path(resource_type, place))


def _path(resource_type: str, place: tuple[int | str, ...]) -> str:
    path = resource_type
    for part in place:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in _NOT_ELEMENTS and _ELEMENT_NAME.fullmatch(part):
            path += f".{part}"
    return path


def _refuse(code: str) -> Verdict:
    return Verdict(issues=(make_issue(code),))


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise refused("json.duplicate_key")
    if content.get("modifierExtension"):
        raise refused("fhir.modifier")
    return content


_EXACT = json.JSONDecoder(object_pairs_hook=_read_object, parse_float=Number, parse_int=Number)
