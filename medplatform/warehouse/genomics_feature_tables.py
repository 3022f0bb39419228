"""The marts of what genotypes mean: ClinVar, gene burden, carriers, and each patient in one row."""

import pyarrow as pa

from medplatform.lake import Column, Phi
from medplatform.modalities.genomics.tables.columns import BUILDS
from medplatform.warehouse.inputs import MartInput

_PATIENT = Column(
    name="patient_id",
    dtype=pa.string(),
    required=True,
    phi=Phi.PSEUDONYM,
    description="Pseudonym of the patient.",
)
_GENE = Column(
    name="gene_symbol", dtype=pa.string(), required=True, description="Symbol of the gene."
)


def _text(name: str, description: str, *, required: bool = False) -> Column:
    return Column(name=name, dtype=pa.string(), description=description, required=required)


def _count(name: str, description: str, *, required: bool = True) -> Column:
    """A number that says something of a genome."""
    return Column(
        name=name,
        dtype=pa.int32(),
        required=required,
        minimum=0,
        unit="1",
        phi=Phi.GENOTYPE,
        description=description,
    )


CLINVAR_ALLELE = MartInput(
    name="clinvar_allele",
    description="One row per allele and genome build of the ClinVar files in reference/clinvar, "
    "of all classes.",
    key=("allele_id",),
    columns=(
        _text("allele_id", "Key of the allele, as in genomics_allele.", required=True),
        Column(
            name="genome_build",
            dtype=pa.string(),
            required=True,
            values=BUILDS,
            description="Reference assembly of the position.",
        ),
        _text("chromosome", "Chromosome without the prefix chr.", required=True),
        Column(
            name="position",
            dtype=pa.int32(),
            required=True,
            description="First base of the reference allele, from 1.",
        ),
        _text("reference_allele", "Reference allele, trimmed.", required=True),
        _text("alternate_allele", "Alternate allele, trimmed.", required=True),
        _text("variation_id", "ClinVar Variation ID; null in files before 2017."),
        Column(
            name="significance",
            dtype=pa.string(),
            required=True,
            values=(
                *("pathogenic", "likely_pathogenic", "conflicting", "uncertain_significance"),
                *("likely_benign", "benign", "other"),
            ),
            description="The strongest claim of the classification, or that claims conflict.",
        ),
        _text("classification", "Germline classification as published (CLNSIG)."),
        _text("review_status", "Review status as published (CLNREVSTAT)."),
        Column(
            name="review_stars",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            maximum=4,
            description="Stars of the review status: 4 practice guideline, 3 expert panel, 2 "
            "submitters who agree, 1 one submitter or conflict, 0 none with criteria.",
        ),
        Column(
            name="conditions",
            dtype=pa.list_(pa.string()),
            description="Conditions that the classification is about (CLNDN).",
        ),
        Column(
            name="gene_symbols",
            dtype=pa.list_(pa.string()),
            description="Genes that the allele lies in (GENEINFO).",
        ),
        Column(
            name="release_date",
            dtype=pa.date32(),
            description="Release of ClinVar (##fileDate).",
        ),
    ),
)

GENE_BURDEN = MartInput(
    name="gene_burden",
    description="One row per patient and gene of which the patient's files have a qualifying "
    "variant: a rare allele that an annotation gives a high or moderate impact.",
    key=("patient_id", "gene_symbol"),
    columns=(
        _PATIENT,
        _GENE,
        _count("qualifying_alleles", "Copies of qualifying alleles, two where homozygous."),
        _count("high_impact_alleles", "Of these, copies of alleles of high impact."),
        _count("qualifying_variants", "Different qualifying alleles that the patient carries."),
        _count("assessed_variants", "Qualifying alleles that were called, carried or not."),
        _count("uncalled_variants", "Qualifying alleles whose record has no call here."),
    ),
)

