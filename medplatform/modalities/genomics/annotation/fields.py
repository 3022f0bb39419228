"""Fields of annotations that public tools define, whose texts say nothing of a person."""

from fnmatch import fnmatchcase
from functools import cache

from medplatform.modalities.genomics.annotation.rows import open_column
from medplatform.modalities.genomics.deidentify.texts import TextPolicy

# Ensembl VEP 115 (vep_formats, plugins), SnpEff 5, bcftools csq 1.22, LOFTEE 1.0, dbNSFP 5.
_FIELDS = """
Allele Consequence IMPACT SYMBOL Gene Feature_type Feature BIOTYPE EXON INTRON HGVSc HGVSp HGVSg
cDNA_position CDS_position Protein_position Amino_acids Codons Existing_variation DISTANCE STRAND
FLAGS PICK VARIANT_CLASS MINIMISED SYMBOL_SOURCE HGNC_ID CANONICAL MANE MANE_SELECT
MANE_PLUS_CLINICAL TSL APPRIS CCDS ENSP SWISSPROT TREMBL UNIPARC UNIPROT_ISOFORM GENE_PHENO SIFT
PolyPhen DOMAINS miRNA HGVS_OFFSET *AF *AF_* *_AF *_MAF MAX_AF_POPS CLIN_SIG CLIN_SIG_ALLELE
SOMATIC PHENO PUBMED PUBMED_ID MOTIF_NAME MOTIF_POS HIGH_INF_POS MOTIF_SCORE_CHANGE
TRANSCRIPTION_FACTORS GIVEN_REF USED_REF BAM_EDIT SOURCE REFSEQ_MATCH REFSEQ_OFFSET VAR_SYNONYMS
SHIFT_* ALLELE_NUM GENCODE_PRIMARY NEAREST SV AMBIGUITY OverlapBP OverlapPC LoF LoF_* CADD_*
SpliceAI_* REVEL* EVE_* am_* SpliceRegion MaxEntScan_* LoFtool BLOSUM62 Condel DisGeNET* Phenotypes
NMD UTRAnnotator_* 5UTR_* Existing_*_uORFs existing_* TSSDistance Conservation Downstream*
ProteinLengthChange GO Mastermind_* MES-* ada_score rf_score dbscSNV_* *_pred *_rankscore *_score
PrimateAI* MPC MutationTaster* FATHMM* MetaSVM* MetaLR* Polyphen2_* LRT_* PROVEAN_* GERP* phyloP*
phastCons* Interpro_domain Ensembl_* clinvar_* ClinVar* ClinVar_CLNSIG* COSMIC* gnomAD* gnomad*
genename Uniprot_* aaref aaalt
Annotation Annotation_Impact Gene_Name Gene_ID Feature_Type Feature_ID Transcript_BioType Rank
HGVS.c HGVS.p cDNA.pos* CDS.pos* AA.pos* Distance ERRORS*
gene transcript biotype strand amino_acid_change dna_change
"""


def is_public(column: str, policy: TextPolicy) -> bool:
    """Whether the texts of an open column may be kept.

    >>> policy = TextPolicy(frozenset({"Lab_class"}))
    >>> [is_public(f"csq_{name}", policy) for name in ("SIFT", "Lab_class", "Comment")]
    [True, True, False]
    """
    name = column.removeprefix("csq_")
    return policy.keeps(name) or any(fnmatchcase(name, pattern) for pattern in _patterns())


@cache
def _patterns() -> tuple[str, ...]:
    names = (field.replace("*", "0STAR0") for field in _FIELDS.split())
    return tuple(open_column(name).removeprefix("csq_").replace("0STAR0", "*") for name in names)
