"""What dbt reads beside the lake's tables: their columns, and how they change.

Marts that are computed outside dbt, and what its models need of the nested tables. Not here: how
each is computed (`scores`, `conversions`, `view_tables`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from medplatform.lake import Column, Phi
from medplatform.volumes.tables import SERIES, STUDY, VOLUME, Derived


@dataclass(frozen=True, slots=True, kw_only=True)
class MartInput:
    """A mart that is computed outside dbt and read by its models."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def schema(self) -> pa.Schema:
        """The Parquet schema."""
        return pa.schema([pa.field(column.name, column.dtype) for column in self.columns])


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedInput(MartInput):
    """What dbt's models need of a nested table: a ViewDefinition over its current resources."""

    definition: Mapping[str, Any]


POLYGENIC_SCORE = MartInput(
    name="polygenic_score",
    description="One row per patient and polygenic score.",
    key=("patient_id", "score_name"),
    columns=(
        Column(
            name="patient_id",
            dtype=pa.string(),
            required=True,
            phi=Phi.PSEUDONYM,
            description="Pseudonym of the patient.",
        ),
        Column(
            name="score_name",
            dtype=pa.string(),
            required=True,
            description="Name of the scoring file.",
        ),
        Column(
            name="score",
            dtype=pa.float64(),
            phi=Phi.GENOTYPE,
            description="Sum of effect weight times dosage over the matched variants; null where "
            "none matched.",
        ),
        Column(
            name="matched_variants",
            dtype=pa.int64(),
            unit="1",
            description="Variants of the scoring file that the genotypes have.",
        ),
        Column(
            name="listed_variants",
            dtype=pa.int64(),
            unit="1",
            description="Variants of the scoring file.",
        ),
    ),
)
UCUM_CONVERSION = MartInput(
    name="ucum_conversion",
    description="One row per code and delivered unit of laboratory results and vital signs: how "
    "values are brought to the one unit of the measurement, or why they cannot.",
    key=("observation_system", "observation_code", "delivered_unit"),
    columns=(
        Column(
            name="observation_system",
            dtype=pa.string(),
            description="Code system of the observation.",
        ),
        Column(
            name="observation_code",
            dtype=pa.string(),
            description="Code of the observation.",
        ),
        Column(
            name="delivered_unit",
            dtype=pa.string(),
            description="Unit as delivered, null where none was.",
        ),
        Column(
            name="ucum_unit",
            dtype=pa.string(),
            description="The delivered unit as UCUM writes it, null where it is not known.",
        ),
        Column(
            name="unit",
            dtype=pa.string(),
            description="The unit (UCUM) of the measurement, null where the code is not listed.",
        ),
        Column(
            name="factor",
            dtype=pa.float64(),
            description="What to multiply a delivered value with, null where it stays as it is.",
        ),
        Column(
            name="intercept",
            dtype=pa.float64(),
            description="What to add then, in `unit`.",
        ),
        Column(
            name="problem",
            dtype=pa.string(),
            description="Why values of this unit stay as delivered, null where they do not.",
        ),
        Column(
            name="value_count",
            dtype=pa.int64(),
            required=True,
            unit="1",
            description="Values delivered, of all versions of the records.",
        ),
    ),
)


def _derived(table: Derived) -> MartInput:
    return MartInput(
        name=table.name, description=table.description, columns=table.columns, key=table.key
    )


IMAGING_SERIES, IMAGING_STUDY, IMAGING_VOLUME = map(_derived, (SERIES, STUDY, VOLUME))
MART_INPUTS = (POLYGENIC_SCORE, UCUM_CONVERSION, IMAGING_SERIES, IMAGING_STUDY, IMAGING_VOLUME)

MEDICATION_CODING = NestedInput(
    name="medication_coding",
    description="One row per coding of a current FHIR Medication.",
    key=("medication_id", "coding_number"),
    columns=(
        Column(
            name="medication_id",
            dtype=pa.string(),
            required=True,
            phi=Phi.PSEUDONYM,
            description="Token of the Medication.",
        ),
        Column(
            name="coding_number",
            dtype=pa.int32(),
            required=True,
            description="Counts the codings of the Medication, from 0.",
        ),
        Column(name="medication_code", dtype=pa.string(), description="Code of the medication."),
        Column(
            name="medication_system",
            dtype=pa.string(),
            description="URI of the code system of `medication_code`.",
        ),
        Column(
            name="medication_display",
            dtype=pa.string(),
            description="Display text of the code; public terminologies only.",
        ),
    ),
    definition={
        "name": "medication_coding",
        "resource": "Medication",
        "status": "active",
        "select": [
            {"column": [{"name": "medication_id", "path": "getResourceKey()"}]},
            {
                "forEach": "code.coding",
                "column": [
                    {"name": "coding_number", "path": "%rowIndex"},
                    {"name": "medication_code", "path": "code"},
                    {"name": "medication_system", "path": "system"},
                    {"name": "medication_display", "path": "display"},
                ],
            },
        ],
    },
)
NESTED_INPUTS = (MEDICATION_CODING,)

_INPUTS = "medplatform.inputs"


def write_input(
    table: MartInput, rows: pl.DataFrame, marts: Path, *, inputs: str | None = None
) -> None:
    """Replace the file of a mart input at once: readers see the old or the new one, whole.

    `inputs` is a digest of what it was computed from, which the file keeps (`digest_of_inputs`).
    """
    marts.mkdir(parents=True, exist_ok=True)
    draft = marts / f".{table.name}.parquet.draft"
    rows.write_parquet(draft, metadata={_INPUTS: inputs} if inputs else None)
    draft.replace(marts / f"{table.name}.parquet")


def digest_of_inputs(table: MartInput, marts: Path) -> str | None:
    """What the file of a mart input was computed from; None where it does not say or is not."""
    path = marts / f"{table.name}.parquet"
    return pl.read_parquet_metadata(path).get(_INPUTS) if path.exists() else None
