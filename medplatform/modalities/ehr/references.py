"""From the references of a delivery to references between pseudonyms.

A rewritten reference is always `Type/<pseudonym>`; of a contained resource `#<pseudonym>`. The
pseudonym of a Patient is their `patient_id`, so that references join with every other table.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from medplatform.modalities.ehr.index import ResourceIndex
from medplatform.modalities.ehr.literal import read_literal
from medplatform.privacy import Identity, Subject

CONTAINED = "contained"
_URN = re.compile(r"urn:(?:uuid|oid):(.+)")


def find_target(reference: str, aliases: Mapping[str, str]) -> tuple[str | None, str] | None:
    """Type and id that a reference names (FHIR R4, References, 2.3.0.3), or None.

    `aliases` are the fullUrls of the Bundle that it stands in (`Type/id`). A URN names an id
    alone, so its type is None. A search (`Patient?identifier=…`) names nothing by itself.

    >>> find_target("https://example.org/fhir/Patient/p1/_history/2", {})
    ('Patient', 'p1')
    """
    reference = aliases.get(reference, reference)
    if literal := read_literal(reference):
        return literal.resource_type, literal.resource_id
    if urn := _URN.fullmatch(reference):
        return None, urn[1]
    return None


def patient_namespace(source: str | None) -> str:
    """Where the ids of Patients are unique: one FHIR server."""
    return f"fhir:Patient@{source}" if source else "fhir:Patient"


class References:
    """Rewrites the references of one batch, each distinct one once.

    `literal` gives the literal reference for a search that names a Patient.
    """

    def __init__(
        self,
        identity: Identity,
        index: ResourceIndex,
        aliases: Mapping[str, str],
        source: str | None = None,
        literal: Callable[[str], str | None] = lambda search: None,
    ) -> None:
        self._identity = identity
        self._literal = literal
        self._source = source
        self._index = index
        self._aliases = aliases
        self._resolved: set[str] = set()

    def rewrite(self, references: Sequence[str]) -> list[str | None]:
        """References between pseudonyms; None where one names no resource that is known.

        A URN is of the type that the delivered resource of its id has; where none has it, it may
        be a Patient of an earlier delivery.
        """
        targets = [self._target(reference) for reference in references]
        delivered = self._index.types_of([target[1] if target else "" for target in targets])
        published: list[str | None] = [None] * len(references)
        by_type: dict[str, list[int]] = {}
        for place, (reference, target, types) in enumerate(
            zip(references, targets, delivered, strict=True)
        ):
            resource_type = target[0] if target else None
            if target and resource_type is None and len(types) == 1:
                resource_type = types[0]
            elif target and resource_type is None and not types and self._patient(target[1]):
                resource_type = "Patient"
            if reference.startswith("#"):
                published[place] = f"#{self.tokens(CONTAINED, [reference[1:]])[0]}"
            elif resource_type:
                by_type.setdefault(resource_type, []).append(place)
        for resource_type, places in by_type.items():
            tokens = self.tokens(resource_type, [targets[place][1] for place in places])  # pyright: ignore[reportOptionalSubscript]
            for place, token in zip(places, tokens, strict=True):
                published[place] = f"{resource_type}/{token}"
                if resource_type in delivered[place]:
                    self._resolved.add(f"{resource_type}/{token}")
        return published

    def _target(self, reference: str) -> tuple[str | None, str] | None:
        target = find_target(reference, self._aliases)
        if target is None and (literal := self._literal(reference)):
            return find_target(literal, {})
        return target

    def tokens(self, resource_type: str, resource_ids: Sequence[str]) -> list[str]:
        """The pseudonyms of resource ids; of a Patient that is known, their `patient_id`."""
        tokens = self.local_tokens(resource_type, resource_ids)
        if resource_type != "Patient":
            return tokens
        subjects = map(self._patient, resource_ids)
        return [s.patient_id if s else t for s, t in zip(subjects, tokens, strict=True)]

    def _patient(self, local_id: str) -> Subject | None:
        """The patient whom an id names, of this delivery or an earlier one of its source."""
        return self._identity.linked(patient_namespace(self._source), local_id)

    def local_tokens(self, resource_type: str, resource_ids: Sequence[str]) -> list[str]:
        """The pseudonyms of ids as such: two Patients of one person have two."""
        values = [resource_id.encode() for resource_id in resource_ids]
        return self._identity.tokens(self.kind(resource_type), values).astype(str).tolist()

    def kind(self, resource_type: str) -> str:
        """Kind of the tokens of a type's ids: one server's are not another's."""
        return f"{self._source}/{resource_type}" if self._source else resource_type

    def is_resolved(self, published: str) -> bool:
        """Whether the target of a rewritten reference is part of the delivery."""
        return published in self._resolved
