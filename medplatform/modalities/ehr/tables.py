"""The tables of health records, one per FHIR resource type that is read."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.ehr.value_sets import (
    CLINICAL_STATUS,
    COMPARATOR,
    DATE_PRECISION,
    ENCOUNTER_STATUS,
    MEDICATION_INTENT,
    MEDICATION_STATUS,
    OBSERVATION_STATUS,
    PROCEDURE_STATUS,
    REPORT_STATUS,
    SEX,
    VALUE_TYPE,
    VERIFICATION_STATUS,
)

UNIT = "resource"
"""What is counted: a FHIR resource, wherever it stands."""

_TIME = pa.timestamp("us", tz="UTC")
_TEXT = pa.string()


def _text(name: str, description: str, values: tuple[str, ...] = ()) -> Column:
    return Column(name=name, dtype=_TEXT, description=description, values=values)


def _token(name: str, description: str, *, required: bool = False) -> Column:
    return Column(
        name=name, dtype=_TEXT, description=description, required=required, phi=Phi.PSEUDONYM
    )


def _moment(name: str, description: str) -> Column:
    return Column(
        name=name,
        dtype=_TIME,
        description=f"{description} UTC, moved by the patient's shift.",
        phi=Phi.SHIFTED_DATE,
    )


def _dated(name: str, description: str) -> tuple[Column, Column]:
    """A moment that may be known to the month or year only, and how well it is known."""
    return (
        _moment(f"{name}_at", f"{description} Of a partial date: its first moment."),
        _text(
            f"{name}_precision",
            f"How exactly `{name}_at` is known: year, month, day or a part of the second.",
            DATE_PRECISION,
        ),
    )


def _coded(name: str, meaning: str) -> tuple[Column, Column, Column]:
    return (
        _text(f"{name}_code", f"{meaning}: the code that is kept of the delivered codings."),
        _text(f"{name}_system", f"URI of the code system of `{name}_code`."),
        _text(f"{name}_display", "Display text of the code; public terminologies only."),
    )


def _codings(name: str, meaning: str) -> Column:
    return Column(
        name=f"{name}_codings",
        dtype=pa.list_(pa.struct([("system", _TEXT), ("code", _TEXT)])),
        description=f"{meaning}: every delivered code with its code system, in the order of the "
        f"source; `{name}_code` is one of them.",
    )


_PATIENT_ID = _token("patient_id", "Pseudonym of the patient, the same everywhere.", required=True)
_VERSION = (
    Column(
        name="version_id",
        dtype=_TEXT,
        required=True,
        description="Version of the record at its source (a count, or the token of another version "
        "id), empty where it names none; a token where versions of a delivery share that.",
    ),
    _moment("last_updated_at", "When the source last changed the record."),
)
_ENCOUNTER_ID = _token("encounter_id", "Token of the encounter that the record belongs to.")

RESOURCE_ID_OF_PATIENT = "patient_resource_id"
"""The column that tells the Patient resources of one person apart."""

PATIENT = Table(
    name="ehr_patient",
    unit=UNIT,
    resource_type="Patient",
    description="One row per delivered version of a FHIR Patient.",
    columns=(
        _PATIENT_ID,
        _token(
            RESOURCE_ID_OF_PATIENT,
            "Token of the Patient resource: several may name the same patient.",
            required=True,
        ),
        *_VERSION,
        Column(
            name="is_retired",
            dtype=pa.bool_(),
            required=True,
            description="Whether the resource is out of use: not active, or replaced by another "
            "one, as after a merge.",
        ),
        Column(
            name="sex",
            dtype=_TEXT,
            description="Administrative gender.",
            values=SEX,
            phi=Phi.QUASI_IDENTIFIER,
        ),
        Column(
            name="birth_year",
            dtype=pa.int32(),
            description="Year of the shifted date of birth; years of ages over 89 are merged.",
            minimum=1900,
            phi=Phi.QUASI_IDENTIFIER,
        ),
        Column(
            name="is_deceased",
            dtype=pa.bool_(),
            required=True,
            description="Whether the record says that the patient died.",
        ),
        *_dated("deceased", "When the patient died."),
        Column(
            name="zip3",
            dtype=_TEXT,
            description="First three digits of the US postal code of the home; 000 for areas of "
            "at most 20,000 people.",
            phi=Phi.QUASI_IDENTIFIER,
        ),
    ),
    key=("patient_id", RESOURCE_ID_OF_PATIENT, "version_id"),
    sort_by=("patient_id",),
)

ENCOUNTER = Table(
    name="ehr_encounter",
    unit=UNIT,
    resource_type="Encounter",
    description="One row per delivered version of a FHIR Encounter.",
    columns=(
        _token("encounter_id", "Token of the encounter.", required=True),
        _PATIENT_ID,
        *_VERSION,
        _text(
            "status",
            "State of the encounter, in the words of its release: finished is completed in R5.",
            ENCOUNTER_STATUS,
        ),
        _text("class_code", "Class, e.g. AMB, EMER, IMP (v3-ActCode)."),
        _text("type_code", "Type of the encounter: the code that is kept."),
        _text("type_system", "URI of the code system of `type_code`."),
        *_dated("started", "When the encounter began."),
        *_dated("ended", "When the encounter ended."),
    ),
    key=("encounter_id", "version_id"),
    sort_by=("patient_id",),
)

CONDITION = Table(
    name="ehr_condition",
    unit=UNIT,
    resource_type="Condition",
    description="One row per delivered version of a FHIR Condition (a problem or diagnosis).",
    columns=(
        _token("condition_id", "Token of the condition.", required=True),
        _PATIENT_ID,
        _ENCOUNTER_ID,
        *_VERSION,
        _text("clinical_status", "Whether the condition is active.", CLINICAL_STATUS),
        _text("verification_status", "How sure the condition is.", VERIFICATION_STATUS),
        *_coded("condition", "The condition"),
        _codings("condition", "The condition"),
        *_dated("onset", "When the condition began."),
        Column(
            name="is_abated",
            dtype=pa.bool_(),
            description="Whether the record says that the condition ended, in whatever form: as a "
            "date, period, age, range or text.",
        ),
        *_dated("abated", "When the condition ended, where that is a date (end of a period)."),
        *_dated("recorded", "When the condition was written down."),
    ),
    key=("condition_id", "version_id"),
    sort_by=("patient_id",),
)

OBSERVATION = Table(
    name="ehr_observation",
    unit=UNIT,
    resource_type="Observation",
    description="One row per value of a delivered version of a FHIR Observation: the observation "
    "itself without components, or each of its components.",
    columns=(
        _token("observation_id", "Token of the observation.", required=True),
        Column(
            name="component_number",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="0 for the observation's own value, from 1 for its components.",
        ),
        _PATIENT_ID,
        _ENCOUNTER_ID,
        *_VERSION,
        _text("status", "State of the observation.", OBSERVATION_STATUS),
        _text("category_code", "Category, e.g. vital-signs, laboratory, survey."),
        *_coded("observation", "What was observed"),
        *_dated("observed", "When the value held (start of a period)."),
        _moment("issued_at", "When the value was made available."),
        _text("value_type", "FHIR type of the delivered value, null if none.", VALUE_TYPE),
        Column(
            name="value_number",
            dtype=pa.float64(),
            description="The value of a Quantity or integer, in `value_unit`.",
        ),
        _text("value_text", "The number exactly as delivered: 72.50 stays 72.50."),
        _text(
            "value_comparator",
            "Set where the number is not the value itself: it is a bound, or (ad, R5) what a total "
            "takes.",
            COMPARATOR,
        ),
        _text(
            "value_unit",
            "UCUM code of the unit, else its name; [REDACTED] if that may be any text.",
        ),
        _text("value_code", "The code of a coded value; true or false of a Boolean."),
        _text("value_system", "URI of the code system of `value_code`."),
    ),
    key=("observation_id", "version_id", "component_number"),
    sort_by=("patient_id",),
)

MEDICATION_REQUEST = Table(
    name="ehr_medication_request",
    unit=UNIT,
    resource_type="MedicationRequest",
    description="One row per delivered version of a FHIR MedicationRequest.",
    columns=(
        _token("medication_request_id", "Token of the request.", required=True),
        _PATIENT_ID,
        _ENCOUNTER_ID,
        *_VERSION,
        _text("status", "State of the request.", MEDICATION_STATUS),
        _text("intent", "Whether it is a plan or an order.", MEDICATION_INTENT),
        Column(
            name="is_prohibition",
            dtype=pa.bool_(),
            required=True,
            description="Whether the request says NOT to give the medication (doNotPerform).",
        ),
        *_coded("medication", "The medication"),
        _token("medication_id", "Token of the Medication that the request refers to, if any."),
        *_dated("authored", "When the request was made."),
    ),
    key=("medication_request_id", "version_id"),
    sort_by=("patient_id",),
)

PROCEDURE = Table(
    name="ehr_procedure",
    unit=UNIT,
    resource_type="Procedure",
    description="One row per delivered version of a FHIR Procedure.",
    columns=(
        _token("procedure_id", "Token of the procedure.", required=True),
        _PATIENT_ID,
        _ENCOUNTER_ID,
        *_VERSION,
        _text("status", "State of the procedure.", PROCEDURE_STATUS),
        *_coded("procedure", "The procedure"),
        *_dated("performed", "When the procedure began."),
        *_dated("ended", "When the procedure ended."),
    ),
    key=("procedure_id", "version_id"),
    sort_by=("patient_id",),
)

DIAGNOSTIC_REPORT = Table(
    name="ehr_diagnostic_report",
    unit=UNIT,
    resource_type="DiagnosticReport",
    description="One row per delivered version of a FHIR DiagnosticReport.",
    columns=(
        _token("diagnostic_report_id", "Token of the report.", required=True),
        _PATIENT_ID,
        _ENCOUNTER_ID,
        *_VERSION,
        _text("status", "State of the report.", REPORT_STATUS),
        _text("category_code", "The service that made the report, e.g. LAB, RAD."),
        *_coded("report", "What was reported"),
        *_dated("effective", "When the findings held (start of a period)."),
        _moment("issued_at", "When the report was made available."),
        Column(
            name="result_count",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="Number of observations that the report refers to.",
        ),
    ),
    key=("diagnostic_report_id", "version_id"),
    sort_by=("patient_id",),
)

_RESOURCE = (
    Column(name="resource_type", dtype=_TEXT, required=True, description="FHIR resource type."),
    _token(
        "resource_id",
        "Pseudonym of the resource id; of a Patient, their patient_id.",
        required=True,
    ),
    _token("patient_id", "Pseudonym of the patient whom the resource is about, if any."),
)

REFERENCE = Table(
    name="ehr_reference",
    description="One row per reference from a resource to another.",
    columns=(
        *_RESOURCE,
        Column(
            name="number",
            dtype=pa.int32(),
            required=True,
            description="Counts them within the resource, from 1.",
        ),
        _text("path", "Where the reference stands, such as Observation.subject."),
        _text("target_type", "FHIR resource type of the target; null for a contained resource."),
        _token("target_id", "Pseudonym of the target; with # the one of a contained resource."),
        Column(
            name="is_resolved",
            dtype=pa.bool_(),
            required=True,
            description="Whether the target is part of the same delivery.",
        ),
    ),
    key=("source_id", "record_number", "number"),
    sort_by=("resource_type",),
)

EXTENSION = Table(
    name="ehr_extension",
    description="One row per extension of a resource, element or primitive value.",
    columns=(
        *_RESOURCE,
        Column(
            name="number",
            dtype=pa.int32(),
            required=True,
            description="Counts them within the resource, from 1.",
        ),
        _text("path", "Where the extension stands, such as Patient.extension.extension."),
        _text("url", "Which extension it is."),
        _text("value_type", "FHIR type of its value, such as CodeableConcept; null without one."),
        _text(
            "value",
            "Its value as text, of several elements as FHIR JSON; null where the "
            "de-identification policy does not let it through.",
        ),
        Column(
            name="is_modifier",
            dtype=pa.bool_(),
            required=True,
            description="Whether it changes the meaning of what it stands in.",
        ),
    ),
    key=("source_id", "record_number", "number"),
    sort_by=("resource_type",),
)

CONTAINED = Table(
    name="ehr_contained",
    description="One row per resource that is contained in another.",
    columns=(
        *_RESOURCE,
        Column(
            name="contained_type",
            dtype=_TEXT,
            required=True,
            description="FHIR resource type of the contained resource.",
        ),
        _token("contained_id", "Pseudonym by which references (#…) name it.", required=True),
        _text("content", "The contained resource, de-identified, as FHIR JSON."),
    ),
    key=("source_id", "record_number", "contained_type", "contained_id"),
    sort_by=("resource_type",),
)

DELETION = Table(
    name="ehr_deletion",
    description="One row per resource that its source deleted: what earlier deliveries said of it "
    "no longer holds.",
    unit=UNIT,
    columns=(*_RESOURCE[:2],),
    key=("source_id", "record_number"),
    sort_by=("resource_type",),
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
