"""One asset per ViewDefinition: a table over the current FHIR resources of the lake."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import dagster as dg
import polars as pl

from medplatform.defs import show
from medplatform.defs.ingest_checks import lake_key
from medplatform.installation import Installation
from medplatform.modalities.ehr.nested import FAMILY
from medplatform.modalities.ehr.tables import DELETION, PATIENT
from medplatform.views import View, ViewError, ViewFile, column_types
from medplatform.warehouse import BuiltView, ViewTables, build_view
from medplatform.warehouse.view_sources import describe
from medplatform.warehouse.view_tables import input_digests

GROUP = "views"
ANSWERED = "view_can_be_answered"
_WHY = (
    "A file that is no valid ViewDefinition, or that the data contradict, leaves the last good "
    "table as it was, and what reads it ages unseen."
)
_HARMLESS = frozenset({"boolean", "code", "decimal", "integer", "positiveInt", "unsignedInt"})
"""FHIR types of which a preview shows values: no ids, dates, texts or addresses."""
_PEOPLE = frozenset({"FamilyMemberHistory", "Patient", "Person", "Practitioner", "RelatedPerson"})
"""Resources about persons: their codes and numbers identify in combination."""


def view_assets(views: ViewTables) -> list[dg.AssetsDefinition]:
    """The assets of a folder of views, built in one step; none where it has no files."""
    files = views.files()
    if not files:
        return []

    @dg.multi_asset(
        name="build_views",
        specs=[_spec(file) for file in files],
        check_specs=[
            dg.AssetCheckSpec(ANSWERED, asset=view_key(file), description=_WHY) for file in files
        ],
        can_subset=True,
        description="Builds the tables of ViewDefinitions from the current resources of the lake.",
    )
    def build_views(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        selected = context.selected_asset_keys
        # As they are now: the code location may have been loaded before the last edit.
        current = {file.name: file for file in installation.views.files()}
        for file in files:
            if view_key(file) in selected:
                yield from _build(installation, current.get(file.name, file), file)

    return [build_views]


def view_key(file: ViewFile) -> dg.AssetKey:
    """Asset key of a view."""
    return dg.AssetKey([GROUP, file.name])


def _spec(file: ViewFile) -> dg.AssetSpec:
    metadata = {"definition": dg.MetadataValue.path(str(file.path))}
    return dg.AssetSpec(
        view_key(file),
        deps=[lake_key(FAMILY), lake_key(DELETION), lake_key(PATIENT)],
        description=describe(file),
        kinds={"duckdb", "parquet", "fhir"},
        group_name=GROUP,
        code_version=file.digest[:16],
        tags={"modality": "ehr", "phi": "de-identified"},
        metadata=metadata
        | ({"dagster/column_schema": _column_schema(file.view)} if file.view else {}),
    )


def _column_schema(view: View) -> dg.TableSchema:
    paths = {column.name: column.path.text for column in view.columns()}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.sql_type,
                description=" ".join(
                    filter(None, [column.description, f"FHIRPath: {paths[column.name]}"])
                ),
                tags={"fhir": column.fhir_type} if column.fhir_type else {},
            )
            for column in column_types(view).values()
        ]
    )


def _build(
    installation: Installation, file: ViewFile, loaded: ViewFile
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """The table of a view, or the reason why there is no new one."""
    view, out = file.view, installation.views.path(loaded.name)
    if view is None:
        yield _failed(loaded, str(file.error))
        return
    try:
        built = build_view(installation.lake, view, out)
    except ViewError as error:
        yield _failed(loaded, f"{file.path.name}: {error}")
        return
    yield dg.MaterializeResult(
        asset_key=view_key(loaded),
        metadata=_metadata(view, built, out),
        data_version=_data_version(file.digest, input_digests(installation.lake, view)),
        check_results=[_check_result(loaded, passed=True)],
    )


def _failed(file: ViewFile, reason: str) -> dg.AssetCheckResult:
    return _check_result(file, passed=False, description=reason)


def _check_result(
    file: ViewFile, *, passed: bool, description: str | None = None
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=view_key(file),
        check_name=ANSWERED,
        passed=passed,
        description=description,
        metadata={"value": int(not passed), "threshold": 0},
    )


def _metadata(view: View, built: BuiltView, out: Path) -> dict[str, dg.MetadataValue]:
    resources = built.resources
    return {
        "dagster/row_count": dg.MetadataValue.int(built.rows),
        "dagster/uri": dg.MetadataValue.path(str(out)),
        "dagster/column_schema": dg.MetadataValue.table_schema(_column_schema(view)),
        "resources": dg.MetadataValue.int(resources.count),
        "resources_left_out": dg.MetadataValue.int(resources.modified),
        "versions_delivered": dg.MetadataValue.int(resources.versions),
        "sql": dg.MetadataValue.md(f"```sql\n{built.sql}\n```"),
        "preview": _preview(view, out),
    }


def _preview(view: View, out: Path) -> dg.MetadataValue:
    harmless = {"boolean"} if view.resource in _PEOPLE else _HARMLESS
    shown = [name for name, c in column_types(view).items() if c.fhir_type in harmless]
    if not shown:
        return dg.MetadataValue.text("no column says nothing about a person")
    return show.markdown(pl.scan_parquet(out).select(shown).head(show.PREVIEW_ROWS).collect())


def _data_version(definition: str, inputs: Sequence[str]) -> dg.DataVersion:
    return dg.DataVersion(sha256("\n".join([definition, *inputs]).encode()).hexdigest()[:16])
