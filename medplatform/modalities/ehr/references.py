"""From the references of a delivery to references between pseudonyms.

A rewritten reference is always `Type/<pseudonym>`; of a contained resource `#<pseudonym>`. The
pseudonym of a Patient is their `patient_id`, so that references join with every other table.
"""

import re
from collections.abc import Mapping

from medplatform.modalities.ehr.index import ResourceIndex
from medplatform.privacy import Identity

CONTAINED = "contained"
# Type/id, relative or at the end of an absolute URL, with or without a version.
_LITERAL = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?$")
_URN = re.compile(r"urn:(?:uuid|oid):(.+)")


def find_target(
    reference: str, aliases: Mapping[str, str], index: ResourceIndex | None = None
) -> tuple[str | None, str] | None:
    """Type and id that a reference names (FHIR R4, References, 2.3.0.3), or None.

    `aliases` are the fullUrls of the Bundle that it stands in (`Type/id`). A URN names an id
    alone: the type is that of the delivered resource of that id, or None. A search
    (`Patient?identifier=…`) names nothing.

    >>> find_target("https://example.org/fhir/Patient/p1/_history/2", {})
    ('Patient', 'p1')
    """
    reference = aliases.get(reference, reference)
    if literal := _LITERAL.search(reference):
        return literal[1], literal[2]
    if urn := _URN.fullmatch(reference):
        types = index.types_of(urn[1]) if index else set()
        return (types.pop() if len(types) == 1 else None), urn[1]
    return None


def patient_namespace(source: str | None) -> str:
    """Where the ids of Patients are unique: one FHIR server."""
    return f"fhir:Patient@{source}" if source else "fhir:Patient"


class References:
    """Rewrites the references of one batch, each distinct one once."""

    def __init__(
        self,
        identity: Identity,
        index: ResourceIndex,
        aliases: Mapping[str, str],
        source: str | None = None,
    ) -> None:
        self._identity = identity
        self._source = source
        self._index = index
        self._aliases = aliases
        self._resolved: set[str] = set()

    def rewrite(self, reference: str) -> str | None:
        """The reference between pseudonyms; None where it names no resource that is known."""
        if reference.startswith("#"):
            return f"#{self.token(CONTAINED, reference[1:])}"
        target = find_target(reference, self._aliases, self._index)
        if target is None:
            return None
        resource_type, resource_id = target
        if resource_type is None:
            return None
        published = f"{resource_type}/{self.token(resource_type, resource_id)}"
        if resource_type in self._index.types_of(resource_id):
            self._resolved.add(published)
        return published

    def token(self, resource_type: str, resource_id: str) -> str:
        """The pseudonym of a resource id."""
        if resource_type == "Patient":
            subject = self._identity.linked(patient_namespace(self._source), resource_id)
            if subject:
                return subject.patient_id
        kind = f"{self._source}/{resource_type}" if self._source else resource_type
        return self._identity.token(kind, resource_id)

    def is_resolved(self, published: str) -> bool:
        """Whether the target of a rewritten reference is part of the delivery."""
        return published in self._resolved
