"""Reads conformance resources: StructureDefinition, ValueSet and CodeSystem.

They come from JSON files, folders of them (searched to any depth) and npm FHIR packages (`.tgz`);
a Bundle counts as its entries. Everything else in a folder is passed over. Nothing is downloaded.
"""

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from medplatform.modalities.ehr.profiles.issue import ProfileError

MAX_FILE_BYTES = 64 * 1024 * 1024
_KINDS = frozenset({"StructureDefinition", "ValueSet", "CodeSystem"})
_ARCHIVES = (".tgz", ".tar.gz")


@dataclass(frozen=True, slots=True)
class Package:
    """Conformance resources by kind, canonical URL and business version ("" where none)."""

    resources: dict[str, dict[str, dict[str, dict[str, Any]]]] = field(
        default_factory=lambda: {kind: {} for kind in sorted(_KINDS)}
    )

    @classmethod
    def read(cls, paths: Iterable[Path]) -> "Package":
        """Read files, folders and packages.

        Raises:
            ProfileError: A file is absent, too large, no JSON, a conformance resource without
                url, or the same url and version stands twice with different content.
        """
        package = cls()
        for path in paths:
            for label, content in _documents(Path(path)):
                for resource in _conformance_resources(content):
                    package._add(resource, label)
        return package

    def find(self, kind: str, canonical: str) -> dict[str, Any] | None:
        """The resource that a canonical names, the latest version where it names none.

        A resource without a version answers to every version (a package's sources have none).
        """
        url, _, version = canonical.partition("|")
        versions = self.resources[kind].get(url)
        if not versions:
            return None
        if version:
            return versions.get(version) or versions.get("")
        return versions[max(versions, key=_version_order)]

    def definitions(self) -> Iterator[dict[str, Any]]:
        """Every StructureDefinition, in the order in which they were read."""
        for versions in self.resources["StructureDefinition"].values():
            yield from versions.values()

    def _add(self, resource: dict[str, Any], label: str) -> None:
        kind, url = resource["resourceType"], resource.get("url")
        if not isinstance(url, str) or not url:
            raise ProfileError(f"{label}: the {kind} has no url. Complete it.")
        if kind == "StructureDefinition":
            _check_definition(resource, label)
        versions = self.resources[kind].setdefault(url, {})
        known = versions.setdefault(resource.get("version") or "", resource)
        if known is not resource and known != resource:
            raise ProfileError(
                f"{label}: {url} was read before with the same version and other content. "
                "Take one of them out."
            )


def _documents(path: Path) -> Iterator[tuple[str, Any]]:
    """Labels and parsed contents of the JSON files at a path."""
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield from _documents(file)
    elif not path.is_file():
        raise ProfileError(f"{path}: there is no such file or folder.")
    elif path.name.endswith(_ARCHIVES):
        yield from _members(path)
    else:
        _check_size(path.stat().st_size, str(path))
        yield str(path), _parse(path.read_bytes(), str(path))


def _members(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if not member.isfile() or not member.name.endswith(".json"):
                    continue
                label = f"{path}:{member.name}"
                _check_size(member.size, label)
                content = archive.extractfile(member)
                yield label, _parse(content.read() if content else b"", label)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ProfileError(f"{path}: not a readable .tgz package. Fetch it again.") from error


def _check_size(size: int, label: str) -> None:
    if size > MAX_FILE_BYTES:
        raise ProfileError(f"{label}: larger than {MAX_FILE_BYTES >> 20} MiB. Split it.")


def _parse(raw: bytes, label: str) -> Any:
    try:
        return orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise ProfileError(f"{label}: not valid JSON (line {error.lineno}). Correct it.") from error


def _conformance_resources(content: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(content, dict):
        return
    if content.get("resourceType") == "Bundle":
        for entry in content.get("entry") or ():
            if isinstance(entry, dict):
                yield from _conformance_resources(entry.get("resource"))
    elif content.get("resourceType") in _KINDS:
        yield content


def _check_definition(definition: dict[str, Any], label: str) -> None:
    """Refuse what cannot be compiled, while the file is still known."""
    if not isinstance(definition.get("type"), str):
        raise ProfileError(f"{label}: the StructureDefinition has no type. Complete it.")
    elements = elements_of(definition)
    if not elements:
        raise ProfileError(f"{label}: neither snapshot nor differential has elements. Complete it.")
    for number, element in enumerate(elements):
        if not isinstance(element, dict) or not isinstance(element.get("path"), str):
            raise ProfileError(f"{label}: element {number} has no path. Complete it.")


def elements_of(definition: dict[str, Any]) -> list[dict[str, Any]]:
    """The snapshot's elements, else the differential's."""
    for view in ("snapshot", "differential"):
        content = definition.get(view)
        if isinstance(content, dict) and isinstance(content.get("element"), list):
            return content["element"]
    return []


def _version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Numbers by size, words by letter; a release is later than its pre-releases."""
    release, _, pre = version.partition("-")
    parts = [*release.split("."), pre or "~"]
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
