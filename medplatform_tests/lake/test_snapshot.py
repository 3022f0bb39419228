"""Frozen data sets are named by their content and never change."""

from pathlib import Path

import polars as pl
import pytest

from medplatform.lake import freeze, read_snapshot

FRAME = pl.DataFrame({"patient_id": ["a", "b"], "outcome": [True, False]})


def test_equal_content_gives_the_same_folder_and_digest(tmp_path: Path) -> None:
    first = freeze(tmp_path, "risk", {"rows": FRAME}, {"split": "60/15/25"})
    again = freeze(tmp_path, "risk", {"rows": FRAME}, {"split": "60/15/25"})
    assert again.folder == first.folder
    assert again.manifest == first.manifest
    assert len(list((tmp_path / "risk").iterdir())) == 1


@pytest.mark.parametrize(
    ("frame", "facts"),
    [
        (FRAME.with_columns(outcome=~pl.col("outcome")), {"split": "60/15/25"}),
        (FRAME, {"split": "50/25/25"}),
    ],
)
def test_other_rows_or_facts_give_another_digest(
    tmp_path: Path, frame: pl.DataFrame, facts: dict[str, str]
) -> None:
    first = freeze(tmp_path, "risk", {"rows": FRAME}, {"split": "60/15/25"})
    assert freeze(tmp_path, "risk", {"rows": frame}, facts).digest != first.digest


def test_the_same_rows_of_another_delivery_are_the_same_data_set(tmp_path: Path) -> None:
    first = freeze(tmp_path, "risk", {"rows": FRAME}, {}, lineage={"ehr/monday": "1"})
    again = freeze(tmp_path, "risk", {"rows": FRAME}, {}, lineage={"ehr/tuesday": "1"})
    assert again.digest == first.digest
    assert again.manifest["lineage"] == {"ehr/monday": "1"}


def test_a_changed_file_is_found(tmp_path: Path) -> None:
    snapshot = freeze(tmp_path, "risk", {"rows": FRAME}, {})
    snapshot.file("rows").write_bytes(snapshot.file("rows").read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="was changed"):
        read_snapshot(snapshot.folder, verify=True)


def test_a_missing_file_is_found(tmp_path: Path) -> None:
    snapshot = freeze(tmp_path, "risk", {"rows": FRAME}, {})
    snapshot.file("rows").unlink()
    with pytest.raises(ValueError, match="is missing"):
        read_snapshot(snapshot.folder, verify=True)
