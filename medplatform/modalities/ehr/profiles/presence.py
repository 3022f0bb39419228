"""How often the elements that a profile must support are there: counts, never values.

An element is present where it exists in the sense of FHIRPath: with a value, or with an extension
in its place (such as data-absent-reason).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class PresenceRow(NamedTuple):
    """`present` of `resources` resources checked against `profile` have the element."""

    profile: str
    element: str
    resources: int
    present: int


@dataclass(slots=True)
class Presence:
    """Counts per profile and element; counts of several workers are merged with `add`."""

    _resources: dict[str, int] = field(default_factory=dict)
    _present: dict[str, dict[str, int]] = field(default_factory=dict)

    def count(self, profile: str, elements: Iterable[str], present: Iterable[str]) -> None:
        """Count one resource: the elements to be supported, and those of them it has."""
        self._resources[profile] = self._resources.get(profile, 0) + 1
        counts = self._present.get(profile)
        if counts is None:
            counts = self._present[profile] = dict.fromkeys(elements, 0)
        for element in present:
            counts[element] += 1

    def add(self, other: "Presence") -> None:
        """Add the counts of another."""
        for profile, resources in other._resources.items():
            self._resources[profile] = self._resources.get(profile, 0) + resources
        for profile, elements in other._present.items():
            counts = self._present.setdefault(profile, {})
            for element, present in elements.items():
                counts[element] = counts.get(element, 0) + present

    def rows(self) -> Iterator[PresenceRow]:
        """One row per profile and must-support element, those never present too."""
        for profile in sorted(self._present):
            for element, present in self._present[profile].items():
                yield PresenceRow(profile, element, self._resources[profile], present)
