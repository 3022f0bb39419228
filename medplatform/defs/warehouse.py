"""dbt models as assets, and the marts that they read: polygenic scores, unit conversions."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import polars as pl
from dagster_dbt import DbtCliInvocation, DbtCliResource, dbt_assets
from dagster_dbt.core.dbt_event_iterator import DbtEventIterator
from packaging.version import Version

from medplatform.defs import show
from medplatform.defs.dbt_translator import Translator
from medplatform.defs.ingest import lake_key
from medplatform.defs.references import usable_result, usable_spec
from medplatform.installation import Installation
from medplatform.modalities import TABLES
from medplatform.warehouse import (
    POLYGENIC_SCORE,
    UCUM_CONVERSION,
    ViewTables,
    prepare,
    publish,
    refresh_views,
)
from medplatform.warehouse.conversions import write_ucum_conversions
from medplatform.warehouse.inputs import MartInput
from medplatform.warehouse.runner import (
    PROJECT,
    database,
    forget_parse,
    keep_parse,
    make_run_target,
    project_files,
)
from medplatform.warehouse.scores import write_polygenic_scores
from medplatform.warehouse.view_sources import write_view_sources

WAREHOUSE_POOL = "duckdb"
"""DuckDB has one writer at a time."""
_STUCK_UNITS = 20


class Dbt(DbtCliResource):
    """dbt of this environment, of which is known which version it is.

    To ask its program takes two seconds before each build.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))


def dbt_resource(views: ViewTables) -> DbtCliResource:
    """dbt of this environment, with a manifest made anew where a model or view is younger."""
    write_view_sources(views.files(), PROJECT)
    resource = Dbt(
        project_dir=str(PROJECT),
        profiles_dir=str(PROJECT),
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )
    newest = max(path.stat().st_mtime for path in project_files())
    manifest = manifest_path()
    if not manifest.exists() or manifest.stat().st_mtime < newest:
        _write_manifest(resource, manifest)
    return resource


def _write_manifest(dbt: DbtCliResource, manifest: Path) -> None:
    """Let dbt parse the project. Processes that start together read a whole manifest or none."""
    manifest.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="parse-", dir=manifest.parent) as folder:
        # A partial parse forgets what a properties file says of a singular test.
        dbt.cli(["parse", "--quiet", "--no-partial-parse"], target_path=Path(folder)).wait()
        written = Path(folder) / manifest.name
        written.touch()
        written.replace(manifest)


def manifest_path() -> Path:
    """What dbt knows of the project; depends on the code alone, not on the data."""
    return PROJECT / "target" / "manifest.json"


def warehouse_assets() -> list[dg.AssetsDefinition]:
    """The marts and what they are built from."""

    @dbt_assets(
        manifest=manifest_path(),
        name="warehouse",
        pool=WAREHOUSE_POOL,
        dagster_dbt_translator=Translator(),
    )
    def warehouse(
        context: dg.AssetExecutionContext,
        dbt: DbtCliResource,
        installation: dg.ResourceParam[Installation],
    ) -> Iterator[Any]:
        root = installation.settings.data / "dbt"
        marts = installation.settings.marts
        # dbt reads the place of the warehouse from its environment, as on the command line.
        os.environ.update(prepare(root))
        tables = list(TABLES.values())
        refresh_views(installation.lake, tables, database(root), marts, installation.views)
        forget_parse(root)
        invocation = dbt.cli(
            ["build", "--exclude-resource-type", "unit_test"],
            context=context,
            target_path=make_run_target(root, context.run_id),
            raise_on_error=False,
        )
        counted = _at_rest(invocation, invocation.stream()).fetch_row_counts()
        yield from _at_rest(invocation, counted).fetch_column_metadata()
        keep_parse(root, invocation.target_path)
        result = publish(invocation.target_path, database(root), marts)
        if not result.is_good:
            problems = ", ".join(f"{node.name} ({node.status})" for node in result.problems)
            raise dg.Failure(
                f"dbt found problems in {problems}. The marts concerned were left as they were.",
                allow_retries=False,
            )

    return [_polygenic_score(), _ucum_conversion(), warehouse]


def _at_rest(invocation: DbtCliInvocation, events: Iterator[Any]) -> DbtEventIterator[Any]:
    """The same events, when there are no more to come.

    What attaches metadata asks without a pause whether the next event is there, which takes a core
    from dbt; and it gets no answer of DuckDB before dbt has ended.
    """
    return DbtEventIterator(iter(list(events)), invocation)


