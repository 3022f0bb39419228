"""The export of the public bulk data of 100 patients; skipped where they do not lie here."""

import meds
import polars as pl
import pyarrow.parquet as pq
import pytest

from medplatform.ingest import ingest_pending
from medplatform.installation import Installation
from medplatform.meds import Export, export_meds
from medplatform.modalities import MODALITIES
from medplatform.modalities.delivery import deliver
from medplatform.modalities.ehr.tables import TABLE_OF
from medplatform.privacy import KeyRing
from medplatform.settings import Settings
from medplatform_tests.public_data import PUBLIC_DATA

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (PUBLIC_DATA / "fhir").exists(),
        reason=f"no public data in {PUBLIC_DATA}: set MEDPLATFORM_TEST_DATA",
    ),
]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Export:
    settings = Settings(data=tmp_path_factory.mktemp("real") / "data")
    KeyRing.create(settings.master_key)
    installation = Installation(settings)
    wanted = tmp_path_factory.mktemp("public")
    for path in (PUBLIC_DATA / "fhir" / "r4-bulk-100").glob("*.ndjson*"):
        if path.name.partition(".")[0] in TABLE_OF:
            (wanted / path.name).symlink_to(path)
    deliver(wanted, settings.landing, "ehr", "public")
    (receipt,) = ingest_pending(
        MODALITIES["ehr"],
        landing=settings.landing,
        lake=installation.lake,
        identity=installation.identity,
        quiet_period_s=0,
    )
    assert receipt.status == "published"
    return export_meds(installation.lake, settings.data / "meds", subjects_per_shard=10)


def test_all_records_become_events(result: Export) -> None:
    assert result.subjects == 100
    assert {count.kind: (count.rows, count.events) for count in result.kinds} == {
        "sex": (100, 100),
        "birth": (100, 100),
        "encounter_start": (3697, 3697),
        "encounter_type": (3697, 3697),
        "condition": (639, 639),
        "procedure": (2351, 2351),
        "medication": (2386, 2386),
        "observation": (17300, 17300),
        "diagnostic_report": (897, 897),
        "procedure_end": (2351, 2351),
        "condition_end": (639, 381),
        "encounter_end": (3697, 3697),
        "death": (100, 0),
    }


def test_every_shard_is_valid_and_sorted(result: Export) -> None:
    files = list(result.folder.glob("data/*/*.parquet"))
    assert len(files) == result.shards
    for path in files:
        meds.DataSchema.validate(pq.read_table(path, partitioning=None))
        events = pl.read_parquet(path, hive_partitioning=False)
        assert events["subject_id"].n_unique() <= 10
        assert events.equals(events.sort("subject_id", "time", maintain_order=True))


def test_nobody_has_a_record_before_birth(result: Export) -> None:
    events = pl.read_parquet(list(result.folder.glob("data/*/*.parquet")))
    birth = events.filter(pl.col("code") == meds.birth_code).select("subject_id", birth="time")
    assert events.join(birth, on="subject_id").filter(pl.col("time") < pl.col("birth")).is_empty()


def test_a_measurement_has_its_code_unit_and_description(result: Export) -> None:
    codes = pl.read_parquet(result.folder / meds.code_metadata_filepath)
    (hba1c,) = codes.filter(pl.col("code") == "LOINC//4548-4//%").to_dicts()
    assert hba1c["parent_codes"] == ["LOINC/4548-4"]
    assert "Hemoglobin A1c" in hba1c["description"]
