"""Series, studies and volumes of images as assets, and the checks of what they were made from."""

from collections.abc import Iterator

import dagster as dg
import polars as pl
from pyarrow.types import is_list

from medplatform.defs import show
from medplatform.defs.ingest import lake_key
from medplatform.installation import Installation
from medplatform.lake import Phi
from medplatform.modalities.ehr.tables import DELETION, PATIENT
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE
from medplatform.warehouse.inputs import (
    IMAGING_SERIES,
    IMAGING_STUDY,
    IMAGING_VOLUME,
    MartInput,
)
from medplatform.warehouse.volumes import Assembled, write_volumes

GEOMETRY = "geometry_has_no_fault"
PATIENTS = "every_series_has_one_known_patient"
PHOTOMETRIC = "photometric_fits_the_pixels"
_TABLES = (IMAGING_SERIES, IMAGING_STUDY, IMAGING_VOLUME)
_CHECKS = {
    GEOMETRY: "A series with a missing, doubled or tilted slice still makes a volume, of the wrong "
    "shape. Each fault is a column of the series and of its volumes: train on those of which "
    "geometry_status is volume. Which ones: select series_id, faults from "
    "read_parquet('<data>/marts/imaging_series.parquet') where len(faults) > 0.",
    PATIENTS: "A series that names no or several patients joins to none, or to a stranger. One of "
    "a patient without health records is often under a wrong identifier. Which ones: select "
    "series_id, patient_id from read_parquet('<data>/marts/imaging_series.parquet') where "
    "has_mixed_patients or patient_id is null or patient_id not in (select patient_id from "
    "read_parquet('<data>/lake/ehr_patient/*/*.parquet')).",
    PHOTOMETRIC: "Pixels are stored as MONOCHROME1, MONOCHROME2 or RGB. Anything else, or another "
    "number of samples, is shown and trained on in wrong colours.",
}


def volume_assets() -> list[dg.AssetsDefinition]:
    """The three tables, computed in one step from the images of the lake."""

    @dg.multi_asset(
        name="assemble_volumes",
        specs=[_spec(table) for table in _TABLES],
        check_specs=[
            dg.AssetCheckSpec(name, asset=_key(IMAGING_SERIES), description=why)
            for name, why in _CHECKS.items()
        ],
        group_name="imaging",
        description="Assembles series, studies and volumes from the images of all deliveries; "
        "does nothing where the images are those of the last time.",
    )
    def assemble_volumes(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult]:
        assembled = write_volumes(installation.lake, installation.settings.marts)
        if not assembled.is_new:
            context.log.info("The images are those of the last time: nothing to compute.")
        series = assembled.read(IMAGING_SERIES)
        for table in _TABLES:
            is_series = table is IMAGING_SERIES
            yield dg.MaterializeResult(
                asset_key=_key(table),
                metadata=_metadata(assembled, table) | (_faults(series) if is_series else {}),
                data_version=dg.DataVersion(assembled.inputs[:16]),
                check_results=list(_check_results(series, installation)) if is_series else [],
            )

    return [assemble_volumes]


def _key(table: MartInput) -> dg.AssetKey:
    return dg.AssetKey(["marts", table.name])


def _spec(table: MartInput) -> dg.AssetSpec:
    return dg.AssetSpec(
        _key(table),
        deps=[lake_key(t) for t in (IMAGING_INSTANCE, IMAGING_FRAME, DELETION, PATIENT)],
        description=f"{table.description} See docs/imaging-volumes.md.",
        kinds={"polars", "parquet"},
        tags={"modality": "imaging", "phi": "de-identified"},
        metadata={"dagster/column_schema": show.schema_of_columns(table.columns, table.key)},
    )


def _metadata(assembled: Assembled, table: MartInput) -> dict[str, dg.MetadataValue]:
    rows = pl.scan_parquet(assembled.path(table))
    harmless = [c.name for c in table.columns if c.phi is Phi.NONE and not is_list(c.dtype)]
    return {
        "dagster/row_count": dg.MetadataValue.int(rows.select(pl.len()).collect().item()),
        "dagster/uri": dg.MetadataValue.path(str(assembled.path(table))),
        "computed_anew": dg.MetadataValue.bool(assembled.is_new),
        "preview": show.markdown(rows.select(harmless).head(show.PREVIEW_ROWS).collect()),
    }


def _faults(series: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """How many series of which modality have which geometry, and which faults."""
    return {
        "geometry": show.markdown(
            series.group_by("modality", "geometry_status")
            .agg(series=pl.len(), instances=pl.col("instances").sum())
            .sort("modality", "geometry_status")
        ),
        "faults": show.markdown(_count_faults(series)),
    }


def _count_faults(series: pl.DataFrame) -> pl.DataFrame:
    """Series per fault and modality: their ids are of the tables, not of the event log."""
    return (
        series.explode("faults")
        .drop_nulls("faults")
        .group_by(fault="faults", modality="modality")
        .agg(series=pl.len(), instances=pl.col("instances").sum())
        .sort("series", "fault", "modality", descending=[True, False, False])
    )


def _check_results(
    series: pl.DataFrame, installation: Installation
) -> Iterator[dg.AssetCheckResult]:
    from medplatform.volumes.review import count_photometrics, find_unknown_patients

    lake = installation.lake
    faulty = series.filter(pl.col("faults").list.len() > 0).height
    yield _warning(
        GEOMETRY, faulty, "series have faults of their geometry", faults=_count_faults(series)
    )
    unknown = find_unknown_patients(series, lake)
    yield _warning(
        PATIENTS,
        unknown.height,
        "series have no one known patient",
        problems=unknown.group_by("problem", "modality")
        .agg(series=pl.len(), instances=pl.col("instances").sum())
        .sort("problem", "modality"),
    )
    photometrics = count_photometrics(lake)
    misfits = int(photometrics.filter(~pl.col("fits"))["frames"].sum())
    yield _warning(
        PHOTOMETRIC, misfits, "frames are not what their header says", frames=photometrics
    )


def _warning(name: str, value: int, what: str, **tables: pl.DataFrame) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=_key(IMAGING_SERIES),
        check_name=name,
        passed=value == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{value} {what}." if value else None,
        metadata={
            "value": value,
            "threshold": 0,
            **{title: show.markdown(table) for title, table in tables.items()},
        },
    )
