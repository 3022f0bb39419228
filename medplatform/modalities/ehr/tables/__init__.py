"""The tables of health records: what was delivered of each FHIR resource type, and beside it."""

from medplatform.lake import Table
from medplatform.modalities.ehr.tables.columns import UNIT
from medplatform.modalities.ehr.tables.related import CONTAINED, DELETION, EXTENSION, REFERENCE
from medplatform.modalities.ehr.tables.typed import (
    CONDITION,
    DIAGNOSTIC_REPORT,
    ENCOUNTER,
    MEDICATION_REQUEST,
    OBSERVATION,
    PATIENT,
    PROCEDURE,
    RESOURCE_ID_OF_PATIENT,
)

TABLE_OF: dict[str, Table] = {
    "Patient": PATIENT,
    "Encounter": ENCOUNTER,
    "Condition": CONDITION,
    "Observation": OBSERVATION,
    "MedicationRequest": MEDICATION_REQUEST,
    "Procedure": PROCEDURE,
    "DiagnosticReport": DIAGNOSTIC_REPORT,
}
"""FHIR resource type -> the table its rows go to."""

TABLES: tuple[Table, ...] = (*TABLE_OF.values(), REFERENCE, EXTENSION, CONTAINED, DELETION)
"""All tables but the nested ones, which depend on what occurs."""

__all__ = [
    "CONDITION",
    "CONTAINED",
    "DELETION",
    "DIAGNOSTIC_REPORT",
    "ENCOUNTER",
    "EXTENSION",
    "MEDICATION_REQUEST",
    "OBSERVATION",
    "PATIENT",
    "PROCEDURE",
    "REFERENCE",
    "RESOURCE_ID_OF_PATIENT",
    "TABLES",
    "TABLE_OF",
    "UNIT",
]
