"""What of the figures of quality control is implausible: rules with a value and a threshold.

Published ranges, each where it can be told: DePristo et al., Nature Genetics 43 (2011), for the
ratio of transitions to transversions; Anderson et al., Nature Protocols 5 (2010), for call rates,
heterozygosity, sex, and relatedness.
"""

from dataclasses import dataclass, field

import polars as pl

from medplatform.modalities.genomics.qc.assess import Quality
from medplatform.modalities.genomics.qc.kinship import DEGREES

SMALLEST_CALL_RATE = 0.95
LARGEST_PART = 0.05
"""Of alleles, below the call rate."""
GENOME_TI_TV = (1.9, 2.2)
EXOME_TI_TV = (2.6, 3.4)
GENOME_SNVS = 1_000_000
"""A sample that carries so many has its whole genome called."""
EXOME_SNVS = 10_000
CLUSTERED = 20
"""An exome's variants lie together: their mean distance is more than so many times the median."""
LARGEST_DEVIATION = 4
FEWEST_SAMPLES = 20
"""Below which no sample is called an outlier among them."""
HARDY_WEINBERG_P = 1e-6
LARGEST_OUTLIER_PART = 0.01
FEWEST_ALLELES = 100
COMMON = 0.05
_NORMAL = 1.4826
"""Standard deviations per median absolute deviation, of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule: passed where `value` is at most `threshold`.

    `judged` is of how many samples, alleles or pairs the rule could be asked at all.
    """

    rule: str
    value: float
    threshold: float
    judged: int
    details: dict[str, float] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether the rule holds."""
        return self.value <= self.threshold

    @property
    def says(self) -> str | None:
        """What was found; None where the rule holds."""
        if self.is_good:
            return None if self.judged else "Too little to judge by."
        return f"{self.value:.4g}, of {self.judged} judged; at most {self.threshold:.4g}."


def review(quality: Quality) -> list[Finding]:
    """All rules."""
    return [*review_samples(quality), *review_variants(quality), *review_pairs(quality)]


def review_samples(quality: Quality) -> list[Finding]:
    """The rules on samples."""
    samples = quality.samples
    rates = samples["call_rate"].drop_nulls()
    judged = samples["is_sex_mismatch"].drop_nulls()
    disagree = samples["sexes_disagree"].drop_nulls()
    return [
        Finding(
            "samples_have_call_rate_of_0_95",
            int((rates < SMALLEST_CALL_RATE).sum()),
            0,
            len(rates),
            {"smallest call rate": SMALLEST_CALL_RATE},
        ),
        _review_ti_tv(samples, is_exome=_is_clustered(quality.variants)),
        _review_het_hom(samples),
        Finding("sex_on_x_is_the_declared_sex", int(judged.sum()), 0, len(judged)),
        Finding("declared_sex_is_that_of_the_patient", int(disagree.sum()), 0, len(disagree)),
    ]


def review_variants(quality: Quality) -> list[Finding]:
    """The rules on alternate alleles."""
    variants = quality.variants
    rates = variants["call_rate"].drop_nulls()
    common = variants.filter(
        pl.col("minor_allele_frequency") > COMMON,
        pl.col("called_samples") >= FEWEST_SAMPLES,
        pl.col("hardy_weinberg_p").is_not_null(),
    )
    outliers = int((common["hardy_weinberg_p"] < HARDY_WEINBERG_P).sum())
    return [
        Finding(
            "alleles_with_call_rate_below_0_95_are_at_most_5_percent",
            _part(int((rates < SMALLEST_CALL_RATE).sum()), len(rates)),
            LARGEST_PART,
            len(rates),
        ),
        Finding(
            "alleles_out_of_equilibrium_are_at_most_1_percent",
            _part(outliers, common.height) if common.height >= FEWEST_ALLELES else 0,
            LARGEST_OUTLIER_PART,
            common.height if common.height >= FEWEST_ALLELES else 0,
            {"smallest p": HARDY_WEINBERG_P, "outliers": outliers},
        ),
    ]


def review_pairs(quality: Quality) -> list[Finding]:
    """The rules on pairs of samples."""
    pairs = quality.relatedness.pairs
    is_duplicate = pl.col("kinship") > DEGREES["duplicate"]
    same = pairs.filter(pl.col("is_same_patient"), pl.col("kinship").is_not_null())
    details = {
        "markers": quality.relatedness.markers,
        "smallest kinship looked for": quality.relatedness.least or 1.0,
    }
    duplicates = pairs.filter(is_duplicate, ~pl.col("is_same_patient")).height
    return [
        Finding("no_two_patients_have_one_genome", duplicates, 0, pairs.height, details),
        Finding(
            "samples_of_a_patient_have_one_genome",
            same.filter(~is_duplicate).height,
            0,
            same.height,
            details,
        ),
    ]


def _review_ti_tv(samples: pl.DataFrame, *, is_exome: bool) -> Finding:
    snvs, ratio = pl.col("snvs"), pl.col("ti_tv_ratio")
    genomes = samples.filter(snvs >= GENOME_SNVS)
    exomes = samples.filter(snvs.is_between(EXOME_SNVS, GENOME_SNVS - 1), is_exome)
    strange = [
        frame.filter(~ratio.is_between(*limits)).height
        for frame, limits in ((genomes, GENOME_TI_TV), (exomes, EXOME_TI_TV))
    ]
    bounds = {
        "genomes": genomes.height,
        "genome from": GENOME_TI_TV[0],
        "genome to": GENOME_TI_TV[1],
        "exomes": exomes.height,
        "exome from": EXOME_TI_TV[0],
        "exome to": EXOME_TI_TV[1],
    }
    rule = "transitions_to_transversions_are_plausible"
    return Finding(rule, sum(strange), 0, genomes.height + exomes.height, bounds)


def _review_het_hom(samples: pl.DataFrame) -> Finding:
    """Samples far from the others: too many heterozygous genotypes hint at contamination."""
    ratios = samples["het_hom_ratio"].drop_nulls()
    rule = "het_hom_ratio_is_within_4_deviations"
    median = ratios.median()
    if len(ratios) < FEWEST_SAMPLES or not isinstance(median, float):
        return Finding(rule, 0, 0, 0)
    distance = (ratios - median).abs()
    spread = distance.median()
    limit = LARGEST_DEVIATION * _NORMAL * (spread if isinstance(spread, float) else 0.0)
    return Finding(
        rule,
        int((distance > limit).sum()),
        0,
        len(ratios),
        {"median": median, "largest distance": limit},
    )


def _is_clustered(variants: pl.DataFrame) -> bool:
    """Whether variants lie together as those of an exome do."""
    gaps = (
        variants.lazy()
        .select("genome_build", "chromosome", "position")
        .unique()
        .sort("genome_build", "chromosome", "position")
        .select(gap=pl.col("position").diff().over("genome_build", "chromosome"))
        .drop_nulls()
        .select(mean=pl.col("gap").mean(), median=pl.col("gap").median())
        .collect()
    )
    mean, median = gaps.row(0)
    return mean is not None and mean > CLUSTERED * median


def _part(some: int, of: int) -> float:
    return some / of if of else 0.0
