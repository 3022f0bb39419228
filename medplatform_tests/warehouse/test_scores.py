"""The mart of polygenic scores leaves out who was deleted."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.ehr.deleted import find_deleted_patients
from medplatform.modalities.genomics.features.score import SCHEMA
from medplatform.warehouse.scores import write_polygenic_scores
from medplatform_tests.warehouse.records import patient, publish


def delete(root: Path, delivery: str, *names: str) -> None:
    gone = [{"resource_type": "Patient", "resource_id": name} for name in names]
    publish(root, delivery, {"ehr_deletion": gone})


def test_who_was_deleted_is_brought_back_by_a_later_delivery(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert find_deleted_patients(lake) == []
    delete(tmp_path, "b", "ann", "bea")
    assert sorted(find_deleted_patients(lake)) == ["ann", "bea"]
    publish(tmp_path, "a", {"ehr_patient": [patient("ann", 1960)]})
    publish(tmp_path, "c", {"ehr_patient": [patient("bea", 1960)]})
    assert find_deleted_patients(lake) == ["ann"]


def test_a_deleted_patient_has_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(tmp_path / "lake", "a", "ann")

    def computed(*_: Any) -> pl.DataFrame:
        rows = [(name, "s", 1.0, 1, 1) for name in ("ann", "bea")]
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")

    monkeypatch.setattr("medplatform.modalities.genomics.features.score.compute_scores", computed)
    write_polygenic_scores(Lake(tmp_path / "lake"), [], tmp_path / "marts")
    mart = pl.read_parquet(tmp_path / "marts" / "polygenic_score.parquet")
    assert mart["patient_id"].to_list() == ["bea"]
