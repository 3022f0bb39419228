"""Patients of images and genotypes are counted by whether they have health records."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from medplatform.cli.data import _print_linkage
from medplatform.cli.linkage import find_linkage
from medplatform.warehouse.runner import database
from medplatform_tests.cli.conftest import Terminal
from medplatform_tests.warehouse.records import publish


def write_warehouse(root: Path, patients: Sequence[str], **others: Sequence[str | None]) -> Path:
    """Staging with these patients, and those of images and samples, one per row."""
    tables = {"stg_ehr_patient": patients, "stg_imaging_instance": (), "stg_genomics_sample": ()}
    with closing(duckdb.connect(str(database(root)))) as warehouse:
        warehouse.execute("create schema staging")
        for table, ids in (tables | others).items():
            warehouse.execute(f"create table staging.{table} (patient_id varchar)")
            for patient_id in ids:
                warehouse.execute(f"insert into staging.{table} values (?)", [patient_id])
    return root


def test_each_patient_counts_once(tmp_path: Path) -> None:
    images = ["ann", "ann", "bea", None]
    root = write_warehouse(tmp_path, ["ann", "ann", "cy"], stg_imaging_instance=images)
    assert find_linkage(root) == [
        {"patients of": "images", "patients": 2, "with health records": 1}
    ]


def test_without_health_records_nobody_lacks_them(tmp_path: Path) -> None:
    assert find_linkage(write_warehouse(tmp_path, [], stg_genomics_sample=["ann"])) == []


def test_a_build_says_which_setting_to_look_at_where_patients_do_not_match(
    terminal: Terminal,
) -> None:
    image = {"instance_id": "2.25.1", "patient_id": "zoe", "modality": "CT"}
    person = {"patient_id": "ann", "birth_year": 1960}
    publish(terminal.settings.lake, "monday", {"ehr_patient": [person]})
    publish(terminal.settings.lake, "tuesday", {"imaging_instance": [image]})
    done = terminal.run("build")
    assert done.exit_code == 0, done.output
    assert "with health records" in done.output
    assert "MEDPLATFORM_PATIENT_IDENTIFIER_SYSTEM" in done.output


def test_where_all_match_no_setting_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _print_linkage(write_warehouse(tmp_path, ["ann"], stg_genomics_sample=["ann"]))
    said = capsys.readouterr().out
    assert "genotypes" in said
    assert "MEDPLATFORM" not in said
