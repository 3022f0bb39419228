"""Models read views, and medications that requests refer to."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from medplatform import warehouse
from medplatform.modalities import TABLES
from medplatform.views import read_folder
from medplatform.warehouse import ViewTables, build_view, runner
from medplatform.warehouse.runner import PROJECT
from medplatform.warehouse.view_sources import render_view_sources, write_view_sources
from medplatform_tests.views.build import column, columns, view
from medplatform_tests.warehouse.fhir import FhirLake, patient

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def test_the_source_of_the_views_that_come_with_the_platform_is_up_to_date() -> None:
    written = (PROJECT / "models" / "views.yml").read_text()
    assert written == render_view_sources(read_folder(PROJECT.parent / "views"))


def test_a_source_says_what_its_columns_are(tmp_path: Path) -> None:
    described = column("id", "id", description="Its token.")
    definition = view("Patient", {"column": [described, column("active", "active")]})
    (tmp_path / "people.json").write_text(json.dumps(definition))
    (tmp_path / "broken.json").write_text("{")
    (source,) = yaml.safe_load(render_view_sources(read_folder(tmp_path)))["sources"]
    broken, people = source["tables"]
    assert people["config"]["meta"]["dagster"]["asset_key"] == ["views", "people"]
    assert people["columns"] == [
        {"name": "id", "data_type": "varchar", "description": "Its token."},
        {"name": "active", "data_type": "boolean", "description": "FHIR boolean."},
    ]
    assert broken["name"] == "broken" and "columns" not in broken


def test_the_source_is_written_only_where_it_changed(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    assert write_view_sources([], tmp_path)
    assert not write_view_sources([], tmp_path)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the dbt project, with a model that reads two views."""
    copy = tmp_path / "dbt"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    (copy / "models" / "marts" / "tall.sql").write_text(
        "select people.gender, never.n from {{ source('views', 'people') }} as people\n"
        "left join {{ source('views', 'never_built') }} as never on people.patient_id = never.n\n"
    )
    monkeypatch.setattr(runner, "PROJECT", copy)
    return copy


def medication(number: str, *codings: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": number, "code": {"coding": list(codings)}}


def request(number: str, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": number,
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        **elements,
    }


def test_models_read_views_and_medications(tmp_path: Path, project: Path) -> None:
    site = FhirLake(tmp_path / "site")
    tablet = {"system": RXNORM, "code": "314076", "display": "lisinopril 10 MG Oral Tablet"}
    site.ingest(
        "1",
        patient("p", gender="female"),
        medication("old", {"system": RXNORM, "code": "1"}),
        medication("deleted", {"system": RXNORM, "code": "2"}),
        request("m1", medicationReference={"reference": "Medication/old"}),
        request("m2", medicationReference={"reference": "Medication/deleted"}),
        request("m3", medicationCodeableConcept={"coding": [{"code": "own"}]}),
        request("m4", medicationCodeableConcept={"coding": [{"code": "withdrawn"}]}),
    )
    site.ingest(
        "2",
        medication("old", {"system": "https://local.example", "code": "x"}, tablet),
        deleted=("Medication/deleted", "MedicationRequest/m4"),
    )
    folder = tmp_path / "views"
    folder.mkdir()
    people = view("Patient", columns(patient_id="getResourceKey()", gender="gender"))
    (folder / "people.json").write_text(json.dumps(people))
    (folder / "never_built.json").write_text(json.dumps(view("Device", columns(n="id"))))
    views = ViewTables(folder, tmp_path / "tables")
    definitions = {file.name: file.view for file in views.files()}
    assert definitions["people"] is not None
    build_view(site.lake, definitions["people"], views.path("people"))

    warehouse.build(
        site.lake,
        list(TABLES.values()),
        root=tmp_path / "warehouse",
        marts=tmp_path / "marts",
        views=views,
    )

    assert pl.read_parquet(tmp_path / "marts/tall.parquet").rows() == [("female", None)]
    codes = pl.read_parquet(tmp_path / "marts/medication.parquet").select(
        "medication_code", "medication_system", "medication_display"
    )
    assert sorted(codes.rows(), key=str) == sorted(
        [tuple(tablet[k] for k in ("code", "system", "display")), ("own", None, None), (None,) * 3],
        key=str,
    )
