"""The table of assay values: what was measured, or computed, of a molecule."""

import pyarrow as pa

from medplatform.lake import Column, Table

RELATIONS = ("=", "<", "<=", ">", ">=", "~")

ASSAY = Table(
    name="molecules_assay",
    description="One row per value that was delivered of a molecule; missing values have none.",
    columns=(
        Column(
            name="molecule_id",
            dtype=pa.string(),
            required=True,
            description="InChIKey of the parent, as in molecules_molecule.",
        ),
        Column(
            name="assay_name",
            dtype=pa.string(),
            required=True,
            description="Name of the column or SDF property, or the type of the measurement that "
            "the row names.",
        ),
        Column(
            name="value_number",
            dtype=pa.float64(),
            description="The value; 1 and 0 for true and false. Null where it is no number.",
        ),
        Column(
            name="value_relation",
            dtype=pa.string(),
            values=RELATIONS,
            description="How the true value stands to the number: '<' of one below the limit of "
            "detection. Null where there is no number.",
        ),
        Column(
            name="value_unit",
            dtype=pa.string(),
            description="Unit as delivered in the header or in a column of its own.",
        ),
        Column(
            name="value_text",
            dtype=pa.string(),
            required=True,
            description="The value as delivered, a class for example.",
        ),
    ),
    key=("source_id", "record_number", "assay_name"),
)
