"""Profiles written for one test, and the public US Core package."""

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from medplatform.modalities.ehr.profiles import ProfileIssue, ProfileSet

BASE = "https://profiles.example/"
CORE = "http://hl7.org/fhir/StructureDefinition/"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
US_CORE_VERSION = "9.0.0"


def element(path: str, **content: Any) -> dict[str, Any]:
    """An element definition; `path` is its id, from which path and sliceName follow."""
    parts = [part.partition(":") for part in path.split(".")]
    named = {"sliceName": parts[-1][2]} if parts[-1][2] else {}
    return {"id": path, "path": ".".join(part[0] for part in parts), **named, **content}


def profile(name: str, *elements: dict[str, Any], **content: Any) -> dict[str, Any]:
    """A differential profile on the type that its elements name."""
    type_name = elements[0]["path"].partition(".")[0]
    is_resource = type_name not in ("Extension", "Quantity", "Coding")
    return {
        "resourceType": "StructureDefinition",
        "url": BASE + name,
        "type": type_name,
        "kind": "resource" if is_resource else "complex-type",
        "derivation": "constraint",
        "baseDefinition": CORE + type_name,
        "fhirVersion": "4.0.1",
        "differential": {"element": list(elements)},
        **content,
    }


def extension(name: str, *elements: dict[str, Any]) -> dict[str, Any]:
    """An extension definition."""
    return profile(name, element("Extension.url", fixedUri=BASE + name), *elements)


def value_set(name: str, *include: dict[str, Any], **content: Any) -> dict[str, Any]:
    """A value set by composition."""
    composed = {"compose": {"include": list(include)}} if include else {}
    return {"resourceType": "ValueSet", "url": BASE + name, **composed, **content}


def found(issues: list[ProfileIssue]) -> list[tuple[str, str]]:
    """Code and element of each issue."""
    return [(issue.code, issue.element) for issue in issues]


Make = Callable[..., ProfileSet]
Check = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A profile set from resources."""

    def write(*resources: dict[str, Any], **options: Any) -> ProfileSet:
        folder = tmp_path / f"package-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for number, resource in enumerate(resources):
            (folder / f"{number:03}.json").write_text(json.dumps(resource))
        return ProfileSet.read([folder], **options)

    return write


@pytest.fixture
def check(make: Make) -> Iterator[Check]:
    """Check one resource against the first of some definitions."""
    known: dict[str, ProfileSet] = {}

    def run(resource: dict[str, Any], *definitions: dict[str, Any]) -> list[tuple[str, str]]:
        first = definitions[0]
        key = json.dumps(definitions)
        if key not in known:
            known.clear()
            known[key] = make(*definitions, assigned={first["type"]: [first["url"]]})
        return found(known[key].check(resource, first["type"]))

    yield run


@pytest.fixture(scope="session")
def us_core_folder(fhir_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The US Core sources, unpacked: `resources` and `examples`."""
    archive = fhir_data / "us-core" / "us-core-examples-and-profiles.tar.gz"
    if not archive.is_file():
        pytest.skip("the US Core sources are not among the public data")
    folder = tmp_path_factory.mktemp("us-core")
    with tarfile.open(archive) as members:
        members.extractall(folder, filter="data")
    for path in (folder / "resources").glob("*.json"):
        # Some sources carry the version of their first edition; publishing gives all this one.
        content = orjson.loads(path.read_bytes())
        path.write_bytes(orjson.dumps({**content, "version": US_CORE_VERSION}))
    return folder


@pytest.fixture(scope="session")
def us_core(us_core_folder: Path) -> ProfileSet:
    return ProfileSet.read([us_core_folder / "resources"])


@pytest.fixture(scope="session")
def core_folder(fhir_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base StructureDefinitions of R4B, unpacked."""
    archive = fhir_data / "r4b-core" / "r4b-structuredefinitions-resources-datatypes.tar.gz"
    if not archive.is_file():
        pytest.skip("the base definitions of R4B are not among the public data")
    folder = tmp_path_factory.mktemp("r4b-core")
    with tarfile.open(archive) as members:
        members.extractall(folder, filter="data")
    return folder
