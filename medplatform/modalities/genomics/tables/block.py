"""The table of reference blocks of gVCF files."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.genomics.tables.columns import CHROMOSOME, COHORT_ID, GENOME_BUILD
from medplatform.modalities.genomics.tables.member import PATIENT_ID, SAMPLE_ID, SAMPLE_INDEX

BLOCK = Table(
    name="genomics_block",
    description="One row per reference block of a gVCF file and sample: an interval where no "
    "variant was found, and whether the sample was called as the reference there. Further FORMAT "
    "values are columns format_<key>.",
    columns=(
        COHORT_ID,
        SAMPLE_INDEX,
        PATIENT_ID,
        SAMPLE_ID,
        GENOME_BUILD,
        CHROMOSOME,
        Column(
            name="start_position",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="First base of the block, from 1.",
        ),
        Column(
            name="end_position",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="Last base of the block: END of INFO, or the end of REF.",
        ),
        Column(
            name="reference_allele",
            dtype=pa.string(),
            required=True,
            description="REF in upper case, of the first base as a rule.",
        ),
        Column(
            name="is_called",
            dtype=pa.bool_(),
            required=True,
            description="Whether the genotype is the reference; false where it was not called, so "
            "that nothing is known of the sample there.",
            phi=Phi.GENOTYPE,
        ),
        Column(
            name="ploidy",
            dtype=pa.int8(),
            required=True,
            minimum=1,
            description="Alleles of the genotype.",
        ),
        Column(
            name="depth",
            dtype=pa.int32(),
            description="Read depth of the block: DP of FORMAT.",
        ),
        Column(
            name="min_depth",
            dtype=pa.int32(),
            description="Least read depth within the block: MIN_DP of FORMAT.",
        ),
        Column(
            name="genotype_quality",
            dtype=pa.float64(),
            description="Phred-scaled: GQ of FORMAT.",
        ),
        Column(
            name="quality",
            dtype=pa.float64(),
            description="QUAL, Phred-scaled; null where it is missing or not a number.",
        ),
        Column(
            name="filters",
            dtype=pa.list_(pa.string()),
            description="FILTER: PASS, or the filters that failed; null where none was applied.",
        ),
    ),
    key=("cohort_id", "record_number", "sample_index"),
    is_open=True,
)
