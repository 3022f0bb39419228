"""The rules of quality control, each with what it means where one is broken."""

from collections.abc import Mapping

SAMPLE_RULES: Mapping[str, str] = {
    "samples_have_call_rate_of_0_95": (
        "A sample of which more than 5 % of the genotypes are missing was often of poor DNA, and "
        "what was called of it is doubtful too."
    ),
    "transitions_to_transversions_are_plausible": (
        "A human genome has about 2.0 to 2.1 transitions per transversion, an exome 2.8 to 3.3. "
        "Fewer speak for false calls. Asked of genomes (a million variants and more) and exomes."
    ),
    "het_hom_ratio_is_within_4_deviations": (
        "Too many heterozygous genotypes hint at contamination with another sample, too few at "
        "missed alleles or relatedness of the parents. Asked where there are 20 samples."
    ),
    "sex_on_x_is_the_declared_sex": (
        "A sample whose chromosome X is not that of the declared sex was often swapped."
    ),
    "declared_sex_is_that_of_the_patient": (
        "Where sample sheet and health records say different sexes, one of them is about another "
        "person."
    ),
}
"""Asked of samples."""

VARIANT_RULES: Mapping[str, str] = {
    "alleles_with_call_rate_below_0_95_are_at_most_5_percent": (
        "Variants that could often not be called are seldom right where they were."
    ),
    "alleles_out_of_equilibrium_are_at_most_1_percent": (
        "Common variants far from Hardy-Weinberg equilibrium (p below 0.000001) are mostly errors "
        "of genotyping; many of them also mean several populations."
    ),
}
"""Asked of alternate alleles."""

PAIR_RULES: Mapping[str, str] = {
    "no_two_patients_have_one_genome": (
        "Two patients of one genome (kinship above 0.354) are identical twins, one person under "
        "two identifiers, or a sample that was taken twice for two."
    ),
    "samples_of_a_patient_have_one_genome": (
        "Two samples of a patient that are not of one genome: one was swapped, or is linked to "
        "the wrong patient."
    ),
}
"""Asked of pairs of samples."""

RULES = {**SAMPLE_RULES, **VARIANT_RULES, **PAIR_RULES}
