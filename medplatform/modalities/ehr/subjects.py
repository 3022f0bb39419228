"""Who a FHIR resource is about: identifiers of Patients, references of everything else."""

import re
from collections.abc import Mapping

from medplatform.modalities.ehr.element import Element
from medplatform.modalities.ehr.issue import Issue, Refused, refused
from medplatform.privacy import Identity, Subject, UnresolvedSubject

NAMESPACE = "fhir:Patient"
_IDENTIFIER_TYPES = (
    "http://terminology.hl7.org/CodeSystem/v2-0203",
    "http://hl7.org/fhir/v2/0203",
)
_RECORD_NUMBER = "MR"
# Type/id, relative or at the end of an absolute URL, with or without a version.
_LITERAL = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?$")
_URN = re.compile(r"urn:(?:uuid|oid):(.+)")


def find_id(reference: str, resource_type: str, aliases: Mapping[str, str]) -> str | None:
    """The id that a reference names (FHIR R4, References, 2.3.0.3), or None.

    `aliases` are the fullUrls of the Bundle that the reference stands in. A contained resource
    (`#id`) or a search (`Patient?identifier=…`) names no id.

    >>> find_id("https://example.org/fhir/Patient/p1/_history/2", "Patient", {})
    'p1'
    """
    if reference in aliases:
        return aliases[reference]
    if urn := _URN.fullmatch(reference):
        return urn[1]
    literal = _LITERAL.search(reference)
    return literal[2] if literal and literal[1] == resource_type else None


class Subjects:
    """Resolves the patients of one delivery with the identity map of the installation."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._disputed: set[str] = set()
        identity.preload(NAMESPACE)

    def of_patient(self, patient: Element, local_ids: list[str]) -> Subject:
        """The subject that a Patient's identifier names; its local ids are linked to it.

        Raises
        ------
        Refused
            No identifier, or several that differ, or the local id names another subject.
        """
        system, value = self._choose_identifier(patient)
        try:
            subject = self._identity.subject(system, value)
        except UnresolvedSubject as error:
            raise _as_refused(error, f"{patient.path}.identifier") from None
        for local_id in local_ids:
            try:
                self._identity.link(NAMESPACE, local_id, subject)
            except UnresolvedSubject:
                # Records that refer to this id could now mean either person.
                self._disputed.add(local_id)
                raise refused("subject.conflict", f"{patient.path}.id") from None
        return subject

    def of_record(self, resource: Element, aliases: Mapping[str, str]) -> Subject:
        """The subject of any other resource.

        Raises
        ------
        Refused
            It names none, or one that is not known.
        """
        subject = resource.child("subject")
        reference = subject.text("reference")
        element = resource.of("subject")
        if not reference:
            raise refused("subject.missing" if not subject else "subject.unknown", element)
        local_id = find_id(reference, "Patient", aliases)
        if local_id is None:
            literal = _LITERAL.search(reference)
            raise refused("subject.not_a_patient" if literal else "subject.unknown", element)
        if local_id in self._disputed:
            raise refused("subject.conflict", element)
        known = self._identity.linked(NAMESPACE, local_id)
        if known is None:
            raise refused("subject.unknown", element)
        return known

    def _choose_identifier(self, patient: Element) -> tuple[str | None, str]:
        found = {
            (identifier.text("system"), value.strip())
            for identifier in patient.children("identifier")
            if (value := identifier.text("value")) and self._may_name(identifier)
        }
        if len(found) != 1:
            code = "subject.ambiguous" if found else "subject.missing"
            raise refused(code, f"{patient.path}.identifier")
        system, value = found.pop()
        if system:
            self._identity.adopt_system(system)
        return system, value

    def _may_name(self, identifier: Element) -> bool:
        """Whether this is the kind of identifier that names patients in this installation."""
        if identifier.text("use") == "old":
            return False
        if wanted := self._identity.default_system:
            return identifier.text("system") == wanted
        return _is_record_number(identifier)


def _is_record_number(identifier: Element) -> bool:
    return any(
        coding.text("system") in _IDENTIFIER_TYPES and coding.text("code") == _RECORD_NUMBER
        for coding in identifier.child("type").children("coding")
    )


def _as_refused(error: UnresolvedSubject, element: str) -> Refused:
    return Refused(Issue(error.code, error.reason, element))
