"""The table of carriers of rare alleles."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.genomics.tables.columns import COHORT_ID, VARIANT_ID
from medplatform.modalities.genomics.tables.member import PATIENT_ID, SAMPLE_ID, SAMPLE_INDEX

CARRIER = Table(
    name="genomics_carrier",
    description="One row per sample that carries a rare allele: one that at most ten samples of "
    "the cohort, or one in a hundred, have.",
    columns=(
        VARIANT_ID,
        Column(
            name="allele_number",
            dtype=pa.int32(),
            required=True,
            minimum=1,
            description="Place of the allele in alternate_alleles of the variant, from 1.",
        ),
        COHORT_ID,
        SAMPLE_INDEX,
        PATIENT_ID,
        SAMPLE_ID,
        Column(
            name="copies",
            dtype=pa.int32(),
            required=True,
            minimum=1,
            description="Copies of the allele in the genotype.",
            phi=Phi.GENOTYPE,
        ),
        Column(
            name="alleles",
            dtype=pa.list_(pa.int16()),
            required=True,
            description="The whole genotype: number of each allele, 0 for the reference, null "
            "where it was not called.",
            phi=Phi.GENOTYPE,
        ),
        Column(
            name="is_phased",
            dtype=pa.bool_(),
            required=True,
            description="Whether all alleles are phased.",
        ),
        Column(
            name="depth",
            dtype=pa.int32(),
            description="Read depth of the sample: DP of FORMAT; null where it is missing.",
        ),
        Column(
            name="genotype_quality",
            dtype=pa.float64(),
            description="Phred-scaled: GQ of FORMAT; null where it is missing.",
        ),
    ),
    key=("variant_id", "cohort_id", "sample_index", "allele_number"),
)
