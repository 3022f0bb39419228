"""The written folder: valid, complete, the same for the same lake, replaced all at once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import meds
import polars as pl
import pyarrow.parquet as pq
import pytest

import medplatform.meds.export as export_module
import medplatform.meds.folder as folder_module
import medplatform.meds.subjects as subjects_module
from medplatform.lake import Lake
from medplatform.meds import MedsError, export_meds
from medplatform.training.data import assign_split
from medplatform_tests.meds.site import Site
from medplatform_tests.warehouse.records import (
    condition,
    encounter,
    observation,
    patient,
    prescription,
    publish,
)

NAMES = [f"k1_{number:04d}" for number in range(60)]


def fill(site: Site, names: list[str] = NAMES, delivery: str = "2021") -> None:
    """A delivery in which every patient has a bit of everything."""
    publish(
        site.lake.root,
        delivery,
        {
            "ehr_patient": [patient(name, 1960) for name in names],
            "ehr_encounter": [
                encounter(name, f"{name}-e", "2021-06-01 10:00", class_code="AMB") for name in names
            ],
            "ehr_condition": [condition(name, "44054006", "2020-01-01") for name in names],
            "ehr_observation": [
                observation(
                    name,
                    f"o{day}",
                    "4548-4",
                    f"2021-06-{day:02d}",
                    value_number=day / 3,
                    value_text="1.0",
                    value_unit="%",
                    encounter_id=f"{name}-e",
                )
                for name in names
                for day in range(1, 6)
            ],
            "ehr_medication_request": [
                prescription(name, "m", "860975", "2021-06-01") for name in names
            ],
        },
    )


def shards(site: Site) -> Iterator[tuple[str, Path]]:
    for path in sorted((site.folder / meds.data_subdirectory).glob("*/*.parquet")):
        yield path.parent.name, path


def test_every_file_is_valid_by_the_schemas_of_the_standard(site: Site) -> None:
    fill(site)
    site.export(subjects_per_shard=10)
    for _, path in shards(site):
        meds.DataSchema.validate(pq.read_table(path, partitioning=None))
    codes = pq.read_table(site.folder / meds.code_metadata_filepath)
    meds.CodeMetadataSchema.validate(codes)
    meds.SubjectSplitSchema.validate(pq.read_table(site.folder / meds.subject_splits_filepath))
    description = json.loads((site.folder / meds.dataset_metadata_filepath).read_bytes())
    meds.DatasetMetadataSchema.validate(description)
    assert set(site.events()["code"]) == set(codes["code"].to_pylist())
    extensions = [
        name
        for group in ("raw_source_id_columns", "code_modifier_columns", "other_extension_columns")
        for name in description[group]
    ]
    assert {*meds.DataSchema.schema().names, *extensions} == set(site.events().columns)


def test_events_of_a_subject_stand_together_in_one_file_by_time(site: Site) -> None:
    fill(site)
    site.export(subjects_per_shard=10)
    seen: set[int] = set()
    for _, path in shards(site):
        events = pl.read_parquet(path, hive_partitioning=False)
        subjects = set(events["subject_id"])
        assert len(subjects) <= 10
        assert not seen & subjects
        seen |= subjects
        expected = events.sort("subject_id", "time", nulls_last=False, maintain_order=True)
        assert events.equals(expected)
    assert len(seen) == len(NAMES)


def test_splits_are_those_of_the_platform(site: Site) -> None:
    fill(site)
    site.export(split_salt="ehr_risk")
    names = {"train": "train", "validation": "tuning", "test": "held_out"}
    expected = {
        subjects_module.make_subject_id(name): names[split]
        for name, split in zip(NAMES, assign_split(NAMES, "ehr_risk"), strict=True)
    }
    table = pl.read_parquet(site.folder / meds.subject_splits_filepath)
    assert dict(table.iter_rows()) == expected
    for split, path in shards(site):
        assert {expected[subject] for subject in pl.read_parquet(path)["subject_id"]} == {split}


def test_patients_who_come_later_move_nobody(site: Site) -> None:
    fill(site)
    site.export()
    before = dict(pl.read_parquet(site.folder / meds.subject_splits_filepath).iter_rows())
    fill(site, [f"k1_new{number}" for number in range(30)], "2022")
    site.export()
    after = dict(pl.read_parquet(site.folder / meds.subject_splits_filepath).iter_rows())
    assert before.items() <= after.items()
    assert len(after) == len(before) + 30


def test_two_patients_of_one_number_are_never_mixed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site, NAMES[:2])
    monkeypatch.setattr(subjects_module, "make_subject_id", lambda patient_id: 1)
    with pytest.raises(MedsError, match="same 63-bit number"):
        site.export()


def test_numbers_of_subjects_are_not_negative_and_never_change() -> None:
    assert subjects_module.make_subject_id("k1_a") == 6043507285235168728
    assert all(0 <= subjects_module.make_subject_id(name) < 2**63 for name in NAMES)


def test_the_same_lake_gives_the_same_bytes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    first = site.export(subjects_per_shard=7).version
    before = site.content()
    monkeypatch.setattr("medplatform.meds.events.THREADS", 1)
    monkeypatch.setattr("medplatform.meds.events._BATCH_ROWS", 2048)
    assert site.export(subjects_per_shard=7).version == first
    assert site.content() == before
    assert site.export(subjects_per_shard=8).version != first


def test_every_row_is_accounted_for_and_the_report_is_part_of_the_export(site: Site) -> None:
    fill(site)
    result = site.export()
    events = site.events()
    assert result.events == events.height == sum(count.events for count in result.kinds)
    assert all(count.is_balanced for count in result.kinds)
    assert {count.table: count.rows for count in result.kinds} == {
        "ehr_patient": 60,
        "ehr_encounter": 60,
        "ehr_condition": 60,
        "ehr_procedure": 0,
        "ehr_observation": 300,
        "ehr_medication_request": 60,
        "ehr_diagnostic_report": 0,
    }
    report = json.loads((site.folder / "metadata" / "accounting.json").read_bytes())
    assert report == result.accounting()


def test_an_export_that_does_not_add_up_is_not_published(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site)
    site.export()
    before = site.content()
    monkeypatch.setattr(Lake, "rows", lambda self, table: 61)
    with pytest.raises(MedsError, match="Of 61 rows of ehr_patient, 60 gave an event"):
        site.export()
    assert site.content() == before


def test_a_lake_that_changes_meanwhile_is_not_exported(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site)
    write = export_module.write_codes

    def deliver_and_write(*arguments: object) -> int:
        fill(site, ["k1_late"], "2022")
        return write(*arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(export_module, "write_codes", deliver_and_write)
    with pytest.raises(MedsError, match="changed while it was exported"):
        site.export()
    assert not site.folder.exists()


def test_a_delivery_that_vanishes_meanwhile_is_an_error_that_says_what_to_do(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site)
    number = export_module.number_subjects

    def remove_and_number(*arguments: object) -> None:
        number(*arguments)  # pyright: ignore[reportArgumentType]
        for path in (site.lake.root / "ehr_observation").rglob("*.parquet"):
            path.unlink()

    monkeypatch.setattr(export_module, "number_subjects", remove_and_number)
    with pytest.raises(MedsError, match="export again"):
        site.export()


KILLED = """
import os, signal, sys
from pathlib import Path
import medplatform.meds.export as module
import medplatform.meds.folder as folder
from medplatform.lake import Lake

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(module if hasattr(module, sys.argv[3]) else folder, sys.argv[3], die)
module.export_meds(Lake(Path(sys.argv[1])), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("moment", ["write_splits", "_replace"])
def test_a_killed_export_leaves_the_old_one(site: Site, moment: str) -> None:
    fill(site)
    site.export()
    before = site.content()
    fill(site, ["k1_late"], "2022")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(site.lake.root), str(site.folder), moment], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert site.content() == before
    site.export()
    assert site.result.subjects == 61
    assert sorted(path.name for path in site.folder.parent.iterdir()) == [".meds.lock", "meds"]