CARRIER_STATUS = MartInput(
    name="carrier_status",
    description="One row per patient, gene panel and gene: alleles that ClinVar calls pathogenic "
    "or likely pathogenic.",
    key=("patient_id", "panel", "gene_symbol"),
    columns=(
        _PATIENT,
        _text("panel", "Name of the file in reference/panels.", required=True),
        _GENE,
        Column(
            name="inheritance",
            dtype=pa.string(),
            values=("AD", "AR", "XL", "MT"),
            description="Autosomal dominant or recessive, X-linked, mitochondrial, as the panel "
            "states it.",
        ),
        Column(
            name="is_assessed",
            dtype=pa.bool_(),
            required=True,
            phi=Phi.GENOTYPE,
            description="Whether any listed allele was looked at. What was not looked at is not "
            "known to be the reference.",
        ),
        Column(
            name="status",
            dtype=pa.string(),
            required=True,
            values=("not_assessed", "none_found", "carrier", "possibly_fits", "fits"),
            phi=Phi.GENOTYPE,
            description="none_found: none of the assessed alleles is carried; fits: the genotype "
            "is one that the inheritance asks for; possibly_fits: it is if the alleles are on "
            "different chromosomes. No diagnosis.",
        ),
        Column(
            name="zygosity",
            dtype=pa.string(),
            values=("hom", "hemi", "compound_het", "possible_compound_het", "het", "unknown"),
            phi=Phi.GENOTYPE,
            description="Of the alleles of the gene together; compound_het where phase tells that "
            "they are on different chromosomes; null where none is carried.",
        ),
        _count("pathogenic_alleles", "Pathogenic alleles carried.", required=False),
        _count("likely_pathogenic_alleles", "Likely pathogenic alleles carried.", required=False),
        Column(
            name="review_stars",
            dtype=pa.int32(),
            minimum=0,
            maximum=4,
            phi=Phi.GENOTYPE,
            description="Stars of the best reviewed allele that is carried.",
        ),
        _count("listed_alleles", "Such alleles of the gene in ClinVar, for the patient's build."),
        _count("assessed_alleles", "Of these, called in the patient or in a reference block."),
        _count("uncalled_alleles", "Of these, with a record that has no call here."),
        Column(
            name="allele_ids",
            dtype=pa.list_(pa.string()),
            phi=Phi.GENOTYPE,
            description="The alleles that are carried, as in clinvar_allele.",
        ),
    ),
)

PATIENT_GENOMICS = MartInput(
    name="patient_genomics",
    description="One row per patient with a sample: what there is of the genome, and what it says.",
    key=("patient_id",),
    columns=(
        _PATIENT,
        _count("samples", "Samples of the patient over all files."),
        _count("deliveries", "Deliveries that they came with."),
        Column(
            name="genome_builds",
            dtype=pa.list_(pa.string()),
            phi=Phi.NONE,
            description="Reference assemblies of the samples.",
        ),
        Column(
            name="call_rate",
            dtype=pa.float64(),
            minimum=0,
            maximum=1,
            phi=Phi.GENOTYPE,
            description="Call rate of the sample that was delivered last.",
        ),
        _count("scores", "Polygenic scores that were computed."),
        Column(
            name="lowest_matched_share",
            dtype=pa.float64(),
            minimum=0,
            maximum=1,
            phi=Phi.GENOTYPE,
            description="Share of the variants of a score that were found, where it is lowest; 0 "
            "where a score has none of them.",
        ),
        _count("burden_genes", "Genes with a row in gene_burden."),
        _count(
            "genes_with_high_impact", "Of these, with an allele of high impact.", required=False
        ),
        _count("qualifying_alleles", "Copies of qualifying alleles.", required=False),
        _count("panel_genes", "Genes of all panels."),
        _count("assessed_panel_genes", "Of these, genes of which any listed allele was called."),
        _count("genes_with_pathogenic", "Panel genes with a listed allele.", required=False),
        Column(
            name="has_finding",
            dtype=pa.bool_(),
            phi=Phi.GENOTYPE,
            description="Whether a listed allele fits the inheritance of its gene, for certain; "
            "null where no gene was assessed.",
        ),
    ),
)

FEATURE_TABLES = (CLINVAR_ALLELE, GENE_BURDEN, CARRIER_STATUS, PATIENT_GENOMICS)
