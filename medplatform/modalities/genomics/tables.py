"""The tables of genomics: variants as sites, samples as patients, genotypes as packed cells."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table

BUILDS = ("GRCh37", "GRCh38", "NCBI36")

_VARIANT_ID = Column(
    name="variant_id",
    dtype=pa.string(),
    required=True,
    description="Hash of build, chromosome, position, reference and alternate alleles, and of the "
    "extent of symbolic alleles: equal variants have equal ids over files and deliveries.",
)
_GENOME_BUILD = Column(
    name="genome_build",
    dtype=pa.string(),
    values=BUILDS,
    description="Reference assembly of the positions; null where neither the file nor "
    "delivery.json says it.",
)
_COHORT_ID = Column(
    name="cohort_id",
    dtype=pa.string(),
    required=True,
    description="The file whose samples were called together (its source_id).",
)

VARIANT = Table(
    name="genomics_variant",
    unit="variant",
    description="One row per VCF record: where the genome differs, without any patient.",
    columns=(
        _VARIANT_ID,
        _GENOME_BUILD,
        Column(
            name="chromosome",
            dtype=pa.string(),
            required=True,
            description="Chromosome without the prefix chr; MT for the mitochondrion.",
        ),
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
)

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
        _COHORT_ID,
        Column(
            name="sample_index",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="Position of the sample in the packed genotypes of its cohort, from 0.",
        ),
        _GENOME_BUILD,
        Column(
            name="build_evidence",
            dtype=pa.string(),
            description="What says the build: contig lengths, header text, delivery.json.",
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

GENOTYPE = Table(
    name="genomics_genotype",
    description="One row per variant and cohort: the genotypes of all samples in one packed cell.",
    columns=(
        _VARIANT_ID,
        _COHORT_ID,
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
