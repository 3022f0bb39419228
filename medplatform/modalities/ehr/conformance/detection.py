"""Finds the FHIR release of a delivery from some of its resources.

What the delivery says of itself counts first (`fhirVersion` of a CapabilityStatement and its like,
versioned core profiles, US Core). Otherwise each resource that one release accepts and another
does not is a vote, such as an Encounter with `actualPeriod` (R5), a MedicationRequest whose
`medication` is an object (R5), or a MedicinalProduct (R4). Most resources are alike in all
releases; without any vote the delivery is read as R4, which is by far the most common.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

import orjson

from medplatform.modalities.ehr.conformance.verdict import accepts, find_issues
from medplatform.modalities.ehr.definitions import Release

_MOST_RESOURCES = 500
_MOST_ASKED = 20
_RELEASES = (Release.R4, Release.R4B, Release.R5)  # the first of equals wins
_VERSION = re.compile(r"(4\.0|4\.3|5\.0)(?:\.[0-9]+)?")
_CORE_PROFILE = re.compile(
    r"http://hl7\.org/fhir/(?:(4\.0|4\.3|5\.0)/)?StructureDefinition/[A-Za-z]+"
    r"(?:\|(4\.0|4\.3|5\.0)\.[0-9]+)?"
)
_US_CORE = "http://hl7.org/fhir/us/core/"


class Detected(NamedTuple):
    """A release, and what it was found by."""

    release: Release
    basis: Literal["declared", "content", "default"]


def find_release(resources: Iterable[bytes]) -> Detected:
    """The release of a delivery, from the bytes of resources; the first 500 are looked at.

    Bundles are opened. What is no JSON object is passed over. Never raises for bad content.
    """
    samples = list(islice(_open(resources), _MOST_RESOURCES))
    if declared := Counter(release for each in samples for release in _read_claims(each)):
        return Detected(_most_common(declared), "declared")
    votes: Counter[Release] = Counter()
    asked = 0
    for sample in samples:
        takers = [release for release in _RELEASES if accepts(sample, release)]
        if not takers and asked < _MOST_ASKED:
            asked += 1
            takers = [release for release in _RELEASES if not find_issues(sample, release)]
        if len(takers) < len(_RELEASES):
            votes.update(takers)
    return Detected(_most_common(votes), "content") if votes else Detected(Release.R4, "default")


def _most_common(counts: Counter[Release]) -> Release:
    return max(_RELEASES, key=lambda release: counts[release])


def _open(resources: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The parsed resources, and those right inside Bundles."""
    for raw in resources:
        try:
            content = orjson.loads(raw)
        except orjson.JSONDecodeError:
            continue
        if isinstance(content, dict):
            yield content
            if content.get("resourceType") == "Bundle":
                for entry in _items(content.get("entry")):
                    if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
                        yield entry["resource"]


def _read_claims(content: dict[str, Any]) -> Iterator[Release]:
    """The releases that a resource says it is in."""
    for version in _items(content.get("fhirVersion")):
        if isinstance(version, str) and (match := _VERSION.fullmatch(version)):
            yield Release(match[1])
    meta = content.get("meta")
    for profile in _items(meta.get("profile") if isinstance(meta, dict) else None):
        if not isinstance(profile, str):
            continue
        if profile.startswith(_US_CORE):
            yield Release.R4
        elif (match := _CORE_PROFILE.fullmatch(profile)) and (match[1] or match[2]):
            yield Release(match[1] or match[2])


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
