"""Patients are dealt into splits once and for all, and a data set says what it holds."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medplatform.lake import Lake, Snapshot, read_snapshot
from medplatform.training.data import (
    DatasetMissing,
    DatasetTooSmall,
    assign_split,
    freeze_dataset,
    is_synthetic,
    latest_snapshot,
    load_rows,
)
from medplatform.training.recipe import TrainingError
from medplatform.training.recipes import EHR_RISK
from medplatform_tests.training.cohort import collecting, freeze_ehr, patient_features, write_mart


@given(st.lists(st.text(min_size=1), min_size=1, unique=True), st.text())
def test_a_patient_keeps_the_split_when_others_come(patients: list[str], salt: str) -> None:
    alone = [assign_split([patient], salt)[0] for patient in patients]
    assert assign_split(patients, salt) == alone


def test_shares_are_60_15_25() -> None:
    counts = Counter(assign_split([f"p{number}" for number in range(20_000)], "salt"))
    assert counts["train"] == pytest.approx(12_000, abs=300)
    assert counts["validation"] == pytest.approx(3_000, abs=300)
    assert counts["test"] == pytest.approx(5_000, abs=300)


def test_the_rule_is_the_published_one() -> None:
    """The test cohort is locked for ever: a change of the rule would unlock it."""
    # The first 16 bits of SHA-256("ehr_risk:a"), … are 0.419, 0.596, 0.691, 0.779, 0.982.
    splits = ["train", "train", "validation", "test", "test"]
    assert assign_split(["a", "b", "l", "r", "z"], "ehr_risk") == splits


def test_another_salt_deals_anew() -> None:
    patients = [f"p{number}" for number in range(100)]
    assert assign_split(patients, "one") != assign_split(patients, "two")


def test_no_patient_is_in_two_splits(tmp_path: Path) -> None:
    visits = pl.concat([patient_features(80)] * 3).with_row_index("visit")
    rows = visits.with_columns(visit_id=pl.format("v{}", "visit"))
    recipe = collecting(EHR_RISK, lambda: rows)
    recipe = replace(recipe, row_id="visit_id")
    snapshot = freeze_dataset(recipe, Lake(tmp_path / "l"), tmp_path, tmp_path / "datasets")
    splits = load_rows(snapshot).group_by("patient_id").agg(pl.col("split").n_unique())
    assert splits["split"].max() == 1


def test_the_manifest_counts_rows_patients_and_events(tmp_path: Path) -> None:
    snapshot = freeze_ehr(tmp_path)
    rows = load_rows(snapshot)
    facts = snapshot.manifest["facts"]
    for split, counts in facts["counts"].items():
        part = rows.filter(pl.col("split") == split)
        assert counts == {
            "rows": part.height,
            "patients": part["patient_id"].n_unique(),
            "events": part["outcome"].sum(),
        }
        assert load_rows(snapshot, split).equals(part)
    assert facts["horizon_days"] == [365]
    assert facts["split"]["salt"] == EHR_RISK.split_salt


def test_the_same_rows_give_the_same_folder(tmp_path: Path) -> None:
    first, second = freeze_ehr(tmp_path), freeze_ehr(tmp_path)
    assert first.folder == second.folder
    assert read_snapshot(second.folder, verify=True).digest == first.digest


def test_a_data_set_says_whether_its_patients_are_made_up(tmp_path: Path) -> None:
    write_mart(tmp_path, 300)

    def frozen(made_up: bool) -> Snapshot:
        places = Lake(tmp_path / "lake"), tmp_path, tmp_path / "datasets"
        return freeze_dataset(EHR_RISK, *places, is_synthetic=made_up)

    real, synthetic = frozen(False), frozen(True)
    assert (is_synthetic(real), is_synthetic(synthetic)) == (False, True)
    assert real.digest != synthetic.digest


def test_the_latest_data_set_is_the_one_frozen_last(tmp_path: Path) -> None:
    first = freeze_ehr(tmp_path, 300)
    other = freeze_ehr(tmp_path, 301)
    assert latest_snapshot(tmp_path / "datasets", EHR_RISK).digest == other.digest
    freeze_ehr(tmp_path, 300)
    assert latest_snapshot(tmp_path / "datasets", EHR_RISK).digest == first.digest


def test_two_refreshes_freeze_one_after_the_other(tmp_path: Path) -> None:
    begun: list[str] = []
    together = threading.Event()

    def collect(name: str, patients: int) -> pl.DataFrame:
        begun.append(name)
        if len(begun) > 1:
            together.set()
        # The first one to collect gives the other every chance to come between.
        together.wait(0.5)
        return patient_features(patients)

    def refresh(name: str, patients: int) -> Snapshot:
        recipe = collecting(EHR_RISK, lambda: collect(name, patients))
        return freeze_dataset(recipe, Lake(tmp_path / "l"), tmp_path, tmp_path / "datasets")

    with ThreadPoolExecutor(2) as pool:
        futures = {name: pool.submit(refresh, name, n) for name, n in (("a", 300), ("b", 301))}
    last = futures[begun[-1]].result()
    assert latest_snapshot(tmp_path / "datasets", EHR_RISK).digest == last.digest
    assert not list((tmp_path / "datasets").rglob("*draft*"))


def test_without_a_data_set_the_error_says_what_to_materialize(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match="Materialize datasets/ehr_risk"):
        latest_snapshot(tmp_path, EHR_RISK)


@pytest.mark.parametrize("patients", [0, 5, 19])
def test_too_few_patients_are_refused_with_a_remedy(tmp_path: Path, patients: int) -> None:
    with pytest.raises(DatasetTooSmall, match=rf"{patients} of the 20.*ingest more"):
        freeze_ehr(tmp_path, patients)
    assert not list((tmp_path / "datasets").rglob("manifest.json"))


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    ids = [f"p{number}" for number in range(500)]
    training = [
        patient
        for patient, split in zip(ids, assign_split(ids, EHR_RISK.split_salt), strict=True)
        if split == "train"
    ][:30]
    rows = patient_features(30).with_columns(patient_id=pl.Series(training))
    with pytest.raises(DatasetTooSmall, match="no patient in validation and test among 30"):
        freeze_dataset(
            collecting(EHR_RISK, lambda: rows), Lake(tmp_path / "l"), tmp_path, tmp_path / "d"
        )


def test_a_missing_mart_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="Materialize marts/patient_features"):
        freeze_dataset(EHR_RISK, Lake(tmp_path / "lake"), tmp_path / "marts", tmp_path / "d")


def test_collect_derives_sex_and_age_band(tmp_path: Path) -> None:
    mart = write_mart(tmp_path, 50).with_columns(
        age_years=pl.Series([17.0, 44, 45, 64, 65, 74, 75, None] + [50.0] * 42),
        sex=pl.Series(["male", "female", "other", "unknown", None] + ["male"] * 45),
    )
    mart.write_parquet(tmp_path / "patient_features.parquet")
    rows = EHR_RISK.collect(Lake(tmp_path / "lake"), tmp_path).rows
    assert rows["is_male"].to_list()[:5] == [True, False, None, None, None]
    bands = ["18-44", "18-44", "45-64", "45-64", "65-74", "65-74", "75+", None]
    assert rows["age_band"].to_list()[:8] == bands
