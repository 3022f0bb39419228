"""The table of genotypes, packed."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.genomics.tables.columns import COHORT_ID, VARIANT_ID

GENOTYPE = Table(
    name="genomics_genotype",
    description="One row per variant and cohort: the genotypes of all samples in one packed cell.",
    columns=(
        VARIANT_ID,
        COHORT_ID,
        Column(
            name="genotypes",
            dtype=pa.binary(),  # never null, but proving that again would load every cell
            description="One byte per sample, or the wide form; read with "
            "modalities.genomics.genotypes.unpack.",
            phi=Phi.GENOTYPE,
        ),
        Column(
            name="sample_count",
            dtype=pa.int32(),
            required=True,
            minimum=1,
            description="Samples in the cell.",
        ),
    ),
    key=("variant_id", "cohort_id"),
)
