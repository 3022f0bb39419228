"""All figures of quality control, from the lake."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.qc.alleles import PLACE, Kind
from medplatform.modalities.genomics.qc.categories import CARRIERS, Category
from medplatform.modalities.genomics.qc.cohorts import Cohorts
from medplatform.modalities.genomics.qc.counts import (
    SampleCounts,
    count_genotypes,
    total_alleles,
)
from medplatform.modalities.genomics.qc.hardy_weinberg import exact_test
from medplatform.modalities.genomics.qc.heterozygosity import (
    Homozygosity,
    infer_sex,
    measure_homozygosity,
)
from medplatform.modalities.genomics.qc.regions import Region
from medplatform.modalities.genomics.qc.relatedness import Relatedness, find_related

KINDS = {int(kind): kind.name.lower() for kind in Kind}
REGIONS = {int(region): region.name.lower() for region in Region}


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of samples, of alternate alleles, and of pairs of samples."""

    samples: pl.DataFrame
    variants: pl.DataFrame
    relatedness: Relatedness


def assess(
    lake: Lake, *, without: Sequence[str] = (), sexes: pl.DataFrame | None = None
) -> Quality:
    """Assess all genotypes of the lake, in memory that grows with samples and with alleles only.

    Parameters
    ----------
    without
        Patients of whom nothing counts.
    sexes
        patient_id and patient_sex (male, female, or null), one row per patient: what health
        records say.
    """
    cohorts = Cohorts(lake, without)
    with TemporaryDirectory(prefix="genomics-qc-") as name:
        folder = Path(name)
        counts = count_genotypes(lake, cohorts, folder)
        alleles = total_alleles(folder) if cohorts.people.height else _no_alleles()
        variants = describe_variants(alleles)
        homozygosity = measure_homozygosity(
            cohorts, folder, variants.select("allele_id", "alternate_frequency")
        )
    samples = describe_samples(cohorts.people, counts, homozygosity, variants, sexes)
    related = find_related(lake, variants, list(without))
    return Quality(
        samples.filter(~pl.col("patient_id").is_in(list(without))),
        variants.drop("carrier"),
        related,
    )


def describe_variants(alleles: pl.DataFrame) -> pl.DataFrame:
    """Figures of each alternate allele, from its genotype counts (`counts.total_alleles`)."""
    hets, homs, others, haploid, other_haploid, missing = (
        pl.col(category.name.lower())
        for category in (
            Category.HETEROZYGOUS,
            Category.HOMOZYGOUS_ALTERNATE,
            Category.HOMOZYGOUS_REFERENCE,
            Category.HAPLOID_ALTERNATE,
            Category.HAPLOID_REFERENCE,
            Category.MISSING,
        )
    )
    called = hets + homs + others + haploid + other_haploid
    frequency = pl.col("allele_copies") / pl.col("called_alleles")
    p, mid_p = exact_test(*(alleles[e.meta.output_name()].to_numpy() for e in (hets, homs, others)))
    is_autosome = pl.col("region") == int(Region.AUTOSOME)
    return (
        alleles.with_columns(
            called_samples=called,
            missing_samples=missing,
            call_rate=_ratio(called, called + missing),
            allele_copies=hets + 2 * homs + haploid,
            called_alleles=2 * (hets + homs + others) + haploid + other_haploid,
            hardy_weinberg_p=pl.Series(p).fill_nan(None),
            hardy_weinberg_mid_p=pl.Series(mid_p).fill_nan(None),
        )
        .with_columns(
            alternate_frequency=pl.when(pl.col("called_alleles") > 0).then(frequency),
            # X, Y and the mitochondrion are not in equilibrium over both sexes.
            **{
                name: pl.when(is_autosome).then(pl.col(name))
                for name in ("hardy_weinberg_p", "hardy_weinberg_mid_p")
            },
        )
        .with_columns(
            minor_allele_frequency=pl.min_horizontal(
                "alternate_frequency", 1 - pl.col("alternate_frequency")
            )
        )
        .with_columns(
            pl.col("kind").replace_strict(KINDS, return_dtype=pl.String),
            pl.col("region").replace_strict(REGIONS, return_dtype=pl.String),
        )
        .drop("missing")
    )


