"""The verdict over one resource: raw bytes in, accepted content or reasons out.

JSON is judged more strictly than readers do: no repeated keys, no NaN, no lone surrogates, no
invalid UTF-8. What the accept filter does not accept, the arbiter decides.
"""

from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import Any, Literal, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from medplatform.modalities.ehr.conformance.accept_filter import AcceptFilter
from medplatform.modalities.ehr.conformance.arbiter import Arbiter
from medplatform.modalities.ehr.conformance.column_filter import find_suspects
from medplatform.modalities.ehr.conformance.definition import Definitions
from medplatform.modalities.ehr.conformance.hl7 import read_r4_only
from medplatform.modalities.ehr.conformance.keys import RepeatedKey, check_keys, has_plain_keys
from medplatform.modalities.ehr.conformance.models import read_model
from medplatform.modalities.ehr.conformance.structure import depth_of, has_modifier_extension
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.issue import Issue, make_issue

MAX_DEPTH = 500
"""Levels of JSON that are judged; a hospital's resources have 10, and 40 is rare."""
_MODIFIER_EXTENSION = b'"modifierExtension":'


class Verdict(NamedTuple):
    """What one record is.

    Accepted: `content` is the resource as orjson reads it (numbers lose their exact text), `issues`
    is empty. Refused: `content` is None and `issues` gives up to five reasons. `resource_type` is
    None where it is not known. `is_modified` tells that a modifier extension or implicit rules
    change the meaning of an accepted resource in a way that is not known here, so that it must be
    kept, and must not be used as if it had none. `by` says which half of the check decided.
    """

    resource_type: str | None
    content: dict[str, Any] | None
    issues: tuple[Issue, ...]
    is_modified: bool
    by: Literal["filter", "arbiter"]


def judge(raw: bytes, release: Release) -> Verdict:
    """Judge one resource from its bytes. Never raises for bad content."""
    return _court_of(release).judge(raw)


def judge_lines(lines: Iterable[bytes], release: Release) -> Iterator[Verdict]:
    """Judge resources one after the other, in their order.

    Do not keep the `content` of many verdicts: Python's garbage collector then passes over all of
    them again and again, which halves the speed (measured on 6,000 Observations).
    """
    return map(_court_of(release).judge, lines)


def accepts(content: dict[str, Any], release: Release) -> bool:
    """Whether the accept filter alone accepts parsed content; False leaves it open."""
    return _court_of(release).filter.accepts(content)


def find_suspect_rows(content: pa.StructArray, resource_type: str, release: Release) -> np.ndarray:
    """Which resources of a type, in columns, are to be judged one by one (bool, one per row).

    The others are certainly valid, have no resources inside them, and no modifier extension or
    implicit rules change their meaning.
    """
    definitions = definitions_of(release)
    definition = definitions.resource(resource_type)
    if definition is None:
        return np.ones(len(content), dtype=bool)
    return find_suspects(content, definition, definitions)


def find_issues(content: dict[str, Any], release: Release) -> tuple[Issue, ...]:
    """What the arbiter alone says of parsed content; empty when it is valid."""
    return _court_of(release).find_issues(content)


def is_resource_type(name: str, release: Release) -> bool:
    """Whether the release defines such a resource."""
    return definitions_of(release).resource(name) is not None


@cache
def definitions_of(release: Release) -> Definitions:
    """The types of a release; in R4 those that R4B dropped or changed are as R4 has them."""
    from_models = partial(read_model, release)
    return Definitions(*((read_r4_only,) if release is Release.R4 else ()), from_models)


@cache
def _court_of(release: Release) -> "_Court":
    return _Court(release)


class _Court:
    """Filter and arbiter of a release."""

    def __init__(self, release: Release) -> None:
        self._definitions = definitions_of(release)
        self._arbiter = Arbiter(release, self._definitions)
        self.filter = AcceptFilter(self._definitions)

    def judge(self, raw: bytes) -> Verdict:
        try:
            content = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            is_deep = error.msg.startswith("depth limit")
            return _refuse(None, make_issue("fhir.too_deep" if is_deep else "json.invalid"))
        if type(content) is dict and self.filter.accepts(content):
            try:
                return _accept(raw, content, orjson.dumps(content))
            except orjson.JSONEncodeError:  # nested more deeply than it writes (254 levels)
                return self._decide(raw, content)
        return self._decide(raw, content)

    def _decide(self, raw: bytes, content: Any) -> Verdict:
        if not isinstance(content, dict):
            return _refuse(None, make_issue("json.not_an_object"))
        resource_type = content.get("resourceType")
        if self._definitions.resource(resource_type) is None:
            return _refuse(None, *self.find_issues(content))
        if depth_of(content) > MAX_DEPTH:
            return _refuse(resource_type, make_issue("fhir.too_deep"))
        issues = _find_repeated_keys(raw) or self.find_issues(content)
        if issues:
            return _refuse(resource_type, *issues)
        return Verdict(resource_type, content, (), _is_modified(content), "arbiter")

    def find_issues(self, content: dict[str, Any]) -> tuple[Issue, ...]:
        resource_type = content.get("resourceType")
        if not isinstance(resource_type, str):
            return (make_issue("record.no_type"),)
        definition = self._definitions.resource(resource_type)
        if definition is None:
            return (make_issue("fhir.unknown_type"),)
        return self._arbiter.find_issues(definition, content)


def _accept(raw: bytes, content: dict[str, Any], written: bytes) -> Verdict:
    """The verdict over what the filter accepted: its keys are still to be checked."""
    resource_type = content["resourceType"]
    is_unique = raw == written or has_plain_keys(raw, written)
    if not is_unique and (issues := _find_repeated_keys(raw)):
        return _refuse(resource_type, *issues)
    is_modified = "implicitRules" in content or _MODIFIER_EXTENSION in written
    return Verdict(resource_type, content, (), is_modified and _is_modified(content), "filter")


def _is_modified(content: dict[str, Any]) -> bool:
    """Whether the resource means something that is not known here (FHIR R4, Extensibility, 2.4.0.1;
    Resource, 2.26.3.3)."""
    return bool(content.get("implicitRules")) or has_modifier_extension(content)


def _find_repeated_keys(raw: bytes) -> tuple[Issue, ...]:
    try:
        check_keys(raw)
    except RepeatedKey:
        return (make_issue("json.duplicate_key"),)
    except RecursionError:  # the caller has used up the stack
        return (make_issue("fhir.too_deep"),)
    return ()


def _refuse(resource_type: str | None, *issues: Issue) -> Verdict:
    return Verdict(resource_type, None, issues, False, "arbiter")
