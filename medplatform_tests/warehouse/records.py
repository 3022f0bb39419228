"""Hand-written lake rows: only what a test is about is written down, the rest is filled in."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa

from medplatform.lake import Column, Lake, Table
from medplatform.modalities import TABLES

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"

Row = Mapping[str, Any]


def at(text: str) -> datetime:
    """A moment in UTC.

    >>> at("2021-01-01 10:00").isoformat()
    '2021-01-01T10:00:00+00:00'
    """
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def publish(root: Path, delivery: str, rows: Mapping[str, Iterable[Row]]) -> None:
    """Publish rows of one modality as a delivery."""
    lake = Lake(root)
    modality = next(iter(rows)).partition("_")[0]
    numbers = count(1)
    with lake.stage(modality, delivery, "g1") as stage:
        for name, partial in rows.items():
            table = TABLES[name]
            stage.write(table, [_complete(table, row, delivery, next(numbers)) for row in partial])
        lake.publish(
            stage,
            modality=modality,
            delivery=delivery,
            status="published",
            content_digest=delivery,
            sources=[],
            started_at=datetime.now(UTC),
        )


def patient(patient_id: str, birth_year: int, **more: Any) -> Row:
    return {"patient_id": patient_id, "birth_year": birth_year, "sex": "female", **more}


def encounter(patient_id: str, encounter_id: str, started_at: str, **more: Any) -> Row:
    return {
        "patient_id": patient_id,
        "encounter_id": encounter_id,
        "status": "finished",
        "started_at": at(started_at),
        "ended_at": at(started_at),
        **more,
    }


def condition(
    patient_id: str, code: str, onset_at: str | None, icd: str | None = None, **more: Any
) -> Row:
    moment = at(onset_at) if onset_at else None
    codings = [(SNOMED, code), *([(ICD_10_CM, icd)] if icd else [])]
    return {
        "patient_id": patient_id,
        "condition_id": f"{patient_id}-{code}",
        "verification_status": "confirmed",
        "condition_system": SNOMED,
        "condition_code": code,
        "condition_codings": [{"system": system, "code": code} for system, code in codings],
        "onset_at": moment,
        "recorded_at": moment,
        **more,
    }


def observation(patient_id: str, name: str, code: str, observed_at: str, **more: Any) -> Row:
    types = {"value_number": "Quantity", "value_code": "CodeableConcept"}
    return {
        "patient_id": patient_id,
        "observation_id": f"{patient_id}-{name}",
        "component_number": 0,
        "status": "final",
        "observation_system": LOINC,
        "observation_code": code,
        "observed_at": at(observed_at),
        "value_type": next((types[name] for name in types if name in more), None),
        **more,
    }


def prescription(patient_id: str, name: str, code: str, authored_at: str, **more: Any) -> Row:
    return {
        "patient_id": patient_id,
        "medication_request_id": f"{patient_id}-{name}",
        "status": "active",
        "intent": "order",
        "medication_system": "http://www.nlm.nih.gov/research/umls/rxnorm",
        "medication_code": code,
        "authored_at": at(authored_at),
        **more,
    }


def _complete(table: Table, row: Row, source: str, number: int) -> Row:
    unknown = row.keys() - {column.name for column in table.all_columns}
    assert not unknown, f"{table.name} has no columns {unknown}"
    filled = {column.name: _any_value(column) for column in table.all_columns}
    return {**filled, "source_id": source, "record_number": number, **row}


def _any_value(column: Column) -> Any:
    """Null where a column may be null, else something of its type."""
    if not column.required:
        return None
    if column.values:
        return column.values[0]
    if pa.types.is_string(column.dtype):
        return "x"
    if pa.types.is_boolean(column.dtype):
        return False
    if pa.types.is_timestamp(column.dtype):
        return at("2000-01-01")
    return b"x" if pa.types.is_binary(column.dtype) else 0
