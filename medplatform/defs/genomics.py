"""Quality control of genotypes as assets, checks and plots."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from medplatform.defs import show
from medplatform.defs.ingest import lake_key
from medplatform.installation import Installation
from medplatform.lake import Phi
from medplatform.modalities import TABLES
from medplatform.modalities.genomics.qc import meaning
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
_RULES = {
    GENOMICS_QC: meaning.SAMPLE_RULES,
    GENOMICS_VARIANT_QC: meaning.VARIANT_RULES,
    GENOMICS_RELATEDNESS: meaning.PAIR_RULES,
}


def genomics_assets() -> list[dg.AssetsDefinition]:
    """The three tables, computed in one step from the genotypes of the lake."""

    @dg.multi_asset(
        name="assess_genotypes",
        specs=[_spec(table) for table in _TABLES],
        check_specs=[
            dg.AssetCheckSpec(name, asset=_key(table), description=why)
            for table, rules in _RULES.items()
            for name, why in rules.items()
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
        description=finding.says,
        metadata={
            "value": finding.value,
            "threshold": finding.threshold,
            "judged": finding.judged,
            **finding.details,
        },
    )
