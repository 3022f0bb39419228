"""Quality control of genotypes as assets, checks and plots."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from medplatform.defs import show
from medplatform.defs.ingest import lake_key
from medplatform.installation import Installation
from medplatform.lake import Phi
from medplatform.modalities import TABLES
from medplatform.warehouse.genomics_qc import Assessed, write_genomics_qc
from medplatform.warehouse.genomics_tables import (
    GENOMICS_QC,
    GENOMICS_RELATEDNESS,
    GENOMICS_VARIANT_QC,
)
from medplatform.warehouse.inputs import MartInput

if TYPE_CHECKING:
    from medplatform.modalities.genomics.qc.review import Finding

_TABLES = (GENOMICS_QC, GENOMICS_VARIANT_QC, GENOMICS_RELATEDNESS)
_SOURCES = (
    *("genomics_variant", "genomics_allele", "genomics_genotype", "genomics_sample"),
    *("genomics_block", "ehr_patient", "ehr_deletion"),
)
_CHECKS: Mapping[str, tuple[MartInput, str]] = {
    "samples_have_call_rate_of_0_95": (
        GENOMICS_QC,
        "A sample of which more than 5 % of the genotypes are missing was often of poor DNA, and "
        "what was called of it is doubtful too.",
    ),
    "transitions_to_transversions_are_plausible": (
        GENOMICS_QC,
        "A human genome has about 2.0 to 2.1 transitions per transversion, an exome 2.8 to 3.3. "
        "Fewer speak for false calls. Asked of genomes (a million variants and more) and exomes.",
    ),
    "het_hom_ratio_is_within_4_deviations": (
        GENOMICS_QC,
        "Too many heterozygous genotypes hint at contamination with another sample, too few at "
        "missed alleles or relatedness of the parents. Asked where there are 20 samples.",
    ),
    "sex_on_x_is_the_declared_sex": (
        GENOMICS_QC,
        "A sample whose chromosome X is not that of the declared sex was often swapped.",
    ),
    "declared_sex_is_that_of_the_patient": (
        GENOMICS_QC,
        "Where sample sheet and health records say different sexes, one of them is about another "
        "person.",
    ),
    "alleles_with_call_rate_below_0_95_are_at_most_5_percent": (
        GENOMICS_VARIANT_QC,
        "Variants that could often not be called are seldom right where they were.",
    ),
    "alleles_out_of_equilibrium_are_at_most_1_percent": (
        GENOMICS_VARIANT_QC,
        "Common variants far from Hardy-Weinberg equilibrium (p below 0.000001) are mostly errors "
        "of genotyping; many of them also mean several populations.",
    ),
    "no_two_patients_have_one_genome": (
        GENOMICS_RELATEDNESS,
        "Two patients of one genome (kinship above 0.354) are identical twins, one person under "
        "two identifiers, or a sample that was taken twice for two.",
    ),
    "samples_of_a_patient_have_one_genome": (
        GENOMICS_RELATEDNESS,
        "Two samples of a patient that are not of one genome: one was swapped, or is linked to the "
        "wrong patient.",
    ),
}


def genomics_assets() -> list[dg.AssetsDefinition]:
    """The three tables, computed in one step from the genotypes of the lake."""

    @dg.multi_asset(
        name="assess_genotypes",
        specs=[_spec(table) for table in _TABLES],
        check_specs=[
            dg.AssetCheckSpec(name, asset=_key(table), description=why)
            for name, (table, why) in _CHECKS.items()
        ],
        group_name="genomics",
        description="Assesses samples, variants and pairs of samples over all deliveries; does "
        "nothing where the genotypes are those of the last time.",
    )
    def assess_genotypes(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult]:
        from medplatform.modalities.genomics.qc import overview, review

        assessed = write_genomics_qc(installation.lake, installation.settings.marts)
        if not assessed.is_new:
            context.log.info("The genotypes are those of the last time: nothing to compute.")
        quality = assessed.quality()
        shown = {
            GENOMICS_QC: (review.review_samples, overview.draw_samples),
            GENOMICS_VARIANT_QC: (review.review_variants, overview.draw_variants),
            GENOMICS_RELATEDNESS: (review.review_pairs, overview.draw_pairs),
        }
        for table in _TABLES:
            find, draw = shown[table]
            yield dg.MaterializeResult(
                asset_key=_key(table),
                metadata=_metadata(assessed, table)
                | {title: show.image(png) for title, png in draw(quality).items()},
                data_version=dg.DataVersion(assessed.inputs[:16]),
                check_results=[_result(table, finding) for finding in find(quality)],
            )

    return [assess_genotypes]


def _key(table: MartInput) -> dg.AssetKey:
    return dg.AssetKey(["marts", table.name])


def _spec(table: MartInput) -> dg.AssetSpec:
    return dg.AssetSpec(
        _key(table),
        deps=[lake_key(TABLES[name]) for name in _SOURCES],
        description=f"{table.description} See docs/genomics-qc.md.",
        kinds={"polars", "parquet"},
        tags={"modality": "genomics", "phi": "genotype"},
        metadata={"dagster/column_schema": show.schema_of_columns(table.columns, table.key)},
    )


def _metadata(assessed: Assessed, table: MartInput) -> dict[str, dg.MetadataValue]:
    rows = pl.scan_parquet(assessed.path(table))
    harmless = [column.name for column in table.columns if column.phi is Phi.NONE]
    return {
        "dagster/row_count": dg.MetadataValue.int(rows.select(pl.len()).collect().item()),
        "dagster/uri": dg.MetadataValue.path(str(assessed.path(table))),
        "computed_anew": dg.MetadataValue.bool(assessed.is_new),
        "preview": show.markdown(rows.select(harmless).head(show.PREVIEW_ROWS).collect()),
    }


def _result(table: MartInput, finding: "Finding") -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=_key(table),
        check_name=finding.rule,
        passed=finding.is_good,
        severity=dg.AssetCheckSeverity.WARN,
        description=_describe(finding),
        metadata={
            "value": finding.value,
            "threshold": finding.threshold,
            "judged": finding.judged,
            **finding.details,
        },
    )


def _describe(finding: "Finding") -> str | None:
    if finding.is_good:
        return None if finding.judged else "Too little to judge by."
    return f"{finding.value:.4g}, of {finding.judged} judged; at most {finding.threshold:.4g}."
