"""Who a FHIR resource is about: identifiers of Patients, references of everything else."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from medplatform.modalities.ehr.issue import Issue, make_issue
from medplatform.modalities.ehr.references import find_target, patient_namespace
from medplatform.modalities.options import PER_RECORD_SYSTEM
from medplatform.privacy import Identity, Subject, UnresolvedSubject

_IDENTIFIER_TYPES = (
    "http://terminology.hl7.org/CodeSystem/v2-0203",
    "http://hl7.org/fhir/v2/0203",
)
_RECORD_NUMBER = "MR"
_NOT_NAMED = (
    "The Patient has no identifier of the kind that names patients here: of the system in "
    "MEDPLATFORM_PATIENT_IDENTIFIER_SYSTEM or, where that is unset, of type MR. Set it to the "
    "system that your patients are named by, then ingest this delivery again."
)

Record = tuple[str, int]
"""Source id and record number."""


def search_of(reference: Mapping[str, Any]) -> str | None:
    """The search that says the same as a Reference which has an identifier alone.

    >>> search_of({"identifier": {"system": "urn:oid:1.2", "value": "7"}})
    'Patient?identifier=urn%3Aoid%3A1.2%7C7'
    """
    identifier = reference.get("identifier") or {}
    system, value = identifier.get("system"), identifier.get("value")
    if reference.get("type", "Patient") != "Patient" or identifier.get("use") == "old":
        return None
    if not system or not value:
        return None
    return f"Patient?{urlencode({'identifier': f'{system}|{value.strip()}'})}"


def _read_search(reference: str) -> tuple[str, str] | None:
    """System and value of the identifier that a conditional reference looks for (FHIR R4, 3.1.0).

    >>> _read_search("Patient?identifier=urn:oid:1.2|7")
    ('urn:oid:1.2', '7')
    """
    path, _, query = reference.partition("?")
    # A plus stands for itself, as it does in the references of servers.
    parameters = parse_qsl(query.replace("+", "%2B"))
    if path.rpartition("/")[2] != "Patient" or [name for name, _ in parameters] != ["identifier"]:
        return None
    system, _, value = parameters[0][1].partition("|")
    return (system, value) if system and value.strip() else None


class Patient(NamedTuple):
    """A valid Patient, where it stands, and the ids that records may name it by."""

    record: Record
    content: Mapping[str, Any]
    local_ids: Sequence[str]


class Subjects:
    """Resolves the patients of one delivery with the identity map of the installation.

    All Patients are added first, then everything can be asked.

    Parameters
    ----------
    identity
        The identity map; links are added to it.
    source
        Name of the server whose Patient ids these are.
    is_per_record
        The sender declares that each Patient is a person of its own, named by its id.
    """

    def __init__(
        self, identity: Identity, source: str | None = None, *, is_per_record: bool = False
    ) -> None:
        self._identity = identity
        self._is_per_record = is_per_record
        self._namespace = patient_namespace(source)
        self._refused: dict[Record, Issue] = {}
        self._disputed: set[str] = set()
        identity.preload(self._namespace)

    def add_patients(self, patients: Iterable[Patient]) -> None:
        """Link the local ids of valid Patients to the subjects that their identifiers name.

        A Patient without an identifier, with several that differ, or whose id names somebody else,
        is remembered as refused.
        """
        named = [(p.record, p.local_ids, self._identifier_of(p)) for p in patients]
        found = [name for _, _, name in named if not isinstance(name, Issue)]
        if not self._is_per_record:
            for system in filter(None, (system for system, _ in found)):
                self._identity.adopt_system(system)
        self._identity.prepare(found)
        for record, local_ids, name in named:
            issue = name if isinstance(name, Issue) else self._link(name, local_ids)
            if issue:
                self._refused[record] = issue

    def of_delivered_patient(self, record: Record, resource_id: str) -> Subject | Issue:
        """The subject of a Patient that was added."""
        if record in self._refused:
            return self._refused[record]
        known = self._identity.linked(self._namespace, resource_id)
        return known or make_issue("subject.unknown", "Patient.id")

    def of_reference(
        self, reference: str | None, element: str, aliases: Mapping[str, str]
    ) -> Subject | Issue:
        """The subject that a reference names; `element` is where it stands.

        A search names the one by whose identifier it looks, if that is what Patients are named by.
        """
        target = find_target(reference, aliases) if reference else None
        if target is None:
            found = self._of_search(reference) if reference else None
            return found or make_issue("subject.unknown", element)
        resource_type, local_id = target
        if resource_type not in (None, "Patient"):
            return make_issue("subject.not_a_patient", element)
        if local_id in self._disputed:
            return make_issue("subject.conflict", element)
        known = self._identity.linked(self._namespace, local_id)
        return known or make_issue("subject.unknown", element)

    def literal(self, reference: str) -> str | None:
        """The literal reference that says the same as a search that names a Patient."""
        found = self._of_search(reference)
        return f"Patient/{self._known[found.patient_id]}" if found else None

    def _of_search(self, reference: str) -> Subject | None:
        identifier = _read_search(reference)
        if identifier is None or self._is_per_record or not self._known:
            return None
        subject = self._identity.subject(*identifier)
        return subject if subject.patient_id in self._known else None

    @cached_property
    def _known(self) -> Mapping[str, str]:
        """The patients whom Patients name, of this delivery or an earlier one of its source."""
        return self._identity.linked_patients(self._namespace)

    def _link(self, identifier: tuple[str | None, str], local_ids: Sequence[str]) -> Issue | None:
        try:
            subject = self._identity.subject(*identifier)
        except UnresolvedSubject as error:
            return Issue(error.code, error.reason, "Patient.identifier")
        for local_id in local_ids:
            try:
                self._identity.link(self._namespace, local_id, subject)
            except UnresolvedSubject:
                # Records that refer to this id could now mean either person.
                self._disputed.add(local_id)
                return make_issue("subject.conflict", "Patient.id")
        return None

    def _identifier_of(self, patient: Patient) -> tuple[str | None, str] | Issue:
        if self._is_per_record:
            return f"{PER_RECORD_SYSTEM}/{self._namespace}", patient.local_ids[0]
        return self._choose_identifier(patient.content)

    def _choose_identifier(self, patient: Mapping[str, Any]) -> tuple[str | None, str] | Issue:
        wanted = self._identity.default_system
        found = {
            (identifier.get("system"), value)
            for identifier in patient.get("identifier") or ()
            if (value := (identifier.get("value") or "").strip()) and _may_name(identifier, wanted)
        }
        if not found:
            return Issue("subject.missing", _NOT_NAMED, "Patient.identifier")
        if len(found) > 1:
            return make_issue("subject.ambiguous", "Patient.identifier")
        return found.pop()


def _may_name(identifier: Mapping[str, Any], wanted: str | None) -> bool:
    """Whether this is the kind of identifier that names patients: of the system that is wanted."""
    if identifier.get("use") == "old":
        return False
    if wanted:
        return identifier.get("system") == wanted
    kind = identifier.get("type")
    return bool(kind) and any(map(_is_record_number, kind.get("coding") or ()))


def _is_record_number(coding: Mapping[str, Any]) -> bool:
    return coding.get("code") == _RECORD_NUMBER and coding.get("system") in _IDENTIFIER_TYPES
