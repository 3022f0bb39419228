"""The code location: light to load, complete, and every part of it has a sentence."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster_dbt.core import resource

from medplatform.clinical import State
from medplatform.definitions import OWNERS, defs
from medplatform.defs.warehouse import Dbt
from medplatform.modalities import TABLES
from medplatform.training.recipes import RECIPES
from medplatform.warehouse.runner import PROJECT

HEAVY = ("torch", "mlflow", "great_expectations", "ray", "sklearn", "matplotlib", "monai", "pint")

DBT_SCHEMAS = ("codes", "staging", "intermediate", "marts")


@pytest.fixture(scope="module")
def specs() -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_loading_imports_nothing_heavy() -> None:
    program = (
        "import sys, medplatform.definitions; "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert loaded.stdout.strip() == b"[]"


def test_it_is_loadable() -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_table_recipe_and_mart_is_an_asset(specs: dict[str, dg.AssetSpec]) -> None:
    expected = {f"lake/{name}" for name in TABLES}
    for recipe in RECIPES:
        expected |= {
            f"datasets/{recipe}",
            f"models/{recipe}_candidate",
            f"models/{recipe}_champion",
        }
    expected |= {"marts/patient_features", "marts/imaging_features", "marts/polygenic_score"}
    expected |= {"marts/patient", "marts/encounter", "marts/condition", "marts/medication"}
    expected |= {"marts/lab_result", "marts/vital_sign", "marts/ucum_conversion"}
    expected |= {"marts/imaging_series", "marts/imaging_study", "marts/imaging_volume"}
    expected |= {"marts/genomics_qc", "marts/genomics_variant_qc", "marts/genomics_relatedness"}
    expected |= {"marts/gene_burden", "marts/carrier_status", "marts/patient_genomics"}
    assert expected <= specs.keys()


def test_everything_upstream_of_a_model_is_an_asset_of_this_location(
    specs: dict[str, dg.AssetSpec],
) -> None:
    upstream = {dep.asset_key.to_user_string() for spec in specs.values() for dep in spec.deps}
    assert upstream <= specs.keys()


def test_every_asset_says_what_a_row_is_and_who_owns_it(specs: dict[str, dg.AssetSpec]) -> None:
    for key, spec in specs.items():
        assert spec.owners, key
        assert (spec.freshness_policy is None) == key.startswith("models/"), key
        assert spec.kinds, key
        if not key.startswith("codes/"):
            assert "One row per" in (spec.description or "") or "One model version" in (
                spec.description or ""
            ), key


def test_every_group_has_an_owner(specs: dict[str, dg.AssetSpec]) -> None:
    groups = {spec.group_name for spec in specs.values()}
    assert groups <= OWNERS.keys()


def test_every_lake_column_has_a_type_and_a_sentence(specs: dict[str, dg.AssetSpec]) -> None:
    for name, table in TABLES.items():
        schema = specs[f"lake/{name}"].metadata["dagster/column_schema"]
        columns = {column.name: column for column in schema.columns}
        assert columns.keys() == {column.name for column in table.all_columns}
        assert all(c.description and c.type and c.tags["phi"] for c in columns.values()), name


def test_every_check_says_why_it_matters() -> None:
    checks = defs.resolve_asset_graph().asset_check_keys
    assert len(checks) > 100
    for recipe in RECIPES.values():
        names = {
            check.name for check in checks if check.asset_key.path[-1] == f"{recipe.name}_candidate"
        }
        assert names == {"all_gates", *(gate.name for gate in recipe.gates.gates)}
        assert all(gate.why for gate in recipe.gates.gates)


def test_every_test_of_the_warehouse_says_what_it_demands() -> None:
    graph = defs.resolve_asset_graph()
    said = {
        key.name: spec.description
        for key in graph.asset_check_keys
        if (spec := graph.get_check_spec(key)) and key.asset_key.path[0] in DBT_SCHEMAS
    }
    assert [name for name, sentence in said.items() if not sentence] == []
    assert said["age_is_that_of_an_adult"] == (
        "Every `age_years` is between adult_age_years and 120."
    )
    assert said["sex_is_a_known_code"] == "Every `sex` is one of male, female, other, unknown."
    assert said["patient_is_known"] == "Every `patient_id` is a patient_id of stg_ehr_patient."
    assert (said["features_are_before_prediction"] or "").startswith("No feature rests on a record")


def test_seeds_have_no_empty_sql(specs: dict[str, dg.AssetSpec]) -> None:
    assert "SQL" in (specs["marts/patient_features"].description or "")
    assert "SQL" not in (specs["codes/outcome_codes"].description or "")


def test_jobs_schedule_and_sensor_have_a_description() -> None:
    repository = defs.get_repository_def()
    jobs = {"refresh", "ingest", "promote", *(f"train_{recipe}" for recipe in RECIPES)}
    assert jobs <= set(repository.job_names)
    assert all(defs.resolve_job_def(name).description for name in jobs)
    assert all(schedule.description for schedule in repository.schedule_defs)
    assert all(sensor.description for sensor in repository.sensor_defs)


def test_the_launchpad_offers_every_field_of_a_recipe() -> None:
    for recipe in RECIPES.values():
        job = defs.resolve_job_def(f"train_{recipe.name}")
        node = job.graph.node_named(f"models__{recipe.name}_candidate")
        fields = node.definition.config_schema.as_field().config_type.fields  # pyright: ignore
        assert fields.keys() == {"again", *recipe.config.model_fields}
        assert all(field.description for field in fields.values())


def test_only_a_pass_is_a_green_check() -> None:
    from medplatform.defs.gates import _severity

    assert _severity(State.FAIL) is dg.AssetCheckSeverity.ERROR
    assert _severity(State.INCONCLUSIVE) is dg.AssetCheckSeverity.WARN


def test_the_version_of_dbt_is_known_without_asking_its_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = str(Path(sys.executable).with_name("dbt"))
    asked = resource.DbtCliResource(project_dir=str(PROJECT), dbt_executable=program)
    expected = asked._cli_version
    monkeypatch.delattr(resource, "check_output")
    assert Dbt(project_dir=str(PROJECT), dbt_executable=program)._cli_version == expected
