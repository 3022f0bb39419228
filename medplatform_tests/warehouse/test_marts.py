"""The marts that dbt builds from a lake of hand-written rows, read as a specification."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from medplatform import warehouse
from medplatform.lake import Lake
from medplatform.modalities import TABLES
from medplatform.warehouse import BuildResult
from medplatform.warehouse.runner import PROJECT, database
from medplatform_tests.warehouse.records import (
    SNOMED,
    at,
    condition,
    encounter,
    observation,
    patient,
    prescription,
    publish,
)

MI = "22298006"
PREDICTION = "2021-06-01 10:00"
MARTS = sorted(path.stem for path in (PROJECT / "models/marts").glob("*.sql"))


@dataclass(frozen=True)
class Warehouse:
    root: Path
    empty: BuildResult
    empty_marts: dict[str, pl.DataFrame]
    result: BuildResult

    def mart(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.root / f"marts/{name}.parquet")

    @property
    def patients(self) -> dict[str, Mapping[str, Any]]:
        return {row["patient_id"]: row for row in self.mart("patient_features").to_dicts()}

    @property
    def images(self) -> dict[str, Mapping[str, Any]]:
        return {row["instance_id"]: row for row in self.mart("imaging_features").to_dicts()}

    @property
    def nodes(self) -> list[Mapping[str, Any]]:
        manifest = json.loads((self.root / "dbt/target/manifest.json").read_bytes())
        return list(manifest["nodes"].values())

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(database(self.root / "dbt"), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def run_build(root: Path, **more: Any) -> BuildResult:
    return warehouse.build(
        Lake(root / "lake"),
        list(TABLES.values()),
        root=root / "dbt",
        marts=root / "marts",
        **more,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """One installation before any delivery, and again after five of them."""
    root = tmp_path_factory.mktemp("warehouse")
    empty = run_build(root)
    empty_marts = {path.stem: pl.read_parquet(path) for path in (root / "marts").glob("*.parquet")}
    publish(root / "lake", "2021-a", FIRST_DELIVERY)
    publish(root / "lake", "2021-aa", DELETIONS)
    publish(root / "lake", "2021-b", SECOND_DELIVERY)
    publish(root / "lake", "images-a", IMAGES)
    publish(root / "lake", "images-b", IMAGES_AGAIN)
    leave_unledgered_file(root / "lake")
    write_scores(root / "marts")
    result = run_build(root, with_unit_tests=True)
    return Warehouse(root, empty, empty_marts, result)


def index_and_followup(patient_id: str) -> list[Mapping[str, Any]]:
    """An encounter that can be predicted at, and one two years later that cannot."""
    return [
        encounter(patient_id, f"{patient_id}-index", PREDICTION),
        encounter(patient_id, f"{patient_id}-later", "2023-06-01 10:00"),
    ]


FIRST_DELIVERY = {
    "ehr_patient": [
        patient("ann", 1960, version_id="1", last_updated_at=at("2023-01-01")),
        patient("bea", 1960, version_id="2", last_updated_at=at("2023-02-01"), sex="male"),
        patient("had_event", 1960),
        patient("is_minor", 2003),
        patient("short_followup", 1960),
        patient("died", 1960, is_deceased=True, deceased_at=at("2022-01-01")),
        patient("died_in_2022", 1960, is_deceased=True, deceased_at=at("2022-01-01"))
        | {"deceased_precision": "year"},
        patient("undated_event", 1960),
        patient("refuted", 1960),
        patient("coded_twice", 1960),
        patient("measured", 1960),
        patient("deleted", 1960),
        patient("restored", 1960),
    ],
    "ehr_encounter": [
        *index_and_followup("deleted"),
        *index_and_followup("restored"),
        encounter("ann", "ann-first", "2020-06-01 10:00"),
        encounter("ann", "ann-cancelled", "2020-07-01 10:00", status="cancelled"),
        encounter("ann", "ann-long-ago", "2015-06-01 10:00"),
        *index_and_followup("ann"),
        *index_and_followup("bea"),
        *index_and_followup("had_event"),
        *index_and_followup("is_minor"),
        encounter("short_followup", "short-1", PREDICTION),
        encounter("short_followup", "short-2", "2022-06-01 09:59"),
        *index_and_followup("died"),
        encounter("died_in_2022", "last-year", "2022-06-01 10:00"),
        *index_and_followup("undated_event"),
        *index_and_followup("refuted"),
        *index_and_followup("coded_twice"),
    ],
    "ehr_condition": [
        condition("ann", MI, "2022-06-01 10:00"),
        condition("ann", "59621000", "2021-06-01 09:59"),
        condition("ann", "44054006", "2020-01-01 10:00", recorded_at=at("2021-07-01 10:00")),
        condition("had_event", MI, PREDICTION, onset_precision="minute"),
        condition("undated_event", MI, None),
        condition("refuted", MI, "2021-12-01 10:00", verification_status="refuted"),
        condition("deleted", "59621000", "2020-01-01 10:00"),
        condition("coded_twice", "401314000", "2022-01-01 10:00", icd="I21.4"),
        condition("coded_twice", "313436004", "2020-01-01 10:00", icd="E11.9"),
        condition("coded_twice", "59621000", "2020-01-01 10:00", icd="I10"),
    ],
    "ehr_observation": [
        observation("ann", "ldl-1", "22748-8", "2021-05-01", value_number=2.0, value_unit="mmol/L"),
        observation("ann", "ldl-2", "18262-6", "2021-06-01 10:00:01", value_number=1.0)
        | {"value_unit": "mg/dL"},
        observation("ann", "hba1c-1", "4548-4", PREDICTION, value_number=9.0, value_unit="%"),
        observation(
            "ann", "creatinine-1", "2160-0", "2018-05-01", value_number=1.0, value_unit="mg/dL"
        ),
        observation("ann", "bmi-1", "39156-5", "2021-05-01", value_number=30.0, version_id="1")
        | {"value_unit": "kg/m2", "last_updated_at": at("2021-05-01")},
        observation("ann", "bmi-2", "39156-5", "2021-05-02", value_number=66.0)
        | {"value_unit": "kg/m2", "status": "entered-in-error"},
        observation("ann", "smoking", "72166-2", "2021-05-01", value_code="449868002")
        | {"value_system": SNOMED},
        observation("bea", "smoking", "72166-2", "2021-05-01", value_code="8517006")
        | {"value_system": SNOMED},
        observation("bea", "bmi", "39156-5", "2021-05-01", value_number=25.0, version_id="2")
        | {"value_unit": "kg/m2", "last_updated_at": at("2021-06-01")},
        *(
            observation("bea", "pressure", code, "2021-05-01", version_id="1", record_number=900)
            | {"component_number": number, "value_number": value, "value_unit": "mm[Hg]"}
            for number, code, value in ((1, "8480-6", 140.0), (2, "8462-4", 90.0))
        ),
        observation("refuted", "ldl", "18262-6", "2021-05-01", value_number=150.0)
        | {"value_unit": "mg/dL", "issued_at": at("2021-06-02")},
        *(
            observation("measured", name, code, "2021-05-01", value_number=value)
            | {"value_unit": unit, "category_code": category, "observed_precision": "day"}
            for name, code, value, unit, category in (
                ("glucose", "14749-6", 5.0, "mmol/L", "laboratory"),
                ("platelets", "777-3", 250.0, "K/uL", None),
                ("sodium", "2951-2", 140.0, "mg per dL", "laboratory"),
                ("protein", "2885-2", 70.0, "g/dL", "laboratory"),
                ("too-large", "718-7", 1e308, "kg/dL", "laboratory"),
                ("fever", "8310-5", 104.0, "[degF]", "vital-signs"),
                ("score", "72106-8", 30.0, "{score}", "survey"),
            )
        ),
    ],
    "ehr_medication_request": [
        prescription("ann", "m1", "314076", "2021-01-01", authored_precision="day"),
        prescription("ann", "m2", "314076", "2021-02-01"),
        prescription("ann", "m3", "860975", "2021-03-01"),
        prescription("ann", "not-to-be-given", "197361", "2021-03-01", is_prohibition=True),
        prescription("ann", "called-off", "197362", "2021-03-01", status="cancelled"),
        prescription("ann", "m4", "197363", PREDICTION),
    ],
}
DELETIONS = {
    "ehr_deletion": [
        {"resource_type": "Patient", "resource_id": name} for name in ("deleted", "restored")
    ]
}
SECOND_DELIVERY = {
    "ehr_patient": [
        patient("restored", 1960),
        patient("bea", 1950, version_id="1", last_updated_at=at("2023-01-01"), sex="female"),
    ],
    "ehr_observation": [
        observation("ann", "bmi-1", "39156-5", "2021-05-01", value_number=31.0, version_id="2")
        | {"value_unit": "kg/m2", "last_updated_at": at("2021-05-20")},
        observation("bea", "bmi", "39156-5", "2021-05-01", value_number=99.0, version_id="1")
        | {"value_unit": "kg/m2", "last_updated_at": at("2021-05-01")},
        observation("bea", "pressure", "8480-6", "2021-05-01", version_id="2")
        | {"component_number": 1, "value_number": 130.0, "value_unit": "mm[Hg]"}
        | {"value_type": "Quantity"},
        observation("bea", "culture", "600-7", "2021-05-01", value_type="String")
        | {"category_code": "laboratory"},
    ],
}
IMAGES = {
    "imaging_instance": [
        {"instance_id": "i1", "patient_id": "p1", "modality": "CT", "rows": 10, "columns": 20}
        | {"frames": 2, "label": "old"},
        {"instance_id": "i2", "patient_id": "p2", "modality": "DX", "rows": 8, "columns": 8}
        | {"frames": 1},
        {"instance_id": "i3", "patient_id": "deleted", "modality": "DX", "frames": 1},
        {"instance_id": "no_pixels", "patient_id": "p2", "modality": "SR", "frames": 0},
    ],
    "imaging_mask": [
        {"mask_id": "m1", "instance_id": "i1", "foreground_pixels": 30},
        {"mask_id": "m2", "instance_id": "i1", "foreground_pixels": 10},
    ],
}
IMAGES_AGAIN = {
    "imaging_instance": [
        {"instance_id": "i1", "patient_id": "p1", "modality": "CT", "rows": 10, "columns": 20}
        | {"frames": 2, "label": "new"},
    ],
    "imaging_mask": [{"mask_id": "m1", "instance_id": "i1", "foreground_pixels": 30}],
}


def leave_unledgered_file(lake: Path) -> None:
    """A process killed while publishing leaves files that no ledger entry names."""
    folder = lake / "ehr_patient" / "delivery=killed"
    folder.mkdir()
    published = next((lake / "ehr_patient" / "delivery=2021-a").iterdir())
    rows = pq.read_table(published).to_pylist()
    strangers = [row | {"patient_id": f"stranger-{row['patient_id']}"} for row in rows]
    table = TABLES["ehr_patient"]
    pq.write_table(pl.DataFrame(strangers).to_arrow().select(table.schema().names), folder / "part")
    (folder / "part").rename(folder / "part-0.parquet")


def write_scores(marts: Path) -> None:
    pl.DataFrame(
        {
            "patient_id": ["ann", "ann", "bea"],
            "score_name": ["cvd_demo", "another", "another"],
            "score": [1.5, 9.0, 9.0],
            "matched_variants": [10, 10, 10],
            "listed_variants": [12, 12, 12],
        }
    ).write_parquet(marts / "polygenic_score.parquet")


def test_all_models_and_tests_pass_and_their_unit_tests_too(built: Warehouse) -> None:
    assert built.result.is_good
    kinds = {node.kind for node in built.result.nodes}
    assert kinds == {"seed", "model", "test", "unit_test"}
    names = {node.name for node in built.result.nodes if node.status == "pass"}
    assert {"features_are_before_prediction", "outcomes_use_listed_codes"} <= names


def test_marts_of_an_empty_lake_are_empty_and_typed(built: Warehouse) -> None:
    assert built.empty.marts == dict.fromkeys(MARTS, 0)
    patient_features = built.empty_marts["patient_features"]
    assert patient_features.height == 0
    assert patient_features.schema["prediction_at"] == pl.Datetime("us", "UTC")
    assert patient_features.schema["outcome"] == pl.Boolean


def test_marts_have_the_rows_that_the_result_says(built: Warehouse) -> None:
    rows = {name: built.mart(name).height for name in MARTS}
    assert built.result.marts == rows
    assert rows["patient_features"] == 5
    assert rows["imaging_features"] == 3


def test_adults_with_followup_and_no_earlier_event_are_included(built: Warehouse) -> None:
    """Left out: an earlier or undated event, a minor, follow-up cut short by time or death."""
    assert built.patients.keys() == {
        "ann",
        "bea",
        "refuted",
        "restored",
        "coded_twice",
    }


def test_prediction_is_at_the_start_of_the_latest_encounter_with_followup(
    built: Warehouse,
) -> None:
    assert {row["prediction_at"] for row in built.patients.values()} == {at(PREDICTION)}
    assert {row["followup_days"] for row in built.patients.values()} == {730}
    assert {row["horizon_days"] for row in built.patients.values()} == {365}


def test_outcome_is_an_event_up_to_the_last_moment_of_the_horizon(built: Warehouse) -> None:
    outcomes = {patient_id: row["outcome"] for patient_id, row in built.patients.items()}
    assert {name for name, outcome in outcomes.items() if outcome} == {"ann", "coded_twice"}


def test_any_code_of_a_condition_may_be_the_one_that_a_seed_lists(built: Warehouse) -> None:
    """Of SNOMED CT and ICD-10, one is kept; seeds list the other, or both."""
    row = built.patients["coded_twice"]
    assert row["outcome"] and row["has_diabetes"] and row["has_hypertension"]
    counted = built.query(
        "select feature, count(*) from intermediate.int_feature_record "
        "where patient_id = 'coded_twice' and record_table = 'ehr_condition' group by all"
    )
    assert sorted(counted) == [("has_diabetes", 1), ("has_hypertension", 1)]
    assert built.mart("condition").filter(pl.col("patient_id") == "coded_twice").height == 3


def test_values_from_the_prediction_on_are_not_features(built: Warehouse) -> None:
    ann = built.patients["ann"]
    assert ann["ldl_mg_dl"] == pytest.approx(77.34)  # not the one a second after the prediction
    assert ann["hba1c_percent"] is None  # taken at that very moment
    assert built.patients["refuted"]["ldl_mg_dl"] is None  # taken before, released after


def test_values_older_than_the_lookback_are_not_features(built: Warehouse) -> None:
    assert built.patients["ann"]["creatinine_mg_dl"] is None
    assert built.patients["ann"]["encounter_count"] == 1


def test_records_in_error_are_not_features(built: Warehouse) -> None:
    assert built.patients["ann"]["body_mass_index"] == 31.0


def test_a_diagnosis_counts_from_when_it_was_written_down(built: Warehouse) -> None:
    ann = built.patients["ann"]
    assert ann["has_hypertension"] is True
    assert ann["has_diabetes"] is False  # began before, written down after


def test_medications_are_counted_once_and_only_when_to_be_given(built: Warehouse) -> None:
    assert built.patients["ann"]["medication_count"] == 2


def test_smoking_is_unknown_where_nobody_asked(built: Warehouse) -> None:
    smokers = {patient_id: row["is_smoker"] for patient_id, row in built.patients.items()}
    unknown = dict.fromkeys(("refuted", "restored", "coded_twice"))
    assert smokers == {"ann": True, "bea": False, **unknown}


def test_newest_version_wins_over_the_order_of_deliveries(built: Warehouse) -> None:
    assert built.patients["ann"]["body_mass_index"] == 31.0  # newer in the second delivery
    assert built.patients["bea"]["body_mass_index"] == 25.0  # older in the second delivery
    assert built.patients["bea"]["sex"] == "male"
    assert built.patients["bea"]["age_years"] == 61


def test_components_of_an_older_version_are_gone(built: Warehouse) -> None:
    assert built.patients["bea"]["systolic_mmhg"] == 130.0
    assert built.patients["bea"]["diastolic_mmhg"] is None


def test_a_deleted_patient_is_in_no_mart(built: Warehouse) -> None:
    """Not in those of other modalities either; who was brought back has all records again."""
    people = {name: built.mart(name)["patient_id"].to_list() for name in MARTS}
    assert {name for name in MARTS if "deleted" in people[name]} == set()
    assert {name for name in MARTS if "restored" in people[name]} == {
        *("encounter", "patient", "patient_features")
    }


def test_one_polygenic_score_is_taken_for_all(built: Warehouse) -> None:
    scores = {patient_id: row["polygenic_score"] for patient_id, row in built.patients.items()}
    assert {name: score for name, score in scores.items() if score is not None} == {"ann": 1.5}


def test_a_file_that_the_ledger_does_not_name_is_invisible(built: Warehouse) -> None:
    sql = "select count(*) from {} where patient_id like 'stranger%'"
    assert built.query(sql.format("lake.ehr_patient")) == [(0,)]
    assert built.query(sql.format("staging.stg_ehr_patient")) == [(0,)]


def test_images_carry_their_masks_and_the_newest_delivery(built: Warehouse) -> None:
    first = built.images["i1"]
    assert (first["image_rows"], first["image_columns"], first["frame_count"]) == (10, 20, 2)
    assert first["mask_count"] == 2
    assert first["mask_area_fraction"] == pytest.approx(40 / 400)
    assert first["label"] == "new"
    assert (built.images["i2"]["mask_count"], built.images["i2"]["mask_area_fraction"]) == (0, None)
    assert built.images["no_pixels"]["mask_area_fraction"] is None


def test_laboratory_results_are_in_the_unit_of_their_measurement(built: Warehouse) -> None:
    labs = built.mart("lab_result").filter(patient_id="measured").sort("measurement")
    columns = ("measurement", "value_number", "unit", "is_normalised", "is_plausible")
    assert labs.select(columns).rows() == [
        ("glucose", pytest.approx(90.078), "mg/dL", True, True),
        ("hemoglobin", 1e308, "kg/dL", False, None),
        ("platelets", 250.0, "10*3/uL", True, True),
        ("protein", 70.0, "g/dL", True, False),
        ("sodium", 140.0, "mg per dL", False, None),
    ]
    assert labs["delivered_unit"].to_list() == ["mmol/L", "kg/dL", "K/uL", "g/dL", "mg per dL"]


def test_a_result_in_words_is_listed_without_its_value(built: Warehouse) -> None:
    (result,) = built.mart("lab_result").filter(lab_code="600-7").to_dicts()
    assert (result["patient_id"], result["value_type"]) == ("bea", "String")
    assert result["value_number"] is result["value_code"] is result["is_normalised"] is None


def test_marts_say_how_exactly_a_moment_is_known(built: Warehouse) -> None:
    known = {
        (name, column): set(built.mart(name)[column].drop_nulls())
        for name in MARTS
        for column in built.mart(name).columns
        if column.endswith("_precision")
    }
    assert {key: values for key, values in known.items() if values} == {
        ("patient", "deceased_precision"): {"year"},
        ("condition", "onset_precision"): {"minute"},
        ("medication", "authored_precision"): {"day"},
        ("lab_result", "observed_precision"): {"day"},
        ("vital_sign", "observed_precision"): {"day"},
    }


def test_marts_and_features_convert_alike(built: Warehouse) -> None:
    ldl = built.mart("lab_result").filter(observation_id="ann-ldl-1")["value_number"]
    assert ldl.to_list() == [built.patients["ann"]["ldl_mg_dl"]]


def test_vital_signs_have_a_row_per_component_and_one_unit(built: Warehouse) -> None:
    vitals = built.mart("vital_sign").filter(pl.col("patient_id").is_in(["bea", "measured"]))
    columns = ("observation_id", "component_number", "measurement", "value_number", "unit")
    assert sorted(vitals.select(columns).rows()) == [
        ("bea-bmi", 0, "body_mass_index", 25.0, "kg/m2"),
        ("bea-pressure", 1, "systolic", 130.0, "mm[Hg]"),
        ("measured-fever", 0, "body_temperature", pytest.approx(40.0), "Cel"),
    ]


def test_units_and_implausible_values_warn_and_hold_nothing_back(built: Warehouse) -> None:
    warnings = {node.name: node.failures for node in built.result.nodes if node.status == "warn"}
    assert warnings == {"lab_value_is_normalised": 2, "lab_value_is_plausible": 1}


def test_patients_are_counted_with_their_records(built: Warehouse) -> None:
    patients = {row["patient_id"]: row for row in built.mart("patient").to_dicts()}
    ann = patients["ann"]
    assert (ann["encounter_count"], ann["condition_count"], ann["medication_count"]) == (4, 3, 4)
    assert ann["last_recorded_at"] == at("2023-06-01 10:00")
    assert patients["died"]["last_recorded_at"] == at("2022-01-01")
    assert patients["died_in_2022"]["last_recorded_at"] == at("2022-06-01 10:00")
    assert patients["refuted"]["condition_count"] == 0
    assert patients["measured"]["lab_result_count"] == 5


def test_marts_and_staging_have_the_columns_that_are_documented(built: Warehouse) -> None:
    documented = {
        (node["schema"], node["name"]): [
            (column["name"], column["data_type"].replace('"', ""))
            for column in node["columns"].values()
        ]
        for node in built.nodes
        if node["resource_type"] == "model"
    }
    kinds = {"timestamp with time zone": "timestamptz"}
    present: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for schema, table, column, dtype in built.query(
        "select table_schema, table_name, column_name, lower(data_type) "
        "from information_schema.columns "
        "where table_schema in ('staging', 'intermediate', 'marts') order by ordinal_position"
    ):
        kind = kinds.get(dtype, dtype).replace('"', "")  # DuckDB quotes reserved words alone
        present.setdefault((schema, table), []).append((column, kind))
    assert {key: sorted(columns) for key, columns in present.items()} == {
        key: sorted(columns) for key, columns in documented.items()
    }


def test_models_have_the_asset_keys_group_and_owner_that_dagster_shows(built: Warehouse) -> None:
    nodes = [node for node in built.nodes if node["resource_type"] in ("model", "seed")]
    for node in nodes:
        dagster = {"group": "warehouse", "owners": ["team:data"]}
        assert node["config"]["meta"] == {"dagster": dagster}, node["name"]
    schemas = {(node["config"]["schema"], Path(node["path"]).parent.name) for node in nodes}
    layers = {"staging", "intermediate", "marts"}
    assert schemas == {("codes", ""), *((layer, layer) for layer in layers)}
