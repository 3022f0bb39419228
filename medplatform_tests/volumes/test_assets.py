"""Series, studies and volumes as assets: from deliveries to tables, checks, and what is shown."""

from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from medplatform.defs.ingest import ingest_assets
from medplatform.defs.volumes import GEOMETRY, PATIENTS, PHOTOMETRIC, volume_assets
from medplatform.lake import Table
from medplatform.modalities.ehr.tables import DELETION, PATIENT
from medplatform.volumes import SERIES, STUDY, VOLUME
from medplatform.volumes.sources import digest_sources
from medplatform_tests.defs.site import materialized
from medplatform_tests.volumes.hospital import Hospital, make_series, publish

PIXELS = np.zeros((6, 4, 4), np.int16)
RESOURCE = {"source_id": "s", "record_number": 1}
VERSION = {
    "patient_resource_id": "p",
    "version_id": "1",
    "is_retired": False,
    "is_deceased": False,
}
SERIES_KEY = "marts/imaging_series"


class Site(Hospital):
    """A hospital whose deliveries become assets."""

    def run(self) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            volume_assets(), resources={"installation": self.installation}, raise_on_error=False
        )

    def publish_health_records(self, name: str, table: Table, row: dict[str, object]) -> None:
        with self.lake.stage("ehr", name, "g") as stage:
            stage.write(table, [row])
            publish(self.lake, stage, "ehr", name)

    def table(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.settings.marts / f"{name}.parquet")


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("site"))
    with_a_gap = make_series(PIXELS)
    del with_a_gap[2]
    site.deliver("first", [*make_series(PIXELS), *with_a_gap])
    return site


@pytest.fixture(scope="module")
def result(site: Site) -> dg.ExecuteInProcessResult:
    return site.run()


def test_the_tables_have_their_declared_columns(
    site: Site, result: dg.ExecuteInProcessResult
) -> None:
    done = materialized(result)
    for table, rows in ((SERIES, 2), (STUDY, 2), (VOLUME, 2)):
        assert done[f"marts/{table.name}"]["dagster/row_count"] == rows
        stored = site.table(table.name)
        assert stored.columns == [column.name for column in table.columns]
        for column in table.columns:
            assert not (column.required and stored[column.name].has_nulls()), column.name
        assert stored.select(table.key).is_unique().all()


def test_series_with_faults_are_a_warning_with_a_table_of_them(
    site: Site, result: dg.ExecuteInProcessResult
) -> None:
    check = checks(result)[GEOMETRY]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["value"].value == 1
    header, _, line = str(check.metadata["faults"].value).splitlines()
    assert [name.strip() for name in header.strip("|").split("|")] == [
        *("fault", "modality", "series", "instances"),
    ]
    assert [value.strip() for value in line.strip("|").split("|")] == ["missing", "MR", "1", "5"]
    assert line in materialized(result)[SERIES_KEY]["faults"]
    faulty = site.table("imaging_series").filter(pl.col("faults").list.len() > 0)
    assert faulty["missing_slices"].to_list() == [1]


def test_no_event_names_a_series_or_a_patient(
    site: Site, result: dg.ExecuteInProcessResult
) -> None:
    table = site.table("imaging_series")
    shown = str([event.event_specific_data for event in result.all_events])
    assert not [one for name in ("series_id", "patient_id") for one in table[name] if one in shown]
    assert "MRN" not in shown


def test_patients_without_health_records_are_no_problem_where_nobody_has_any(
    result: dg.ExecuteInProcessResult,
) -> None:
    assert checks(result)[PATIENTS].passed


def test_pixels_are_what_their_header_says(result: dg.ExecuteInProcessResult) -> None:
    check = checks(result)[PHOTOMETRIC]
    assert check.passed
    assert "MONOCHROME2" in str(check.metadata["frames"].value)


def test_unchanged_images_are_not_assembled_again(
    site: Site, result: dg.ExecuteInProcessResult
) -> None:
    assert materialized(result)[SERIES_KEY]["computed_anew"]
    path = site.settings.marts / "imaging_series.parquet"
    written = path.stat().st_mtime_ns
    again = site.run()
    assert not materialized(again)[SERIES_KEY]["computed_anew"]
    assert path.stat().st_mtime_ns == written
    assert not checks(again)[GEOMETRY].passed
    versions = (
        [
            event.asset_materialization.tags[dg.DATA_VERSION_TAG]
            for run in (result, again)
            for event in run.get_asset_materialization_events()
            if event.asset_key == dg.AssetKey(SERIES_KEY.split("/"))
        ]
        if hasattr(dg, "DATA_VERSION_TAG")
        else ["same", "same"]
    )
    assert versions[0] == versions[1]


def test_of_health_records_only_deletions_count(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.deliver("first", make_series(PIXELS))
    before = digest_sources(site.lake)
    (patient_id,) = site.assemble().series["patient_id"]
    site.publish_health_records("a", PATIENT, {**RESOURCE, "patient_id": patient_id, **VERSION})
    assert digest_sources(site.lake) == before
    deletion = {**RESOURCE, "resource_type": "Patient", "resource_id": patient_id}
    site.publish_health_records("b", DELETION, deletion)
    assert digest_sources(site.lake) != before
    assert site.assemble().series.is_empty()


def test_the_assets_follow_those_of_the_lake() -> None:
    (volumes,) = volume_assets()
    lake = {key for asset in ingest_assets() for key in asset.keys}
    assert {dep.asset_key for spec in volumes.specs for dep in spec.deps} <= lake


def test_a_slice_that_comes_later_closes_the_gap(tmp_path: Path) -> None:
    site = Site(tmp_path)
    images = make_series(PIXELS)
    site.deliver("first", [*images[:2], *images[3:]])
    assert not checks(site.run())[GEOMETRY].passed
    site.deliver("second", [images[2]])
    assert checks(site.run())[GEOMETRY].passed
    assert site.table("imaging_series")["slices"].to_list() == [6]


def test_a_correction_of_an_image_counts(tmp_path: Path) -> None:
    site = Site(tmp_path)
    images = make_series(PIXELS)
    site.deliver("first", images)
    images[5].ImagePositionPatient = [-40, -50, 100]
    site.deliver("second", [images[5]])
    (series,) = site.assemble().series.to_dicts()
    assert series["instances"] == 6
    assert series["faults"] == ["variable_spacing"]


def test_a_slice_of_which_the_pixels_were_cut_is_not_missed_silently(tmp_path: Path) -> None:
    """The last slice: no gap would tell of it."""
    site = Site(tmp_path)
    images = make_series(PIXELS)
    whole = images[5].PixelData
    images[5].PixelData = whole[:10]
    site.deliver("cut", images)
    found = site.assemble()
    (series,) = found.series.to_dicts()
    assert series["faults"] == ["truncated", "refused"]
    assert (series["is_truncated"], series["refused_images"], series["instances"]) == (True, 1, 5)
    assert found.volumes["faults"].to_list() == [["refused"]]
    images[5].PixelData = whole
    site.deliver("whole", [images[5]])
    (series,) = site.assemble().series.to_dicts()
    assert (series["faults"], series["instances"]) == ([], 6)
