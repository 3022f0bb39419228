"""What the marts of quality control of genotypes hold."""

import pyarrow as pa

from medplatform.lake import Column, Phi
from medplatform.warehouse.inputs import MartInput

SEXES = ("female", "male")
RELATIONS = (
    "duplicate",
    "parent and child",
    "siblings",
    "second degree",
    "third degree",
    "unrelated",
)


def _id(name: str, description: str) -> Column:
    return Column(
        name=name,
        dtype=pa.string(),
        required=True,
        phi=Phi.PSEUDONYM,
        description=description,
    )


def _text(name: str, description: str, values: tuple[str, ...] = ()) -> Column:
    return Column(name=name, dtype=pa.string(), values=values, description=description)


def _sex(name: str, description: str) -> Column:
    return Column(
        name=name,
        dtype=pa.string(),
        phi=Phi.QUASI_IDENTIFIER,
        description=description,
    )


def _count(name: str, description: str) -> Column:
    return Column(
        name=name, dtype=pa.int64(), required=True, unit="1", minimum=0, description=description
    )


def _ratio(name: str, description: str, maximum: float | None = None) -> Column:
    return Column(
        name=name, dtype=pa.float64(), unit="1", minimum=0, maximum=maximum, description=description
    )


def _number(name: str, description: str) -> Column:
    return Column(name=name, dtype=pa.float64(), unit="1", maximum=1, description=description)


def _flag(name: str, description: str) -> Column:
    return Column(name=name, dtype=pa.bool_(), phi=Phi.QUASI_IDENTIFIER, description=description)


GENOMICS_QC = MartInput(
    name="genomics_qc",
    description="One row per sample of a delivery, over all its files: how well it was called and "
    "what speaks against it.",
    key=("delivery", "sample_id"),
    columns=(
        Column(
            name="delivery", dtype=pa.string(), required=True, description="Name of the delivery."
        ),
        _id("sample_id", "Token of the sample name."),
        _id("patient_id", "Pseudonym of the patient."),
        _count("called", "Genotypes without a missing allele."),
        _count("missing", "Genotypes with a missing allele."),
        _ratio("call_rate", "Called, of all genotypes of its files.", 1),
        _count("homozygous_reference", "Genotypes that are the reference twice."),
        _count("heterozygous", "Genotypes of two different alleles."),
        _count("homozygous_alternate", "Genotypes that are one alternate allele twice."),
        _count("haploid", "Genotypes of one allele."),
        _ratio(
            "het_hom_ratio", "Heterozygous per homozygous alternate genotypes of the autosomes."
        ),
        _count("transitions", "Transitions that the sample carries."),
        _count("transversions", "Transversions that the sample carries."),
        _ratio("ti_tv_ratio", "Transitions per transversion."),
        _count("snvs", "Single-nucleotide variants that the sample carries."),
        _count("indels", "Insertions and deletions that the sample carries."),
        _count("other_alleles", "Other alternate alleles that the sample carries."),
        _count(
            "multiallelic",
            "Genotypes other than the reference at records of several alternate alleles.",
        ),
        _count("singletons", "Alternate alleles that no other sample of the lake carries."),
        _ratio("mean_depth", "Mean of DP of FORMAT; null where the files have none."),
        _ratio("mean_genotype_quality", "Mean of GQ of FORMAT; null where the files have none."),
        _number(
            "inbreeding",
            "F of the autosomes: homozygous genotypes beyond those expected, as plink --het.",
        ),
        _count("x_called", "Called variants of X outside the pseudoautosomal regions."),
        _number("x_inbreeding", "F of these: about 1 in men and 0 in women."),
        _count("y_called", "Called genotypes of Y outside the pseudoautosomal regions."),
        _count("y_carried", "Of these, with an alternate allele."),
        _sex("declared_sex", "Sex that the sample sheet says."),
        _sex("patient_sex", "Sex that health records say."),
        _sex("inferred_sex", "Sex by F of X: male above 0.8, female below 0.2, else null."),
        _flag("is_sex_mismatch", "Whether another sex is known than inferred; null if unknown."),
        _flag("sexes_disagree", "Whether sample sheet and health records disagree on the sex."),
    ),
)
GENOMICS_VARIANT_QC = MartInput(
    name="genomics_variant_qc",
    description="One row per alternate allele: its genotypes over all deliveries. Of a sample that "
    "was delivered again, the last delivery by name counts.",
    key=("allele_id",),
    columns=(
        _text("allele_id", "build-chromosome-position-reference-alternate."),
        _text("genome_build", "Reference assembly of the position."),
        _text("chromosome", "Chromosome without the prefix chr."),
        Column(name="position", dtype=pa.int32(), minimum=0, description="Position, from 1."),
        _text("reference_allele", "Reference allele."),
        _text("alternate_allele", "Alternate allele."),
        _text("kind", "What it changes.", ("transition", "transversion", "indel", "other")),
        _text(
            "region",
            "autosome (with the pseudoautosomal regions), x, y, or other.",
            ("autosome", "x", "y", "other"),
        ),
        _count("alternate_count", "Most alternate alleles of a record that has it."),
        _count("called_samples", "Samples whose genotype has no missing allele."),
        _count("missing_samples", "Samples whose genotype has a missing allele."),
        _ratio("call_rate", "Called, of the samples whose files have the record.", 1),
        _count("homozygous_reference", "Samples with two alleles other than this one."),
        _count("heterozygous", "Samples with this allele once, and another."),
        _count("homozygous_alternate", "Samples with this allele twice."),
        _count("haploid_reference", "Samples with one allele, another than this one."),
        _count("haploid_alternate", "Samples with one allele, which is this one."),
        _count("carriers", "Samples that have this allele."),
        _count("allele_copies", "Copies of this allele (AC)."),
        _count("called_alleles", "Called alleles (AN)."),
        _ratio("alternate_frequency", "Copies, of the called alleles.", 1),
        _ratio("minor_allele_frequency", "The smaller of the frequency and its complement.", 0.5),
        _ratio(
            "hardy_weinberg_p",
            "Exact test of equilibrium (Wigginton 2005); null off the autosomes.",
            1,
        ),
        _ratio("hardy_weinberg_mid_p", "The same with the mid-p correction.", 1),
    ),
)
GENOMICS_RELATEDNESS = MartInput(
    name="genomics_relatedness",
    description="One row per pair of samples that are related, or are of one patient.",
    key=("first_delivery", "first_sample_id", "second_delivery", "second_sample_id"),
    columns=(
        *(
            column
            for side in ("first", "second")
            for column in (
                _text(f"{side}_delivery", f"Delivery of the {side} sample."),
                _id(f"{side}_sample_id", f"Token of the name of the {side} sample."),
                _id(f"{side}_patient_id", f"Pseudonym of the patient of the {side} sample."),
            )
        ),
        _number("kinship", "KING-robust kinship (Manichaikul 2010): 1/2 is the same genome."),
        _count("shared_markers", "Markers that are called in both."),
        _ratio(
            "opposite_homozygotes",
            "Of these, where the two are homozygous for different alleles.",
            1,
        ),
        _text("relation", "The closest relation that the kinship speaks for.", RELATIONS),
        Column(
            name="is_same_patient",
            dtype=pa.bool_(),
            required=True,
            description="Whether both samples are of one patient.",
        ),
    ),
)
