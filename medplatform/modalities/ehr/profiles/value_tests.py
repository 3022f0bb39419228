"""Tests of one value: fixed, pattern, binding, length, reference target, resource type, profile."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medplatform.modalities.ehr.profiles.base import is_resource
from medplatform.modalities.ehr.profiles.checks import Body, Place, Run
from medplatform.modalities.ehr.profiles.issue import ProfileIssue
from medplatform.modalities.ehr.profiles.match import Matcher
from medplatform.modalities.ehr.profiles.terminology import Codes

# FHIR R4, References 2.3.0.1: [base/]Type/id[/_history/version], or a conditional Type?query.
_TYPED_REFERENCE = re.compile(
    r"(?:.*/)?([A-Z][A-Za-z]+)(?:/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?|\?.*)"
)


@dataclass(slots=True)
class ValueTest:
    """fixed[x] or pattern[x]; a value that is absent with an extension in its place passes."""

    code: str
    rule: str
    matches: Matcher

    def run(self, value: Any, place: Place, run: Run) -> None:
        """Report a value that does not match."""
        if value is not None and not self.matches(value):
            run.report(self.code, place, self.rule)


@dataclass(slots=True)
class BindingTest:
    """A required binding."""

    rule: str
    codes: Codes

    def run(self, value: Any, place: Place, run: Run) -> None:
        """Report a code that is not in the value set."""
        if value is not None and not self.codes.hold(value):
            run.report("profile.binding", place, self.rule)


@dataclass(slots=True)
class LengthTest:
    """maxLength, in characters."""

    rule: str
    length: int

    def run(self, value: Any, place: Place, run: Run) -> None:
        """Report a longer text."""
        if isinstance(value, str) and len(value) > self.length:
            run.report("profile.max_length", place, self.rule)


@dataclass(slots=True)
class TargetTest:
    """The types a reference may point to; one that does not show its target's type passes."""

    rule: str
    types: frozenset[str]
    fhir_version: str

    def run(self, value: Any, place: Place, run: Run) -> None:
        """Report a reference to another type."""
        found = referenced_type(value, run.root)
        if found is None or found in self.types:
            return
        if is_resource(found, self.fhir_version):
            run.report("profile.target", place, self.rule)


@dataclass(slots=True)
class ResourceTypeTest:
    """The types of resource that may stand inside another."""

    rule: str
    types: frozenset[str]

    def run(self, value: Any, place: Place, run: Run) -> None:
        """Report a resource of another type."""
        if isinstance(value, dict) and value.get("resourceType") not in self.types:
            run.report("profile.type", place, self.rule)


@dataclass(slots=True)
class ProfileTest:
    """A value that must follow a profile of its own, or one of several.

    The issues of a single profile are reported as they are; of several, that none is followed.
    """

    rule: str
    profiles: Sequence["CompiledProfile"]

    def run(self, value: Any, place: Place, run: Run) -> None:
        """Report what the value does not follow."""
        if not isinstance(value, dict):
            return
        if len(self.profiles) == 1:
            self.profiles[0].run(value, place, run.root, run.issues)
        elif not any(profile.accepts(value, run.root) for profile in self.profiles):
            run.report("profile.type", place, self.rule)


@dataclass(slots=True, eq=False)
class CompiledProfile:
    """A profile ready to run; `must_support` holds the ids of the elements that are counted."""

    url: str
    type_code: str
    body: Body
    must_support: tuple[str, ...] = ()

    def run(
        self,
        value: Mapping[str, Any],
        place: Place,
        root: Mapping[str, Any],
        issues: list[ProfileIssue],
        present: set[str] | None = None,
    ) -> None:
        """Check a resource, or a value inside one, and add what is found to `issues`."""
        self.body.run(value, None, place, Run(self.url, root, issues, present))

    def accepts(self, value: Any, root: Mapping[str, Any] | None = None) -> bool:
        """Whether the value follows the profile (warnings aside)."""
        if not isinstance(value, dict):
            return False
        issues: list[ProfileIssue] = []
        self.run(value, (None, self.type_code, None), value if root is None else root, issues)
        return not any(issue.severity == "error" for issue in issues)


def referenced_type(reference: Any, root: Mapping[str, Any]) -> str | None:
    """The type of resource that a Reference points to, as far as the reference itself shows it."""
    if not isinstance(reference, dict):
        return None
    inner = reference.get("reference")
    if isinstance(inner, dict):
        # A CodeableReference holds its Reference under this name.
        return referenced_type(inner, root)
    if isinstance(inner, str):
        if inner.startswith("#"):
            return _contained_type(inner[1:], root)
        found = _TYPED_REFERENCE.fullmatch(inner)
        if found:
            return found[1]
    stated = reference.get("type")
    return stated.rpartition("/")[2] if isinstance(stated, str) else None


def _contained_type(identifier: str, root: Mapping[str, Any]) -> str | None:
    candidates = [root] if not identifier else root.get("contained")
    for resource in candidates if isinstance(candidates, list) else ():
        if isinstance(resource, dict) and (not identifier or resource.get("id") == identifier):
            found = resource.get("resourceType")
            return found if isinstance(found, str) else None
    return None