def test_a_file_system_that_cannot_exchange_folders_keeps_the_old_one_aside(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site)
    monkeypatch.setattr(folder_module, "_exchange", lambda draft, target: False)
    site.export()
    before = site.content()
    assert site.export().subjects == 60
    assert site.content() == before
    # As if it had been killed between the two renames.
    site.folder.rename(site.folder.with_name(".meds.old"))
    monkeypatch.setattr(export_module, "open_lake", None)
    with pytest.raises(TypeError):
        site.export()
    assert site.content() == before


def test_exchanging_folders_is_atomic_where_the_system_can(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    if not folder_module._exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot exchange folders")
    assert (tmp_path / "a" / "file").read_text() == "b"
    assert (tmp_path / "b" / "file").read_text() == "a"


def test_one_export_at_a_time_goes_to_a_folder(site: Site) -> None:
    fill(site)
    with (
        folder_module.draft_of(site.folder, Path(meds.dataset_metadata_filepath)),
        pytest.raises(MedsError, match="Another process"),
    ):
        site.export()


def test_a_folder_of_something_else_is_not_replaced(site: Site) -> None:
    fill(site)
    site.folder.mkdir(parents=True)
    (site.folder / "thesis.txt").write_text("years of work")
    with pytest.raises(MedsError, match="--out"):
        site.export()
    assert (site.folder / "thesis.txt").exists()


def test_a_full_disk_is_an_error_that_says_what_to_do(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site)

    def fail(*arguments: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(export_module, "write_codes", fail)
    with pytest.raises(MedsError, match="Free some space"):
        site.export()
    assert not site.folder.exists()


def test_a_shard_holds_at_least_one_subject(site: Site) -> None:
    with pytest.raises(ValueError, match="at least one subject"):
        export_meds(site.lake, site.folder, subjects_per_shard=0)
