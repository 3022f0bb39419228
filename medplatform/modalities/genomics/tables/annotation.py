"""The table of annotations: what a tool says of a variant and a transcript."""

import pyarrow as pa

from medplatform.lake import Column, Table
from medplatform.modalities.genomics.tables.columns import VARIANT_ID

ANNOTATION = Table(
    name="genomics_annotation",
    description="One row per annotation of a VCF record: what VEP (CSQ), SnpEff (ANN) or bcftools "
    "csq (BCSQ) says of an allele and a transcript. Fields without a column of their own are text "
    "under csq_<Field>.",
    columns=(
        VARIANT_ID,
        Column(
            name="source",
            dtype=pa.string(),
            required=True,
            description="INFO key that the annotation stood under.",
        ),
        Column(
            name="annotation_number",
            dtype=pa.int32(),
            required=True,
            minimum=1,
            description="Counts the annotations of the record under that key, as delivered.",
        ),
        Column(
            name="allele_number",
            dtype=pa.int32(),
            minimum=1,
            description="Alternate allele that is annotated, from 1; null where the annotation "
            "names none of the record's.",
        ),
        Column(name="allele", dtype=pa.string(), description="The allele as the tool writes it."),
        Column(
            name="consequence",
            dtype=pa.list_(pa.string()),
            description="Consequences, terms of the Sequence Ontology (bcftools csq: without "
            "_variant; an asterisk: behind a stop codon).",
        ),
        Column(
            name="impact",
            dtype=pa.string(),
            values=("HIGH", "MODERATE", "LOW", "MODIFIER"),
            description="Impact as the tool states it, else that of the strongest consequence.",
        ),
        Column(name="gene_symbol", dtype=pa.string(), description="Symbol of the gene."),
        Column(name="gene_id", dtype=pa.string(), description="Id of the gene, as of Ensembl."),
        Column(
            name="feature_type",
            dtype=pa.string(),
            description="Transcript, RegulatoryFeature, MotifFeature, …",
        ),
        Column(name="feature_id", dtype=pa.string(), description="Id of the transcript."),
        Column(name="biotype", dtype=pa.string(), description="Biotype of the transcript."),
        Column(name="hgvs_coding", dtype=pa.string(), description="Change in the transcript."),
        Column(name="hgvs_protein", dtype=pa.string(), description="Change in the protein."),
        Column(name="exon", dtype=pa.string(), description="Exon of how many, such as 5/7."),
        Column(name="intron", dtype=pa.string(), description="Intron of how many."),
        Column(
            name="protein_position",
            dtype=pa.string(),
            description="Place in the protein: 237, 12-14, or 429/574 with its length.",
        ),
        Column(
            name="is_canonical",
            dtype=pa.bool_(),
            description="Whether it is the canonical transcript; null where the tool was not "
            "asked.",
        ),
        Column(
            name="is_picked",
            dtype=pa.bool_(),
            description="Whether VEP picked this annotation (--flag_pick); null where it was not "
            "asked.",
        ),
        Column(
            name="mane_select",
            dtype=pa.string(),
            description="Matching transcript of the MANE Select set, null where it is in none.",
        ),
        Column(
            name="mane_plus_clinical",
            dtype=pa.string(),
            description="Matching transcript of the MANE Plus Clinical set.",
        ),
        Column(
            name="reported_at",
            dtype=pa.int32(),
            minimum=0,
            description="Position of the record that has the consequence, where several variants "
            "act together (@POS of bcftools csq).",
        ),
    ),
    key=("variant_id", "source_id", "source", "annotation_number"),
    is_open=True,
)
