"""The nested tables: one per resource type, whose columns are the elements of FHIR.

A table is named `ehr_fhir_<type>`, such as `ehr_fhir_diagnostic_report`. Its columns beside those
declared here are those elements that occur in the delivery, de-identified, by their names in FHIR
JSON; decimals and dates have siblings that say how they were delivered.
"""

import re
from dataclasses import replace
from functools import cache

import pyarrow as pa

from medplatform.lake import Column, Phi, Table, TableFamily
from medplatform.modalities.ehr.tables import UNIT

_WORD = re.compile(r"(?<!^)(?=[A-Z])")

PATIENT_ID = Column(
    name="patient_id",
    dtype=pa.string(),
    phi=Phi.PSEUDONYM,
    description="Pseudonym of the patient whom the resource is about, if it is about one.",
)
RESOURCE_ID = Column(
    name="id",
    dtype=pa.string(),
    required=True,
    phi=Phi.PSEUDONYM,
    description="Pseudonym of the resource id; of a Patient, their patient_id.",
)
IS_MODIFIED = Column(
    name="is_modified",
    dtype=pa.bool_(),
    required=True,
    description="Whether a modifier extension or implicit rules change the meaning in a way that "
    "is not known here. Such a resource is in no other table.",
)


FAMILY = TableFamily(
    pattern=Table(
        name="ehr_fhir",
        unit=UNIT,
        description="One row per delivered version of a FHIR resource: one nested table per type.",
        columns=(RESOURCE_ID, PATIENT_ID, IS_MODIFIED),
        key=("id", "source_id", "record_number"),
        is_open=True,
    )
)
"""What the nested tables have in common."""


def table_name(resource_type: str) -> str:
    """Name of the nested table of a type.

    >>> table_name("DiagnosticReport")
    'ehr_fhir_diagnostic_report'
    """
    return f"{FAMILY.name}_" + _WORD.sub("_", resource_type).lower()


@cache
def nested_table(resource_type: str) -> Table:
    """The declaration of the nested table of a type."""
    return replace(
        FAMILY.pattern,
        name=table_name(resource_type),
        resource_type=resource_type,
        description=f"One row per delivered version of a FHIR {resource_type}, with its elements.",
    )
