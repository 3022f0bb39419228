"""The table of alleles: each alternate allele of a record, normalised."""

import pyarrow as pa

from medplatform.lake import Column, Table
from medplatform.modalities.genomics.tables.columns import CHROMOSOME, VARIANT_ID

ALLELE_TYPES = (
    "snv",
    "mnv",
    "insertion",
    "deletion",
    "indel",
    "symbolic",
    "breakend",
    "overlapping_deletion",
    "unspecified",
)
SV_TYPES = ("DEL", "INS", "DUP", "INV", "CNV", "BND", "TRA", "CPX", "CTX")
BREAKEND_FORMS = ("t[p[", "t]p]", "]p]t", "[p[t", "t.", ".t")

ALLELE = Table(
    name="genomics_allele",
    description="One row per alternate allele of a VCF record, split and normalised (Tan, Abecasis "
    "and Kang 2015), so that equal alleles are equal however they were written.",
    columns=(
        Column(
            name="allele_id",
            dtype=pa.string(),
            required=True,
            description="build-chromosome-position-reference-alternate of the normalised allele, "
            "and the extent of a symbolic one; alleles longer than 64 bases by their digest.",
        ),
        VARIANT_ID,
        Column(
            name="allele_number",
            dtype=pa.int32(),
            required=True,
            minimum=1,
            description="Its number in the record, as in genotypes: 1 is the first of ALT.",
        ),
        CHROMOSOME,
        Column(
            name="position",
            dtype=pa.int32(),
            required=True,
            minimum=0,
            description="First base of the normalised reference allele, from 1.",
        ),
        Column(
            name="reference_allele",
            dtype=pa.string(),
            required=True,
            description="Reference allele, trimmed and left-aligned.",
        ),
        Column(
            name="alternate_allele",
            dtype=pa.string(),
            required=True,
            description="Alternate allele, trimmed and left-aligned; symbolic alleles and "
            "breakends as delivered.",
        ),
        Column(
            name="allele_type",
            dtype=pa.string(),
            required=True,
            values=ALLELE_TYPES,
            description="Kind of change; indel: bases replaced by another number of them; "
            "overlapping_deletion: *; unspecified: <*> or <NON_REF>.",
        ),
        Column(
            name="is_left_aligned",
            dtype=pa.bool_(),
            description="Whether no equal allele begins further left; false where that needs a "
            "reference sequence and there was none; null where bases are not known.",
        ),
        Column(
            name="allele_count",
            dtype=pa.int32(),
            minimum=0,
            description="AC of INFO for this allele, as delivered.",
        ),
        Column(
            name="allele_frequency",
            dtype=pa.float64(),
            minimum=0,
            maximum=1,
            description="AF of INFO for this allele, as delivered.",
        ),
        Column(
            name="sv_type",
            dtype=pa.string(),
            values=SV_TYPES,
            description="Kind of structural variant: of the symbolic allele or breakend, else "
            "SVTYPE of INFO.",
        ),
        Column(
            name="sv_subtype",
            dtype=pa.string(),
            description="What follows the kind in a symbolic allele, such as TANDEM or ME:ALU.",
        ),
        Column(
            name="sv_length",
            dtype=pa.int64(),
            unit="bases",
            minimum=0,
            description="Length without sign: SVLEN of INFO (VCF 4.5 section 3).",
        ),
        Column(
            name="sv_end",
            dtype=pa.int64(),
            minimum=0,
            description="Last base that a structural variant affects: END of INFO, else position "
            "and length, else the end of the reference allele.",
        ),
        Column(
            name="position_interval",
            dtype=pa.list_(pa.int32()),
            description="CIPOS of INFO: bases that the start may lie before and behind.",
        ),
        Column(
            name="end_interval",
            dtype=pa.list_(pa.int32()),
            description="CIEND of INFO: bases that the end may lie before and behind.",
        ),
        Column(
            name="copy_number",
            dtype=pa.float64(),
            minimum=0,
            description="CN of INFO, or n of an allele <CNn>.",
        ),
        Column(
            name="breakend_form",
            dtype=pa.string(),
            values=BREAKEND_FORMS,
            description="How a breakend joins (VCF 4.5 section 5.4): p is the mate, [ extends "
            "right of it, ] left; before or after the bases t. t. and .t are single breakends.",
        ),
        Column(
            name="mate_chromosome",
            dtype=pa.string(),
            description="Chromosome of the mate of a breakend.",
        ),
        Column(
            name="mate_position",
            dtype=pa.int32(),
            minimum=0,
            description="Position of the mate of a breakend.",
        ),
        Column(
            name="inserted_bases",
            dtype=pa.string(),
            description="Bases between a breakend and its mate (section 5.4.1).",
        ),
    ),
    key=("variant_id", "allele_number", "source_id"),
)
