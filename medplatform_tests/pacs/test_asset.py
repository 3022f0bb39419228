"""The asset that fetches images: what it shows and skips, and what reads the result."""

from pathlib import Path

import dagster as dg
import pytest

from medplatform.definitions import build_defs
from medplatform.installation import Installation
from medplatform.privacy import KeyRing
from medplatform.settings import Settings
from medplatform.transfer import TransferLocked
from medplatform_tests.defs.site import materialized
from medplatform_tests.pacs.images import make_series
from medplatform_tests.pacs.server import DicomWebServer

KEY = "landing/dicomweb_images"


class Location:
    """A code location whose settings name a server."""

    def __init__(self, root: Path, url: str) -> None:
        self.settings = Settings(data=root, dicomweb_url=url, dicomweb_cron="30 4 * * *")
        KeyRing.create(self.settings.master_key)
        self.defs = build_defs(self.settings)

    def fetch(self) -> dg.ExecuteInProcessResult:
        job = self.defs.resolve_job_def("fetch_dicomweb_images")
        return job.execute_in_process(raise_on_error=False)


@pytest.fixture
def location(tmp_path: Path, server: DicomWebServer) -> Location:
    server.hold(make_series(tmp_path / "in", 3))
    return Location(tmp_path / "data", server.url)


def test_what_is_new_becomes_a_delivery_that_the_sensor_sees(location: Location) -> None:
    shown = materialized(location.fetch())[KEY]
    assert (shown["found"], shown["fetched"], shown["failed"]) == (3, 3, 0)
    waiting = Installation(location.settings).pending_deliveries()
    assert waiting == [f"imaging/{shown['delivery']}"]
    shown = materialized(location.fetch())[KEY]
    assert shown["delivery"] == "none: nothing new"


def test_what_another_process_fetches_is_skipped(
    location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise TransferLocked("Another process fetches it.")

    monkeypatch.setattr("medplatform.pacs.dicomweb.fetch_images", locked)
    result = location.fetch()
    assert result.success
    assert not result.get_asset_materialization_events()


def test_a_failure_says_what_to_do(location: Location, server: DicomWebServer) -> None:
    server.authorization = "Bearer word"
    result = location.fetch()
    (event,) = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_FAILURE]
    failure = event.step_failure_data.user_failure_data
    assert failure
    assert "Give the user" in str(failure.description)


def test_it_waits_for_its_own_schedule(location: Location) -> None:
    repository = location.defs.get_repository_def()
    schedule = repository.get_schedule_def("dicomweb_images")
    assert schedule.cron_schedule == "30 4 * * *"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    refresh = location.defs.resolve_job_def("refresh").asset_layer
    assert KEY not in {key.to_user_string() for key in refresh.executable_asset_keys}


def test_without_a_server_there_is_none_of_it(tmp_path: Path) -> None:
    repository = build_defs(Settings(data=tmp_path)).get_repository_def()
    assert "fetch_dicomweb_images" not in repository.job_names
    assert not repository.has_schedule_def("dicomweb_images")
