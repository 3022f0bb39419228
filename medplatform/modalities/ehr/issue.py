"""Why a record is refused: every code with its reason and remedy, in one reviewed place.

A reason names the rule and the element, never a value of the record.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "information"]
"""As in OperationOutcome.issue.severity; an error refuses the record."""

REASONS: dict[str, str] = {
    "file.encoding": "The file is UTF-16 or UTF-32, FHIR JSON is UTF-8. Convert it and deliver "
    "it again.",
    "file.duplicate": "The same file stood earlier in this delivery, so it was not read again. "
    "Nothing needs to be done.",
    "file.format": "The file is neither NDJSON nor JSON. Deliver FHIR as NDJSON or JSON, plain "
    "or gzipped.",
    "file.truncated": "The gzip file ends early; what stands before the break was read. Deliver "
    "the whole file again.",
    "file.corrupt": "The gzip data are damaged; what stands before the damage was read. Deliver "
    "the file again.",
    "file.too_large": "The archive is larger than 64 GiB when unpacked. Deliver it in parts.",
    "file.encrypted": "The file in the archive is encrypted. Pack it without a password.",
    "file.compression": "The file in the archive is compressed in a way that is not known here. "
    "Pack it with deflate.",
    "file.bomb": "The file in the archive grows more than a thousandfold when unpacked, so it was "
    "not read. Deliver the file itself.",
    "file.nested": "There is an archive within the archive. Deliver the files themselves.",
    "file.unsafe_name": "The name of the file in the archive leads out of the archive. Pack it "
    "with relative names.",
    "file.not_json": "The JSON document cannot be parsed to its end. Export the file again.",
    "record.too_large": "The record is larger than 128 MiB. Deliver large attachments apart from "
    "the records.",
    "record.no_type": "The record has no resourceType, so it is no FHIR resource. Take it out of "
    "the delivery.",
    "record.no_id": "The resource has no id, so nothing can refer to it. Give it an id at the "
    "source.",
    "record.bad_id": "The id is not 1 to 64 letters, digits, '-' or '.' (FHIR id). Correct it at "
    "the source.",
    "record.duplicate": "The same id, version and content stood earlier in this delivery. Nothing "
    "needs to be done.",
    "record.conflict": "The same id, version and time of change stand in this delivery with other "
    "content. Both are in the nested table, one alone in the typed one. Find out at the source "
    "which is right.",
    "json.invalid": "The record is not valid JSON in UTF-8 (RFC 8259). Export it again.",
    "json.duplicate_key": "An object has the same key twice, so its meaning is open. Correct the "
    "export.",
    "json.not_an_object": "The record is JSON but no object. Deliver one FHIR resource per record.",
    "entry.no_resource": "The Bundle entry holds no resource, as a bare response. Deliver current "
    "resources.",
    "entry.deletion": "The Bundle entry deletes, but names no resource by type and id, so nothing "
    "was deleted. Name the resource.",
    "entry.deletes_version": "The Bundle entry deletes one version of a resource, so the resource "
    "stays as it is. Delete the resource if that is meant.",
    "fhir.unknown_type": "The resourceType is not known in this release of FHIR. Check the "
    "version of the export.",
    "fhir.missing_element": "A required element is missing. Complete it at the source.",
    "fhir.unknown_element": "There is an element that FHIR does not define here. Check the "
    "version of the export.",
    "fhir.invalid": "The element is not valid FHIR. Correct it at the source.",
    "fhir.too_deep": "The resource is nested too deeply to be checked. Correct it at the source.",
    "fhir.unreadable": "The resource is valid, but written in a way that no column can hold "
    "without a loss. Correct the export.",
    "subject.missing": "The record names no patient. Deliver it with a patient identifier or "
    "reference.",
    "subject.ambiguous": "The Patient has several identifiers that could name it. Set "
    "MEDPLATFORM_PATIENT_IDENTIFIER_SYSTEM to the one that does.",
    "subject.unknown": "The Patient that is referred to was not delivered, or was refused. "
    "Deliver it, then ingest this delivery again.",
    "subject.not_a_patient": "The subject is not a Patient. Such records stay in landing.",
    "subject.conflict": "The id of this Patient names two persons. Check the source system: ids "
    "must not be used again.",
    "value.wrong_type": "The value has another JSON type than FHIR asks for. Correct the export.",
    "value.out_of_range": "The date or number is outside what can be stored (years 1700 to 2199, "
    "no birth in the future). Correct it at the source.",
    "value.not_in_value_set": "The code is not in the value set that FHIR requires here. "
    "Correct it at the source.",
}


@dataclass(frozen=True, slots=True)
class Issue:
    """One reason; `element` is a FHIRPath such as `Patient.name[0].given`."""

    code: str
    reason: str
    element: str | None = None
    severity: Severity = "error"


def make_issue(code: str, element: str | None = None) -> Issue:
    """An issue with the reason that belongs to its code."""
    return Issue(code, REASONS[code], element)


class Refused(ValueError):
    """A record or file cannot be accepted; raised and caught within this package."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.reason)
        self.issue = issue


def refused(code: str, element: str | None = None) -> Refused:
    """The exception for a code."""
    return Refused(make_issue(code, element))
