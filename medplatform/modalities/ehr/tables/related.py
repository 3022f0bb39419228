"""The tables of what stands in resources of any type, and of deletions."""

import pyarrow as pa

from medplatform.lake import Column, Table
from medplatform.modalities.ehr.tables.columns import (
    TEXT,
    UNIT,
    text,
    token,
)

_RESOURCE = (
    Column(name="resource_type", dtype=TEXT, required=True, description="FHIR resource type."),
    token(
        "resource_id",
        "Pseudonym of the resource id; of a Patient, their patient_id.",
        required=True,
    ),
    token("patient_id", "Pseudonym of the patient whom the resource is about, if any."),
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
        text("path", "Where the reference stands, such as Observation.subject."),
        text("target_type", "FHIR resource type of the target; null for a contained resource."),
        token("target_id", "Pseudonym of the target; with # the one of a contained resource."),
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
        text("path", "Where the extension stands, such as Patient.extension.extension."),
        text("url", "Which extension it is."),
        text("value_type", "FHIR type of its value, such as CodeableConcept; null without one."),
        text(
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
            dtype=TEXT,
            required=True,
            description="FHIR resource type of the contained resource.",
        ),
        token("contained_id", "Pseudonym by which references (#…) name it.", required=True),
        text("content", "The contained resource, de-identified, as FHIR JSON."),
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
