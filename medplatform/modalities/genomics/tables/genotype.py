"""The table of genotypes, packed."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.genomics.tables.columns import COHORT_ID, VARIANT_ID

GENOTYPE = Table(
    name="genomics_genotype",
    description="One row per variant and cohort: the genotypes of all samples in one packed cell. "
    "Further FORMAT values are columns format_<key>, typed by the header: per row a list over the "
    "samples, of values where Number is 1, of lists of values otherwise; null where missing.",
    columns=(
        VARIANT_ID,
        COHORT_ID,
        Column(
            name="genotypes",
            dtype=pa.binary(),
            description="One byte per sample, or the wide form; read with "
            "modalities.genomics.genotypes.unpack. Null where FORMAT has no GT.",
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
    is_open=True,
)
