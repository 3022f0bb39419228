"""The flat tables of health records, one per FHIR resource type that is read."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.ehr.tables.columns import (
    ENCOUNTER_ID,
    PATIENT_ID,
    TEXT,
    UNIT,
    VERSION,
    coded,
    codings,
    dated,
    moment,
    text,
    token,
)
from medplatform.modalities.ehr.value_sets import (
    CLINICAL_STATUS,
    COMPARATOR,
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

RESOURCE_ID_OF_PATIENT = "patient_resource_id"
"""The column that tells the Patient resources of one person apart."""

PATIENT = Table(
    name="ehr_patient",
    unit=UNIT,
    resource_type="Patient",
    description="One row per delivered version of a FHIR Patient.",
    columns=(
        PATIENT_ID,
        token(
            RESOURCE_ID_OF_PATIENT,
            "Token of the Patient resource: several may name the same patient.",
            required=True,
        ),
        *VERSION,
        Column(
            name="is_retired",
            dtype=pa.bool_(),
            required=True,
            description="Whether the resource is out of use: not active, or replaced by another "
            "one, as after a merge.",
        ),
        Column(
            name="sex",
            dtype=TEXT,
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
        *dated("deceased", "When the patient died."),
        Column(
            name="zip3",
            dtype=TEXT,
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
        token("encounter_id", "Token of the encounter.", required=True),
        PATIENT_ID,
        *VERSION,
        text(
            "status",
            "State of the encounter, in the words of its release: finished is completed in R5.",
            ENCOUNTER_STATUS,
        ),
        text("class_code", "Class, e.g. AMB, EMER, IMP (v3-ActCode)."),
        text("type_code", "Type of the encounter: the code that is kept."),
        text("type_system", "URI of the code system of `type_code`."),
        *dated("started", "When the encounter began."),
        *dated("ended", "When the encounter ended."),
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
        token("condition_id", "Token of the condition.", required=True),
        PATIENT_ID,
        ENCOUNTER_ID,
        *VERSION,
        text("clinical_status", "Whether the condition is active.", CLINICAL_STATUS),
        text("verification_status", "How sure the condition is.", VERIFICATION_STATUS),
        *coded("condition", "The condition"),
        codings("condition", "The condition"),
        *dated("onset", "When the condition began."),
        Column(
            name="is_abated",
            dtype=pa.bool_(),
            description="Whether the record says that the condition ended, in whatever form: as a "
            "date, period, age, range or text.",
        ),
        *dated("abated", "When the condition ended, where that is a date (end of a period)."),
        *dated("recorded", "When the condition was written down."),
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
        token("observation_id", "Token of the observation.", required=True),
        Column(
            name="component_number",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="0 for the observation's own value, from 1 for its components.",
        ),
        PATIENT_ID,
        ENCOUNTER_ID,
        *VERSION,
        text("status", "State of the observation.", OBSERVATION_STATUS),
        text("category_code", "Category, e.g. vital-signs, laboratory, survey."),
        *coded("observation", "What was observed"),
        *dated("observed", "When the value held (start of a period)."),
        moment("issued_at", "When the value was made available."),
        text("value_type", "FHIR type of the delivered value, null if none.", VALUE_TYPE),
        Column(
            name="value_number",
            dtype=pa.float64(),
            description="The value of a Quantity or integer, in `value_unit`.",
        ),
        text("value_text", "The number exactly as delivered: 72.50 stays 72.50."),
        text(
            "value_comparator",
            "Set where the number is not the value itself: it is a bound, or (ad, R5) what a total "
            "takes.",
            COMPARATOR,
        ),
        text(
            "value_unit",
            "UCUM code of the unit, else its name; [REDACTED] if that may be any text.",
        ),
        text("value_code", "The code of a coded value; true or false of a Boolean."),
        text("value_system", "URI of the code system of `value_code`."),
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
        token("medication_request_id", "Token of the request.", required=True),
        PATIENT_ID,
        ENCOUNTER_ID,
        *VERSION,
        text("status", "State of the request.", MEDICATION_STATUS),
        text("intent", "Whether it is a plan or an order.", MEDICATION_INTENT),
        Column(
            name="is_prohibition",
            dtype=pa.bool_(),
            required=True,
            description="Whether the request says NOT to give the medication (doNotPerform).",
        ),
        *coded("medication", "The medication"),
        token("medication_id", "Token of the Medication that the request refers to, if any."),
        *dated("authored", "When the request was made."),
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
        token("procedure_id", "Token of the procedure.", required=True),
        PATIENT_ID,
        ENCOUNTER_ID,
        *VERSION,
        text("status", "State of the procedure.", PROCEDURE_STATUS),
        *coded("procedure", "The procedure"),
        *dated("performed", "When the procedure began."),
        *dated("ended", "When the procedure ended."),
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
        token("diagnostic_report_id", "Token of the report.", required=True),
        PATIENT_ID,
        ENCOUNTER_ID,
        *VERSION,
        text("status", "State of the report.", REPORT_STATUS),
        text("category_code", "The service that made the report, e.g. LAB, RAD."),
        *coded("report", "What was reported"),
        *dated("effective", "When the findings held (start of a period)."),
        moment("issued_at", "When the report was made available."),
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
