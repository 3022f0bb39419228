"""Profiles applied to accepted resources: noted as warnings, or reasons to refuse."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from medplatform.modalities.ehr.configuration import Configuration
from medplatform.modalities.ehr.issue import Issue
from medplatform.modalities.ehr.profiles import Presence, ProfileSet

MAX_ISSUES = 5
"""Per record."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of an installation; `rejects` tells that a broken one refuses the resource."""

    definitions: ProfileSet
    rejects: bool

    @classmethod
    def of(cls, configuration: Configuration) -> "Profiles | None":
        """Those that are configured, if any.

        Raises
        ------
        ProfileError
            A definition cannot be used; the message names its file.
        """
        if not configuration.profiles or configuration.profile_policy == "off":
            return None
        definitions = ProfileSet.read(configuration.profiles, assigned=configuration.assigned)
        return cls(definitions, rejects=configuration.profile_policy == "reject")

    def check(
        self, content: Mapping[str, Any], resource_type: str, presence: Presence
    ) -> list[Issue]:
        """What a resource does not follow, at most `MAX_ISSUES`; errors refuse it."""
        return list(islice(self._find(content, resource_type, presence), MAX_ISSUES))

    def _find(
        self, content: Mapping[str, Any], resource_type: str, presence: Presence
    ) -> Iterator[Issue]:
        for found in self.definitions.check(content, resource_type, presence):
            where = f" ({found.profile}, {found.rule})" if found.profile else ""
            is_error = self.rejects and found.severity == "error"
            yield Issue(
                found.code,
                found.reason + where,
                found.element,
                severity="error" if is_error else "warning",
            )
