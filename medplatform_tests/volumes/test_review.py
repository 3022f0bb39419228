"""What counts, and what a person is pointed to: patients, photometrics, and dbt's view of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from medplatform.lake import Table
from medplatform.modalities.ehr.tables import DELETION, PATIENT
from medplatform.modalities.imaging.tables import IMAGING_FRAME
from medplatform.volumes.review import count_photometrics, find_unknown_patients
from medplatform.warehouse import refresh_views
from medplatform.warehouse.volumes import write_volumes
from medplatform_tests.volumes.hospital import Hospital, make_series, publish

PIXELS = np.zeros((3, 4, 4), np.int16)


def publish_rows(
    hospital: Hospital, name: str, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Put rows of another modality into the lake; columns that are not named are null."""
    lake = hospital.lake
    with lake.stage(table.modality, name, "g") as stage:
        lineage = {"source_id": "0" * 16, "record_number": 1}
        columns = [column.name for column in table.all_columns]
        stage.write(table, [{n: (lineage | dict(row)).get(n) for n in columns} for row in rows])
        publish(lake, stage, table.modality, name)


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    hospital = Hospital(tmp_path)
    both = [*make_series(PIXELS), *make_series(PIXELS, PatientID="MRN-2")]
    hospital.deliver("images", both)
    return hospital


def test_patients_without_health_records_are_named_and_deleted_ones_do_not_count(
    hospital: Hospital,
) -> None:
    series = hospital.assemble().series
    assert find_unknown_patients(series, hospital.lake).is_empty()
    first, second = series["patient_id"]
    patient = {
        "patient_id": first,
        "patient_resource_id": "p",
        "version_id": "1",
        "is_retired": False,
        "is_deceased": False,
    }
    publish_rows(hospital, "a", PATIENT, [patient])
    (unknown,) = find_unknown_patients(series, hospital.lake).to_dicts()
    assert unknown["problem"] == "no health records of the patient"
    assert unknown["series_id"] == series.row(1, named=True)["series_id"]
    deletion = {"resource_type": "Patient", "resource_id": second}
    publish_rows(hospital, "b", DELETION, [deletion])
    assert hospital.assemble().series["patient_id"].to_list() == [first]


def test_frames_that_are_not_what_their_header_says_are_counted(hospital: Hospital) -> None:
    assert count_photometrics(hospital.lake)["fits"].to_list() == [True]
    frame = {
        "instance_id": "i",
        "frame_number": 1,
        "patient_id": "p",
        "height": 1,
        "width": 1,
        "channels": 1,
        "dtype": "uint8",
        "codec": "zstd",
        "pixels": b"",
        "pixel_sha256": "",
    }
    publish_rows(hospital, "odd", IMAGING_FRAME, [{**frame, "photometric": "RGB"}, frame])
    counted = count_photometrics(hospital.lake).rows()
    assert counted == [
        (None, 1, 1, False),
        ("RGB", 1, 1, False),
        ("MONOCHROME2", 1, 6, True),
    ]


def test_dbt_reads_the_tables_before_and_after_they_are_there(
    hospital: Hospital, tmp_path: Path
) -> None:
    marts, database = hospital.settings.marts, tmp_path / "warehouse.duckdb"
    counts = []
    for _ in range(2):
        refresh_views(hospital.lake, [], database, marts)
        with duckdb.connect(database) as connection:
            query = "select count(*) from marts_input.imaging_volume where len(faults) = 0"
            counts += connection.execute(query).fetchone() or ()
        write_volumes(hospital.lake, marts)
    assert counts == [0, 2]
