"""The codes of a value set, as far as the package itself lists them.

An expansion counts, and a compose of listed concepts, of whole code systems whose complete content
was read, and of other value sets. Filters (`is-a`, properties) and code systems that were not read
would need a terminology server: such a value set is not resolved, and the binding not checked.
FHIR R4, ValueSet 4.9.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from medplatform.modalities.ehr.profiles.package import Package

Code = tuple[str, str]


class Unresolved(Exception):
    """The package does not say which codes there are; the message says why."""


@dataclass(frozen=True, slots=True)
class Codes:
    """The (system, code) pairs of a value set, and its codes for elements without a system."""

    pairs: frozenset[Code]
    bare: frozenset[str]

    def hold(self, value: Any) -> bool:
        """Whether a code, Coding, Quantity, CodeableConcept or CodeableReference is in it."""
        if isinstance(value, str):
            return value in self.bare
        if not isinstance(value, dict):
            return False
        concept = value.get("concept")
        if isinstance(concept, dict):
            value = concept
        codings = value.get("coding")
        if isinstance(codings, list):
            return any(self._holds_coding(coding) for coding in codings)
        return self._holds_coding(value)

    def _holds_coding(self, coding: Any) -> bool:
        if not isinstance(coding, dict):
            return False
        system, code = coding.get("system"), coding.get("code")
        return isinstance(system, str) and isinstance(code, str) and (system, code) in self.pairs


class Terminology:
    """Resolves value sets of a package."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._known: dict[str, Codes | Unresolved] = {}

    def codes(self, canonical: str) -> Codes:
        """The codes of a value set.

        Raises:
            Unresolved: They are not in the package.
        """
        if canonical not in self._known:
            try:
                pairs = frozenset(self._value_set(canonical, frozenset()))
                self._known[canonical] = Codes(pairs, frozenset(code for _, code in pairs))
            except Unresolved as reason:
                self._known[canonical] = reason
        found = self._known[canonical]
        if isinstance(found, Unresolved):
            raise found
        return found

    def _value_set(self, canonical: str, above: frozenset[str]) -> set[Code]:
        value_set = self._package.find("ValueSet", canonical)
        if value_set is None:
            raise Unresolved("the value set was not read")
        if canonical in above:
            raise Unresolved("the value set includes itself")
        expansion = value_set.get("expansion")
        if expansion:
            return _expanded(expansion)
        compose = value_set.get("compose")
        if not compose:
            raise Unresolved("the value set has neither expansion nor compose")
        above |= {canonical}
        codes: set[Code] = set()
        for part in compose.get("include") or ():
            codes |= self._part(part, above)
        for part in compose.get("exclude") or ():
            codes -= self._part(part, above)
        return codes

    def _part(self, part: dict[str, Any], above: frozenset[str]) -> set[Code]:
        """An include or exclude: what its system and all its value sets have in common."""
        if part.get("filter"):
            raise Unresolved("the value set is defined by a filter")
        sets = [self._system(part)] if "system" in part else []
        sets += [self._value_set(canonical, above) for canonical in part.get("valueSet") or ()]
        return set.intersection(*sets) if sets else set()

    def _system(self, part: dict[str, Any]) -> set[Code]:
        system = part["system"]
        if part.get("concept"):
            return {(system, concept["code"]) for concept in part["concept"]}
        version = part.get("version")
        canonical = f"{system}|{version}" if version else system
        code_system = self._package.find("CodeSystem", canonical)
        if code_system is None or code_system.get("content") != "complete":
            raise Unresolved("a code system of the value set was not read")
        return {(system, code) for code in _concepts(code_system.get("concept") or ())}


def _expanded(expansion: dict[str, Any]) -> set[Code]:
    entries = list(_entries(expansion.get("contains") or ()))
    if expansion.get("total", 0) > len(entries):
        raise Unresolved("the expansion of the value set is not complete")
    return {
        (entry.get("system", ""), entry["code"])
        for entry in entries
        if "code" in entry and not entry.get("abstract")
    }


def _entries(contains: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in contains:
        yield entry
        yield from _entries(entry.get("contains") or ())


def _concepts(concepts: Iterable[dict[str, Any]]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _concepts(concept.get("concept") or ())
