"""The table of variants: what a VCF record says of a site, without any patient.

The further columns of its files are INFO keys, typed by the header: `info_DP`, `info_AF`.
"""

import pyarrow as pa

from medplatform.lake import Column, Table
from medplatform.modalities.genomics.tables.columns import CHROMOSOME, GENOME_BUILD, VARIANT_ID

VARIANT = Table(
    name="genomics_variant",
    unit="variant",
    description="One row per VCF record: where the genome differs, without any patient.",
    columns=(
        VARIANT_ID,
        GENOME_BUILD,
        CHROMOSOME,
        Column(
            name="position",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="First base of the reference allele, from 1; 0 is a telomere "
            "(VCF 4.5 section 1.6.1).",
        ),
        Column(
            name="end_position",
            dtype=pa.int32(),
            minimum=0,
            description="Last base of a symbolic allele or reference block: END of INFO.",
        ),
        Column(name="rs_id", dtype=pa.string(), description="dbSNP id, where ID holds one."),
        Column(
            name="reference_allele",
            dtype=pa.string(),
            required=True,
            description="REF in upper case.",
        ),
        Column(
            name="alternate_alleles",
            dtype=pa.list_(pa.string()),
            required=True,
            description="ALT: bases in upper case, symbolic alleles and breakends as delivered; "
            "empty for a site without alternate allele.",
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
        Column(
            name="called_count",
            dtype=pa.int32(),
            minimum=0,
            description="Called alleles in the stored samples (as VCF's AN); null where the "
            "record has no genotypes or no sample could be linked to a patient.",
        ),
        Column(
            name="alternate_counts",
            dtype=pa.list_(pa.int32()),
            description="Of these, alleles that are each alternate allele (as VCF's AC).",
        ),
    ),
    key=("variant_id", "source_id"),
    is_open=True,
)
