"""The nightly run happens when there is something to do, and only then."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from medplatform.defs.schedules import nightly_schedule, why_refresh
from medplatform.installation import Installation
from medplatform.lake import SourceEntry
from medplatform.modalities.ehr.tables import TABLE_OF
from medplatform.settings import Settings
from medplatform.training.data import DatasetTooSmall, freeze_dataset, latest_snapshot
from medplatform.training.recipes import EHR_RISK
from medplatform_tests.training.cohort import write_mart


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(Settings(data=tmp_path / "data", timezone="Europe/Berlin"))


def publish_patient(installation: Installation, delivery: str) -> None:
    """A published delivery of one patient, as the ledger shows it."""
    patient = {
        "patient_id": f"k1_{delivery}",
        "patient_resource_id": f"k1_{delivery}",
        "version_id": "1",
        "is_retired": False,
        "is_deceased": False,
        "source_id": "s",
        "record_number": 1,
    }
    with installation.lake.stage("ehr", delivery, "00000000") as stage:
        stage.write(TABLE_OF["Patient"], [patient])
        installation.lake.publish(
            stage,
            modality="ehr",
            delivery=delivery,
            status="published",
            content_digest=delivery,
            sources=[SourceEntry(source_id="s", sha256="s", bytes=1, label="Patient.ndjson")],
            started_at=datetime.now(UTC),
        )


def freeze(installation: Installation, patients: int) -> None:
    settings = installation.settings
    write_mart(settings.marts, patients)
    freeze_dataset(EHR_RISK, installation.lake, settings.marts, settings.datasets)


def tick(installation: Installation) -> dg.RunRequest | dg.SkipReason:
    schedule = nightly_schedule(installation.settings)
    with dg.build_schedule_context(
        resources={"installation": installation},
        scheduled_execution_time=datetime(2026, 3, 1, 2, tzinfo=UTC),
    ) as context:
        result = schedule(context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def test_an_empty_installation_has_nothing_to_do(installation: Installation) -> None:
    assert why_refresh(installation) is None
    assert isinstance(tick(installation), dg.SkipReason)


def test_a_waiting_delivery_is_a_reason(installation: Installation) -> None:
    folder = installation.settings.landing / "ehr" / "monday"
    folder.mkdir(parents=True)
    (folder / "_DONE").touch()
    assert why_refresh(installation) == "new deliveries"
    request = tick(installation)
    assert isinstance(request, dg.RunRequest)
    assert request.tags["medplatform/because"] == "new deliveries"


def test_published_data_without_a_data_set_are_a_reason(installation: Installation) -> None:
    publish_patient(installation, "monday")
    assert why_refresh(installation) == "no data set of ehr_risk"


def test_data_that_are_too_few_are_not_tried_every_night(installation: Installation) -> None:
    publish_patient(installation, "monday")
    with pytest.raises(DatasetTooSmall):
        freeze(installation, 5)
    assert why_refresh(installation) is None
    publish_patient(installation, "tuesday")
    assert why_refresh(installation) == "no data set of ehr_risk"


def test_a_failed_training_is_tried_again_the_next_night(installation: Installation) -> None:
    publish_patient(installation, "monday")
    freeze(installation, 100)
    assert why_refresh(installation) == "ehr_risk has no model of its data"
    publish_patient(installation, "tuesday")
    assert why_refresh(installation) == "data of ehr_risk changed"


def test_a_delivery_that_adds_no_row_is_looked_at_once_and_trains_nothing(
    installation: Installation,
) -> None:
    datasets = installation.settings.datasets
    publish_patient(installation, "monday")
    freeze(installation, 100)
    first = latest_snapshot(datasets, EHR_RISK)
    publish_patient(installation, "tuesday")
    assert why_refresh(installation) == "data of ehr_risk changed"
    freeze(installation, 100)
    assert latest_snapshot(datasets, EHR_RISK).digest == first.digest
    assert why_refresh(installation) == "ehr_risk has no model of its data"


def test_the_schedule_runs_in_the_time_zone_of_the_settings(installation: Installation) -> None:
    schedule = nightly_schedule(installation.settings)
    assert schedule.execution_timezone == "Europe/Berlin"
    assert schedule.cron_schedule == "0 2 * * *"
