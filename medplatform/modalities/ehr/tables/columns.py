"""Columns that several tables of health records share."""

import pyarrow as pa

from medplatform.lake import Column, Phi
from medplatform.modalities.ehr.value_sets import DATE_PRECISION

UNIT = "resource"
"""What is counted: a FHIR resource, wherever it stands."""

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.string()


def text(name: str, description: str, values: tuple[str, ...] = ()) -> Column:
    """A text; with `values`, one of these."""
    return Column(name=name, dtype=TEXT, description=description, values=values)


def token(name: str, description: str, *, required: bool = False) -> Column:
    """A pseudonym, by which tables are joined."""
    return Column(
        name=name, dtype=TEXT, description=description, required=required, phi=Phi.PSEUDONYM
    )


def moment(name: str, description: str) -> Column:
    """A moment (UTC, microseconds), shifted as all of its patient."""
    return Column(
        name=name,
        dtype=TIME,
        description=f"{description} UTC, moved by the patient's shift.",
        phi=Phi.SHIFTED_DATE,
    )


def dated(name: str, description: str) -> tuple[Column, Column]:
    """A moment that may be known to the month or year only, and how well it is known."""
    return (
        moment(f"{name}_at", f"{description} Of a partial date: its first moment."),
        text(
            f"{name}_precision",
            f"How exactly `{name}_at` is known: year, month, day or a part of the second.",
            DATE_PRECISION,
        ),
    )


def coded(name: str, meaning: str) -> tuple[Column, Column, Column]:
    """A code, its code system, and its display text."""
    return (
        text(f"{name}_code", f"{meaning}: the code that is kept of the delivered codings."),
        text(f"{name}_system", f"URI of the code system of `{name}_code`."),
        text(f"{name}_display", "Display text of the code; public terminologies only."),
    )


def codings(name: str, meaning: str) -> Column:
    """All codes of a concept."""
    return Column(
        name=f"{name}_codings",
        dtype=pa.list_(pa.struct([("system", TEXT), ("code", TEXT)])),
        description=f"{meaning}: every delivered code with its code system, in the order of the "
        f"source; `{name}_code` is one of them.",
    )


PATIENT_ID = token("patient_id", "Pseudonym of the patient, the same everywhere.", required=True)
VERSION = (
    Column(
        name="version_id",
        dtype=TEXT,
        required=True,
        description="Version of the record at its source (a count, or the token of another version "
        "id), empty where it names none; a token where versions of a delivery share that.",
    ),
    moment("last_updated_at", "When the source last changed the record."),
)
ENCOUNTER_ID = token("encounter_id", "Token of the encounter that the record belongs to.")
