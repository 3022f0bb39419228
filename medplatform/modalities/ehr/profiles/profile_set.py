"""The profiles of an installation: read once, then checked against every resource."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from medplatform.modalities.ehr.profiles.base import CORE, is_resource
from medplatform.modalities.ehr.profiles.checks import (
    Body,
    Place,
    contained_resources,
    write_path,
)
from medplatform.modalities.ehr.profiles.compiler import Compiler
from medplatform.modalities.ehr.profiles.issue import Gap, ProfileError, ProfileIssue, Severity
from medplatform.modalities.ehr.profiles.package import Package
from medplatform.modalities.ehr.profiles.presence import Presence
from medplatform.modalities.ehr.profiles.terminology import Terminology
from medplatform.modalities.ehr.profiles.tree import Tree, build_tree
from medplatform.modalities.ehr.profiles.value_tests import CompiledProfile


class ProfileSet:
    """Compiled profiles.

    A resource is checked against the profiles that it claims in `meta.profile` and those that are
    assigned to its type. Contained resources are checked against their own claims. Targets of
    references are judged by their type alone. Pickles as its definitions and compiles again.
    """

    def __init__(
        self, package: Package, assigned: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Compile every profile on a type of resource.

        Args:
            package: The definitions.
            assigned: Type of resource -> canonicals of profiles that each such resource must
                follow, whether it claims them or not.

        Raises:
            ProfileError: A definition is not valid, or an assigned profile was not read or is on
                another type.
        """
        self.terminology = Terminology(package)
        self._package = package
        self._assigned = {name: tuple(profiles) for name, profiles in (assigned or {}).items()}
        self._trees: dict[int, Tree] = {}
        self._compiled: dict[int, CompiledProfile] = {}
        self._claims: dict[str, CompiledProfile] = {}
        self._gaps: dict[str, list[Gap]] = {}
        for definition in package.definitions():
            if definition.get("derivation") == "constraint" and _is_on_resource(definition):
                self._compile(definition)
        self._of_type = {
            name: tuple(self._assigned_profile(name, canonical) for canonical in profiles)
            for name, profiles in self._assigned.items()
        }

    @classmethod
    def read(
        cls, paths: Iterable[Path], *, assigned: Mapping[str, Sequence[str]] | None = None
    ) -> "ProfileSet":
        """Read JSON files, folders of them and `.tgz` FHIR packages.

        Raises:
            ProfileError: A file cannot be used, or there is no profile in them.
        """
        paths = [Path(path) for path in paths]
        package = Package.read(paths)
        if not any(package.definitions()):
            listed = ", ".join(str(path) for path in paths)
            raise ProfileError(f"{listed}: no StructureDefinition found. Name a FHIR package.")
        return cls(package, assigned)

    def __reduce__(self) -> tuple[Any, ...]:
        return (ProfileSet, (self._package, self._assigned))

    def profiles(self) -> list[str]:
        """The canonical URLs of the profiles on resources, sorted."""
        return sorted(
            profile.url
            for profile in self._compiled.values()
            if is_resource(profile.type_code, "4.3.0")
        )

    def gaps(self) -> list[Gap]:
        """Every rule of the profiles that is not checked, and why."""
        return sorted({gap for gaps in self._gaps.values() for gap in gaps})

    def check(
        self,
        resource: Mapping[str, Any],
        resource_type: str,
        presence: Presence | None = None,
    ) -> list[ProfileIssue]:
        """Check one parsed resource; never raises for what is in it.

        Args:
            resource: As orjson parses it.
            resource_type: Its type.
            presence: Where the must-support elements are counted, if they are.
        """
        issues: list[ProfileIssue] = []
        place: Place = (None, resource_type, None)
        profiles = dict.fromkeys(self._of_type.get(resource_type, ()))
        profiles |= dict.fromkeys(self._claimed(resource, resource_type, place, issues))
        for profile in profiles:
            if presence is None:
                profile.run(resource, place, resource, issues)
                continue
            present: set[str] = set()
            profile.run(resource, place, resource, issues, present)
            presence.count(profile.url, profile.must_support, present)
        for index, inner in contained_resources(resource):
            inner_type, at = str(inner.get("resourceType")), (place, "contained", index)
            for profile in self._claimed(inner, inner_type, at, issues):
                profile.run(inner, at, resource, issues)
        return list(dict.fromkeys(issues)) if issues else issues

    def tree_of(self, canonical: str) -> Tree | None:
        """The tree of a profile that was read."""
        definition = self._package.find("StructureDefinition", canonical)
        return None if definition is None else self._tree(definition)

    def compiled(self, canonical: str) -> CompiledProfile | None:
        """A profile that was read, compiled."""
        definition = self._package.find("StructureDefinition", canonical)
        return None if definition is None else self._compile(definition)

    def target_types(self, canonicals: tuple[str, ...]) -> frozenset[str] | None:
        """The types of resource that target profiles stand for; None if one was not read."""
        types = set()
        for canonical in canonicals:
            definition = self._package.find("StructureDefinition", canonical)
            name = canonical.partition("|")[0].removeprefix(CORE)
            if definition is not None:
                types.add(definition["type"])
            elif is_resource(name, "4.3.0"):
                types.add(name)
            else:
                return None
        return frozenset(types)

    def _claimed(
        self,
        resource: Mapping[str, Any],
        resource_type: str,
        place: Place,
        issues: list[ProfileIssue],
    ) -> list[CompiledProfile]:
        """The profiles of a resource's claims; claims that cannot be followed become issues."""
        meta = resource.get("meta")
        claims = meta.get("profile") if isinstance(meta, dict) else None
        profiles = []
        for index, claim in enumerate(claims if isinstance(claims, list) else ()):
            profile = self._claim(claim) if isinstance(claim, str) else None
            if profile is not None and profile.type_code == resource_type:
                profiles.append(profile)
                continue
            at = ((place, "meta", None), "profile", index)
            if profile is None:
                issues.append(_issue("profile.unknown", at, "", "information"))
            else:
                issues.append(_issue("profile.resource_type", at, profile.url, "error"))
        return profiles

    def _claim(self, canonical: str) -> CompiledProfile | None:
        known = self._claims.get(canonical)
        if known is None and (known := self.compiled(canonical)) is not None:
            self._claims[canonical] = known
        return known

    def _assigned_profile(self, name: str, canonical: str) -> CompiledProfile:
        profile = self.compiled(canonical)
        if profile is None:
            raise ProfileError(f"{canonical}: assigned to {name}, but not among the definitions.")
        if profile.type_code != name:
            raise ProfileError(f"{canonical}: assigned to {name}, but on {profile.type_code}.")
        return profile

    def _tree(self, definition: dict[str, Any]) -> Tree:
        key = id(definition)
        if key not in self._trees:
            self._trees[key] = build_tree(definition, self._package)
        return self._trees[key]

    def _compile(self, definition: dict[str, Any]) -> CompiledProfile:
        key = id(definition)
        if key not in self._compiled:
            tree = self._tree(definition)
            profile = CompiledProfile(tree.url, tree.resource_type, Body())
            # Known before it is filled: an extension may hold itself.
            self._compiled[key] = profile
            compiler = Compiler(tree, self)
            compiler.compile_root(profile.body)
            profile.must_support = tuple(compiler.must_support)
            self._gaps[f"{tree.url}|{definition.get('version', '')}"] = compiler.gaps
        return self._compiled[key]


def _is_on_resource(definition: dict[str, Any]) -> bool:
    return definition.get("kind") == "resource"


def _issue(code: str, place: Place, profile: str, severity: Severity) -> ProfileIssue:
    return ProfileIssue(code, write_path(place), profile, "", severity)
