"""Assets of ViewDefinitions and of the nested tables, from a delivery to a table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from medplatform.defs.ingest import ingest_assets
from medplatform.defs.views import view_assets
from medplatform.installation import Installation
from medplatform.privacy import KeyRing
from medplatform.settings import Settings
from medplatform_tests.defs.site import failed_checks, materialized
from medplatform_tests.views.build import column, columns, view

MRN = "urn:example:mrn"
LOINC = {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}
PATIENTS = [
    {
        "resourceType": "Patient",
        "id": f"p{n}",
        "gender": "female",
        "identifier": [{"system": MRN, "value": str(n)}],
    }
    for n in range(2)
]
OBSERVATIONS = [
    {
        "resourceType": "Observation",
        "id": f"o{n}",
        "status": "final",
        "code": LOINC,
        "subject": {"reference": "Patient/p0"},
        "effectiveDateTime": "2020-02-01",
        "valueQuantity": {"value": 170 + n, "unit": "cm"},
    }
    for n in range(3)
]
HEIGHT = view(
    "Observation",
    {
        "column": [
            column("observation_id", "getResourceKey()", type="id", description="Token of it."),
            column("status", "status"),
            column("day", "effective.ofType(dateTime)"),
            column("height", "value.ofType(Quantity).value"),
        ]
    },
    name="height",
    description="One row per measured height.",
)


class Views:
    """An installation with one delivery, whose views are in a folder of their own."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "views"
        self.folder.mkdir()
        self.settings = Settings(
            data=root / "data", views=self.folder, patient_identifier_system=MRN, device="cpu"
        )
        self.installation = Installation(self.settings)
        KeyRing.create(self.settings.master_key)
        delivery = self.settings.landing / "ehr" / "first"
        delivery.mkdir(parents=True)
        lines = [json.dumps(resource) + "\n" for resource in [*PATIENTS, *OBSERVATIONS]]
        (delivery / "all.ndjson").write_text("".join(lines))
        (delivery / "_DONE").touch()

    def write(self, name: str, content: Mapping[str, Any] | str) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / name).write_text(text)

    @property
    def assets(self) -> dict[str, dg.AssetSpec]:
        (views,) = view_assets(self.installation.views)
        return {spec.key.to_user_string(): spec for spec in views.specs}

    def run(self) -> dg.ExecuteInProcessResult:
        ehr = next(asset for asset in ingest_assets() if asset.op.name == "ingest_ehr")
        assets = [ehr, *view_assets(self.installation.views)]
        return dg.materialize(
            assets, resources={"installation": self.installation}, raise_on_error=False
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Views:
    site = Views(tmp_path_factory.mktemp("site"))
    site.write("height.json", HEIGHT)
    site.write("people.json", view("Patient", columns(id="id", gender="gender")))
    site.write("broken.json", view("Patient", columns(name="nmae.family")))
    site.write("no json.json", "{")
    tag = {"name": "ansi/type", "value": "DATE"}
    height = column("day", "value.ofType(Quantity).value", tag=[tag])
    site.write("misfit.json", view("Observation", columns(status="status"), {"column": [height]}))
    return site


@pytest.fixture(scope="module")
def result(site: Views) -> dg.ExecuteInProcessResult:
    return site.run()


def test_an_asset_says_what_a_row_is_and_what_its_columns_are(site: Views) -> None:
    spec = site.assets["views/height"]
    assert spec.description == "One row per measured height."
    assert spec.group_name == "views"
    assert spec.kinds == {"duckdb", "parquet", "fhir"}
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == {
        "lake/ehr_fhir",
        "lake/ehr_deletion",
        "lake/ehr_patient",
    }
    schema = {c.name: c for c in spec.metadata["dagster/column_schema"].columns}
    assert schema["observation_id"].description == "Token of it. FHIRPath: getResourceKey()"
    assert schema["height"].tags == {"fhir": "decimal"}
    assert {name: c.type for name, c in schema.items()} == dict.fromkeys(schema, "VARCHAR")


def test_views_are_built_from_what_was_delivered(
    site: Views, result: dg.ExecuteInProcessResult
) -> None:
    done = materialized(result)["views/height"]
    assert done["dagster/row_count"] == done["resources"] == 3
    assert done["resources_left_out"] == 0
    assert 'FROM "Observation" AS this_resource' in done["sql"]
    table = pl.read_parquet(done["dagster/uri"])
    assert sorted(table["height"]) == ["170", "171", "172"]
    assert site.settings.data in Path(done["dagster/uri"]).parents


def test_a_preview_shows_neither_ids_nor_dates_nor_persons(
    result: dg.ExecuteInProcessResult,
) -> None:
    done = materialized(result)
    assert done["views/height"]["preview"].startswith("| status | height |")
    assert "female" not in done["views/people"]["preview"]


def test_a_broken_file_is_a_failing_check_that_names_it_and_nothing_else_fails(
    site: Views, result: dg.ExecuteInProcessResult
) -> None:
    assert result.success
    assert {"views/broken", "views/no_json"} <= site.assets.keys()
    reasons = {
        evaluation.asset_key.path[-1]: evaluation.description
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.asset_key.path[0] == "views" and not evaluation.passed
    }
    assert reasons.keys() == {"broken", "no_json", "misfit"}
    assert reasons["broken"].startswith("broken.json: select[0].column[0].path: ")
    assert reasons["no_json"].startswith("no json.json: not a JSON object")
    assert reasons["misfit"].startswith("misfit.json: select[1].column[0].path: ")
    assert not {"views/broken", "views/no_json", "views/misfit"} & materialized(result).keys()
    assert set(failed_checks(result).values()) == {dg.AssetCheckSeverity.ERROR}


def test_the_nested_tables_are_one_asset(result: dg.ExecuteInProcessResult) -> None:
    done = materialized(result)["lake/ehr_fhir"]
    assert done["dagster/row_count"] == done["rows_added"] == 5
    header, _, *lines = done["tables"].splitlines()
    assert header == "| table | rows | files | columns |"
    assert [line.split(" | ")[:3] for line in lines] == [
        ["| ehr_fhir_observation", "3", "1"],
        ["| ehr_fhir_patient", "2", "1"],
    ]


def test_the_checks_of_the_nested_tables_judge_every_type(
    result: dg.ExecuteInProcessResult,
) -> None:
    checks = {
        evaluation.check_name: evaluation
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.asset_key.to_user_string() == "lake/ehr_fhir"
    }
    assert checks.keys() == {
        "columns_are_as_declared",
        "required_values_are_present",
        "key_is_unique",
    }
    for check in checks.values():
        rules = check.metadata["rules"].value
        assert check.passed
        assert "ehr_fhir_patient" in rules and "ehr_fhir_observation" in rules


def test_an_edit_counts_without_a_reload(site: Views, result: dg.ExecuteInProcessResult) -> None:
    loaded = view_assets(site.installation.views)
    first = {**HEIGHT, "where": [{"path": "value.ofType(Quantity).value > 171"}]}
    site.write("height.json", first)
    selection = dg.AssetSelection.keys(["views", "height"])
    done = materialized(
        dg.materialize(loaded, selection=selection, resources={"installation": site.installation})
    )
    assert {name: found["dagster/row_count"] for name, found in done.items()} == {"views/height": 1}


def test_a_folder_without_views_has_no_assets(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, views=tmp_path / "nowhere")
    assert view_assets(Installation(settings).views) == []
