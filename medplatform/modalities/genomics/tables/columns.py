"""Columns that several tables of genomics share."""

import pyarrow as pa

from medplatform.lake import Column

BUILDS = ("GRCh37", "GRCh38", "NCBI36")

VARIANT_ID = Column(
    name="variant_id",
    dtype=pa.string(),
    required=True,
    description="Build, chromosome, position, reference and alternate alleles, and the extent of "
    "symbolic alleles, as in GRCh38-22-16050075-A-G: equal records have equal ids over files and "
    "deliveries.",
)
GENOME_BUILD = Column(
    name="genome_build",
    dtype=pa.string(),
    values=BUILDS,
    description="Reference assembly of the positions; null where neither the file nor "
    "delivery.json says it.",
)
COHORT_ID = Column(
    name="cohort_id",
    dtype=pa.string(),
    required=True,
    description="The file whose samples were called together (its source_id).",
)
CHROMOSOME = Column(
    name="chromosome",
    dtype=pa.string(),
    required=True,
    description="Chromosome without the prefix chr; MT for the mitochondrion.",
)
