"""The slow half of the verdict: decides what the accept filter leaves open, and gives the reasons.

fhir.resources decides what is valid; the structure check adds what it is too lenient about and
the value sets of required bindings. The definitions decide alone where fhir.resources cannot: it
has no model of the types of R4 that R4B dropped, none of `_valueString` in an extension, takes
UUIDs of version 4 only, and runs out of stack on what is nested deeply.

Everything that knows how fhir.resources fails is in this module.
"""

import re
from typing import Any

from pydantic import ValidationError

from medplatform.modalities.ehr.conformance import structure
from medplatform.modalities.ehr.conformance.definition import Definitions, TypeDefinition
from medplatform.modalities.ehr.conformance.hl7 import r4_only_resources
from medplatform.modalities.ehr.conformance.models import find_model
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.issue import Issue, make_issue

MAX_ISSUES = 5
MAX_MODEL_DEPTH = 100
"""Levels of JSON up to which fhir.resources is asked. Two levels take it about eight Python calls,
of which Python allows 1,000 on all; the rest is left to the caller."""
_ELEMENT_NAME = re.compile(r"_?[a-z][A-Za-z0-9]*")
_NOT_ELEMENTS = frozenset({"root", "str"})
_MISSING = frozenset({"missing", "model_field_validation.missing"})


class _NotModelled(Exception):
    """The models of fhir.resources lack something that FHIR has."""


class Arbiter:
    """Decides for one release."""

    def __init__(self, release: Release, definitions: Definitions) -> None:
        self._release = release
        self._definitions = definitions

    def find_issues(self, definition: TypeDefinition, content: dict[str, Any]) -> tuple[Issue, ...]:
        """Why a parsed resource of this type is not valid; empty when it is."""
        is_r4_only = self._release is Release.R4 and _holds_type(content, r4_only_resources())
        if is_r4_only or structure.depth_of(content) > MAX_MODEL_DEPTH:
            return self._walk(definition, content, in_full=True)
        try:
            issues = self._ask_model(definition.name, content)
        except (_NotModelled, RecursionError):
            return self._walk(definition, content, in_full=True)
        except (KeyError, TypeError, AttributeError):
            # fhir.resources has no model for a contained type, or met a JSON type it did not expect
            issues = self._walk(definition, content)
            return issues or (make_issue("fhir.invalid", definition.name),)
        return issues or self._walk(definition, content)

    def _walk(
        self, definition: TypeDefinition, content: dict[str, Any], *, in_full: bool = False
    ) -> tuple[Issue, ...]:
        return structure.find_issues(
            self._definitions, definition, content, in_full=in_full, most=MAX_ISSUES
        )

    def _ask_model(self, resource_type: str, content: dict[str, Any]) -> tuple[Issue, ...]:
        model = find_model(self._release, resource_type)
        assert model is not None, "the type was found among the models"
        try:
            model.model_validate(content)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            if any(_is_not_modelled(each["type"], each["loc"]) for each in details):
                raise _NotModelled from None
            issues = dict.fromkeys(_explain(resource_type, d["type"], d["loc"]) for d in details)
            return tuple(issues)[:MAX_ISSUES]
        return ()


def _is_not_modelled(kind: str, place: tuple[int | str, ...]) -> bool:
    """Whether fhir.resources refuses something that FHIR allows."""
    if kind == "extra_forbidden" and len(place) > 2:
        parent, _, name = place[-3:]
        return parent in ("extension", "modifierExtension") and str(name).startswith("_value")
    return kind == "uuid_version"


def _holds_type(content: dict[str, Any], types: frozenset[str]) -> bool:
    """Whether the resource, or one inside it, has one of these types."""
    waiting: list[Any] = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            resource_type = value.get("resourceType")
            if isinstance(resource_type, str) and resource_type in types:
                return True
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return False


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
