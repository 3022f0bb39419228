"""The table of samples: who was sequenced."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table
from medplatform.modalities.genomics.tables.columns import BUILDS, COHORT_ID, GENOME_BUILD

SAMPLE = Table(
    name="genomics_sample",
    unit="sample",
    description="One row per sequenced or genotyped sample of a file and the patient it is from.",
    columns=(
        Column(
            name="sample_id",
            dtype=pa.string(),
            required=True,
            description="Token of the sample name.",
            phi=Phi.PSEUDONYM,
        ),
        Column(
            name="patient_id",
            dtype=pa.string(),
            required=True,
            description="The patient, as in every other table.",
            phi=Phi.PSEUDONYM,
        ),
        COHORT_ID,
        Column(
            name="sample_index",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="Position of the sample in the packed genotypes of its cohort, from 0.",
        ),
        GENOME_BUILD,
        Column(
            name="build_evidence",
            dtype=pa.string(),
            description="What says the build: contig lengths, accessions, header text, known "
            "positions, delivery.json, crosswalk.csv.",
        ),
        Column(
            name="declared_build",
            dtype=pa.string(),
            values=BUILDS,
            description="Genome build of the sample by the crosswalk.",
        ),
        Column(
            name="declared_sex",
            dtype=pa.string(),
            values=("male", "female", "unknown"),
            description="Sex of the person by the crosswalk; null where it says nothing.",
            phi=Phi.QUASI_IDENTIFIER,
        ),
        Column(
            name="call_rate",
            dtype=pa.float64(),
            minimum=0,
            maximum=1,
            description="Part of the accepted genotypes of the file that have no missing allele.",
        ),
        Column(
            name="het_hom_ratio",
            dtype=pa.float64(),
            minimum=0,
            description="Heterozygous genotypes per homozygous alternate one; null without any "
            "of the latter.",
        ),
    ),
    key=("sample_id", "cohort_id"),
)
