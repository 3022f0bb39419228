"""The codes that typed columns may hold: what the required bindings of any FHIR release allow.

A resource is judged by the codes of the release that it is delivered in; a column holds records
of all releases, so it knows the codes of all.
"""

from medplatform.modalities.ehr.conformance.hl7 import codes_of
from medplatform.modalities.ehr.definitions import Release


def _required(type_name: str, element: str) -> tuple[str, ...]:
    """The codes that a release or another binds the element to, in the order of the alphabet."""
    found: set[str] = set()
    for release in Release:
        codes = codes_of(release, type_name, element)
        if codes is None:
            raise LookupError(f"FHIR {release} has no codes for {type_name}.{element}")
        found |= codes
    return tuple(sorted(found))


SEX = _required("Patient", "gender")
ENCOUNTER_STATUS = _required("Encounter", "status")
OBSERVATION_STATUS = _required("Observation", "status")
MEDICATION_STATUS = _required("MedicationRequest", "status")
MEDICATION_INTENT = _required("MedicationRequest", "intent")
PROCEDURE_STATUS = _required("Procedure", "status")
REPORT_STATUS = _required("DiagnosticReport", "status")
COMPARATOR = _required("Quantity", "comparator")

# Bindings of concepts, for which the tables of codes have nothing; `unknown` came with R5.
CLINICAL_STATUS = (
    "active",
    "recurrence",
    "relapse",
    "inactive",
    "remission",
    "resolved",
    "unknown",
)
VERIFICATION_STATUS = (
    "unconfirmed",
    "provisional",
    "differential",
    "confirmed",
    "refuted",
    "entered-in-error",
)

VALUE_TYPE = (
    "Quantity",
    "CodeableConcept",
    "String",
    "Boolean",
    "Integer",
    "Range",
    "Ratio",
    "SampledData",
    "Time",
    "DateTime",
    "Period",
    "Attachment",
    "Reference",
)
"""The types of Observation.value[x]; the last two came with R5."""
DATE_PRECISION = ("year", "month", "day", "minute", "second", "millisecond", "microsecond")
"""How exactly a FHIR date, dateTime or instant is given."""
