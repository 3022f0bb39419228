"""The asset that fetches exports: what it asks for, shows and skips, and what reads the result."""

from pathlib import Path

import dagster as dg
import pytest

from medplatform.bulk_export.workspace import open_workspace
from medplatform.definitions import build_defs
from medplatform.installation import Installation
from medplatform.privacy import KeyRing
from medplatform.settings import Settings
from medplatform_tests.bulk_export.server import TRANSACTION_TIME, BulkServer
from medplatform_tests.bulk_export.site import ndjson
from medplatform_tests.defs.site import materialized

KEY = "landing/fhir_export"


class Location:
    """A code location whose settings name a server."""

    def __init__(self, root: Path, url: str) -> None:
        self.settings = Settings(data=root, bulk_server_url=url, bulk_cron="30 4 * * *")
        KeyRing.create(self.settings.master_key)
        self.defs = build_defs(self.settings)

    def fetch(self) -> dg.ExecuteInProcessResult:
        job = self.defs.resolve_job_def("fetch_fhir_export")
        return job.execute_in_process(raise_on_error=False)


@pytest.fixture
def location(tmp_path: Path, server: BulkServer) -> Location:
    server.publish({"output": [server.add("Patient-1", ndjson("Patient", 3))]})
    return Location(tmp_path / "data", server.base_url)


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_FAILURE]
    failure = event.step_failure_data.user_failure_data
    return str(failure.description) if failure else ""


def test_an_export_becomes_a_delivery_that_the_sensor_sees(location: Location) -> None:
    result = location.fetch()
    assert result.success
    shown = materialized(result)[KEY]
    assert shown["resources"] == 3
    assert "| Patient | 3 |" in str(shown["resources_by_type"])
    assert shown["transaction_time"] == TRANSACTION_TIME
    assert shown["since"] == "the beginning"
    assert shown["is_complete"] is True
    assert Installation(location.settings).pending_deliveries() == [f"ehr/{shown['delivery']}"]


def test_the_next_one_asks_for_what_changed(
    location: Location, server: BulkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    location.fetch()
    server.publish({"output": []})
    monkeypatch.setattr("medplatform.bulk_export.fetch._new_name", lambda _: "second")
    shown = materialized(location.fetch())[KEY]
    assert server.kick_offs[1].query["_since"] == TRANSACTION_TIME
    assert shown["since"] == TRANSACTION_TIME
    assert shown["delivery"] == "none: nothing changed"


def test_an_export_that_another_process_fetches_is_skipped(
    location: Location, server: BulkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medplatform.bulk_export.fetch._new_name", lambda _: "busy")
    with open_workspace(location.settings.landing, "busy"):
        result = location.fetch()
    assert result.success
    assert not result.get_asset_materialization_events()
    assert not server.kick_offs


def test_a_failure_says_what_to_do(location: Location, server: BulkServer) -> None:
    server.publish({"output": [server.add("Patient-1", ndjson("Patient", 3), count=9)]})
    result = location.fetch()
    assert not result.success
    assert "not what the manifest says" in failure_of(result)


def test_it_waits_for_its_own_schedule(location: Location) -> None:
    repository = location.defs.get_repository_def()
    schedule = repository.get_schedule_def("fhir_exports")
    assert schedule.cron_schedule == "30 4 * * *"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    refresh = location.defs.resolve_job_def("refresh").asset_layer
    keys = {key.to_user_string() for key in refresh.executable_asset_keys}
    assert KEY not in keys
    assert "lake/ehr_patient" in keys


def test_its_page_says_how_it_is_configured(location: Location) -> None:
    (spec,) = [s for s in location.defs.resolve_all_asset_specs() if s.key.path[0] == "landing"]
    assert "MEDPLATFORM_BULK_SERVER_URL" in (spec.description or "")
    assert "key create-client" in (spec.description or "")
    assert spec.owners == ["team:data"]


def test_without_a_server_there_is_none_of_it(tmp_path: Path) -> None:
    repository = build_defs(Settings(data=tmp_path)).get_repository_def()
    assert "fetch_fhir_export" not in repository.job_names
    assert not repository.has_schedule_def("fhir_exports")
