"""The verdict over one record as the reader of the typed tables asks for it.

Those tables keep numbers as they were delivered, so an accepted record is read a second time with
its numbers as text.
"""

import json
from dataclasses import dataclass
from typing import Any

import orjson

from medplatform.modalities.ehr.conformance import verdict
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.element import Number
from medplatform.modalities.ehr.issue import Issue, make_issue
from medplatform.modalities.ehr.tables import TABLE_OF


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
    """Judge one resource from its bytes. Never raises for bad content.

    A record of another known type is not judged, since nothing is read from it. One that a
    modifier extension or implicit rules change is refused: a flat row cannot tell.
    """
    found = verdict.judge(raw, Release.R4)
    if found.resource_type and found.resource_type not in TABLE_OF:
        return Verdict(found.resource_type)
    if found.issues:
        return Verdict(found.resource_type, issues=found.issues)
    if found.is_modified:
        return Verdict(found.resource_type, issues=(make_issue("fhir.modifier"),))
    return Verdict(found.resource_type, _EXACT.decode(raw.decode()))


def is_patient(raw: bytes) -> bool:
    """Whether the bytes are a Patient as it is usually written; cheap for all other records."""
    if b'"Patient"' not in raw:
        return False
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return isinstance(content, dict) and content.get("resourceType") == "Patient"


_EXACT = json.JSONDecoder(parse_float=Number, parse_int=Number)