def _polygenic_score() -> dg.AssetsDefinition:
    key = dg.AssetKey(["marts", POLYGENIC_SCORE.name])

    @dg.asset(
        key=key,
        deps=[
            lake_key(TABLES[name])
            for name in (
                *("genomics_variant", "genomics_genotype", "genomics_sample", "genomics_block"),
                *("ehr_patient", "ehr_deletion"),
            )
        ],
        description=POLYGENIC_SCORE.description
        + " Computed from the PGS Catalog scoring files in reference/pgs.",
        kinds={"polars", "parquet"},
        group_name="warehouse",
        tags={"modality": "genomics", "phi": "genotype"},
        metadata={"dagster/column_schema": _column_schema(POLYGENIC_SCORE)},
        check_specs=[usable_spec(key)],
    )
    def polygenic_score(installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult:
        from medplatform.modalities.genomics.features.scoring_file import find_unusable

        marts = installation.settings.marts
        unusable = find_unusable(installation.scoring_files)
        usable = [path for path in installation.scoring_files if path not in unusable]
        scores = write_polygenic_scores(installation.lake, usable, marts, installation.genomes)
        files = _describe_scores(installation, usable)
        # Whoever has no score has a row without one.
        matched, listed = pl.col("matched_variants"), pl.col("listed_variants")
        has_score = pl.col("score").is_not_null()
        summary = scores.group_by("score_name", maintain_order=True).agg(
            has_score.sum().alias("patients"),
            matched.filter(has_score).min().alias("fewest matched"),
            listed.first().alias("listed"),
            (matched / listed).filter(has_score).mean().alias("mean share"),
        )
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": scores.height,
                "dagster/uri": dg.MetadataValue.path(
                    str(marts / f"{POLYGENIC_SCORE.name}.parquet")
                ),
                "scoring_files": len(installation.scoring_files),
                "scores": show.markdown(summary),
                # Also those that no patient has: of another build, or skipped row by row.
                "files": show.markdown(files),
            },
            check_results=[usable_result(key, [*unusable.values(), *_find_parts(files)])],
        )

    return polygenic_score


def _describe_scores(installation: Installation, files: Sequence[Path]) -> pl.DataFrame:
    from medplatform.modalities.genomics.features.score import describe_scores
    from medplatform.modalities.genomics.reference.catalogue import Genomes

    with closing(Genomes(installation.genomes)) as genomes:
        return describe_scores(installation.lake, files, genomes)


def _find_parts(files: pl.DataFrame) -> list[str]:
    """What is said of scoring files that have fewer variants than their headers declare."""
    parts = files.filter(pl.col("listed_variants") < pl.col("declared_variants"))
    return [
        f"{name} lists {listed:,} of the {declared:,} variants that its header declares, and the "
        f"scores are of these alone. Transfer it again; where a part is meant, correct "
        f"#variants_number."
        for name, declared, listed in parts.select(
            "score_name", "declared_variants", "listed_variants"
        ).iter_rows()
    ]


def _ucum_conversion() -> dg.AssetsDefinition:
    @dg.asset(
        key=["marts", UCUM_CONVERSION.name],
        deps=[lake_key(TABLES["ehr_observation"])],
        description=f"{UCUM_CONVERSION.description} Computed from the units of UCUM and the "
        "reviewed seeds measurement_codes, unit_spellings and unit_conversions.",
        kinds={"polars", "parquet"},
        group_name="warehouse",
        tags={"modality": "ehr", "phi": "none"},
        metadata={"dagster/column_schema": _column_schema(UCUM_CONVERSION)},
    )
    def ucum_conversion(installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult:
        marts = installation.settings.marts
        conversions = write_ucum_conversions(installation.lake, marts)
        values = pl.col("value_count")
        stuck = conversions.filter(pl.col("problem").is_not_null()).sort(values, descending=True)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": conversions.height,
                "dagster/uri": dg.MetadataValue.path(
                    str(marts / f"{UCUM_CONVERSION.name}.parquet")
                ),
                "values": conversions.select(values.sum()).item(),
                "values_as_delivered": stuck.select(values.sum()).item(),
                "as_delivered": show.markdown(
                    stuck.head(_STUCK_UNITS).select(
                        "observation_code", "delivered_unit", "problem", values
                    )
                ),
            }
        )

    return ucum_conversion


def _column_schema(table: MartInput) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(c.name, str(c.dtype), description=c.description) for c in table.columns
        ]
    )