def describe_samples(
    people: pl.DataFrame,
    counts: SampleCounts,
    homozygosity: Homozygosity,
    variants: pl.DataFrame,
    sexes: pl.DataFrame | None,
) -> pl.DataFrame:
    """Figures of each sample of a delivery."""
    genotypes = counts.genotypes.sum(axis=0)
    called = genotypes[:, 1 : Category.EXCLUDED].sum(axis=1)
    autosomal = counts.genotypes[Region.AUTOSOME]
    on_y = counts.genotypes[Region.Y]
    ti, tv = counts.carried[Kind.TRANSITION], counts.carried[Kind.TRANSVERSION]
    on_x = homozygosity.called(Region.X)
    f_on_x = homozygosity.inbreeding(Region.X)
    alone = variants.filter(pl.col("carriers") == 1)["carrier"].to_numpy()
    if sexes is None:
        sexes = pl.DataFrame(schema={"patient_id": pl.String, "patient_sex": pl.String})
    frame = people.with_columns(
        called=called,
        missing=genotypes[:, Category.MISSING],
        call_rate=_divide(called, called + genotypes[:, Category.MISSING]),
        homozygous_reference=genotypes[:, Category.HOMOZYGOUS_REFERENCE],
        heterozygous=genotypes[:, Category.HETEROZYGOUS],
        homozygous_alternate=genotypes[:, Category.HOMOZYGOUS_ALTERNATE],
        haploid=genotypes[:, Category.HAPLOID_REFERENCE] + genotypes[:, Category.HAPLOID_ALTERNATE],
        het_hom_ratio=_divide(
            autosomal[:, Category.HETEROZYGOUS], autosomal[:, Category.HOMOZYGOUS_ALTERNATE]
        ),
        transitions=ti,
        transversions=tv,
        ti_tv_ratio=_divide(ti, tv),
        snvs=ti + tv,
        indels=counts.carried[Kind.INDEL],
        other_alleles=counts.carried[Kind.OTHER],
        multiallelic=counts.multiallelic,
        singletons=np.bincount(alone, minlength=people.height),
        mean_depth=counts.mean("format_DP"),
        mean_genotype_quality=counts.mean("format_GQ"),
        inbreeding=homozygosity.inbreeding(Region.AUTOSOME),
        x_called=on_x,
        x_inbreeding=f_on_x,
        y_called=on_y[:, 1 : Category.EXCLUDED].sum(axis=1),
        y_carried=on_y[:, list(CARRIERS)].sum(axis=1),
        inferred_sex=pl.Series(infer_sex(f_on_x, on_x), dtype=pl.String),
    ).with_columns(pl.selectors.float().fill_nan(None))
    declared, of_patient = (
        pl.when(pl.col(name).is_in(["male", "female"])).then(pl.col(name))
        for name in ("declared_sex", "patient_sex")
    )
    return frame.join(sexes, on="patient_id", how="left", maintain_order="left").with_columns(
        is_sex_mismatch=pl.coalesce(declared, of_patient) != pl.col("inferred_sex"),
        sexes_disagree=declared != of_patient,
    )


def _no_alleles() -> pl.DataFrame:
    from medplatform.modalities.genomics.qc.counts import COUNTS

    texts = ("allele_id", *PLACE)
    schema = dict.fromkeys(texts, pl.String) | {"position": pl.Int32}
    schema |= {"kind": pl.UInt8, "region": pl.UInt8, "alternate_count": pl.UInt32}
    return pl.DataFrame(schema=schema | dict.fromkeys((*COUNTS, "carriers", "carrier"), pl.Int64))


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole)


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
