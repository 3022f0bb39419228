"""An export becomes a closed delivery."""

import gzip
import json
import os
import stat
import tempfile
from pathlib import Path

import pytest

from medplatform.bulk_export import (
    ExportError,
    ExportFailed,
    ExportRefused,
    RequestError,
    TransferLocked,
)
from medplatform.bulk_export.workspace import open_workspace
from medplatform.modalities.delivery import DeliveryError, closed_deliveries
from medplatform_tests.bulk_export.server import (
    TRANSACTION_TIME,
    BulkServer,
    answer,
    answer_outcome,
    outcome,
)
from medplatform_tests.bulk_export.site import Site, ndjson

PATIENTS = ndjson("Patient", 3)
CONDITIONS = ndjson("Condition", 5)


def publish_two_types(server: BulkServer) -> None:
    patients = server.add("Patient-1", PATIENTS, count=3)
    server.publish({"output": [patients, server.add("Condition-1", CONDITIONS, count=5)]})


def test_files_of_the_manifest_are_the_records_of_a_closed_delivery(
    server: BulkServer, site: Site
) -> None:
    publish_two_types(server)
    fetched = site.fetch()
    assert closed_deliveries(site.landing, "ehr", quiet_period_s=300) == ["first"]
    assert site.delivered() == {
        "Condition.0001.ndjson": CONDITIONS,
        "Patient.0001.ndjson": PATIENTS,
    }
    assert fetched.delivery == "first"
    assert fetched.resources == {"Condition": 5, "Patient": 3}
    assert fetched.transaction_time == TRANSACTION_TIME
    assert fetched.fhir_version == "4.0.1"
    assert fetched.is_complete


def test_a_finished_export_leaves_nothing_behind_here_or_at_the_server(
    server: BulkServer, site: Site
) -> None:
    publish_two_types(server)
    site.fetch()
    assert site.unfinished == []
    assert server.jobs[0].is_dropped


def test_an_export_that_was_delivered_is_not_asked_for_again(
    server: BulkServer, site: Site
) -> None:
    publish_two_types(server)
    first = site.fetch()
    asked = len(server.seen)
    assert site.fetch() == first
    assert len(server.seen) == asked


def test_a_delivery_of_that_name_is_never_replaced(server: BulkServer, site: Site) -> None:
    publish_two_types(server)
    site.fetch()
    with pytest.raises(DeliveryError, match="is there already"):
        site.fetch(site.request(types=["Patient"]))
    assert len(server.kick_offs) == 1


def test_without_a_name_deliveries_sort_by_time(server: BulkServer, site: Site) -> None:
    publish_two_types(server)
    name = site.fetch(delivery=None).delivery
    assert name
    assert name.startswith("export-20")
    assert list(site.delivered(name))


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "/fhir/$export"),
        ({"level": "patient"}, "/fhir/Patient/$export"),
        ({"level": "group", "group_id": "g-1.2"}, "/fhir/Group/g-1.2/$export"),
    ],
)
def test_each_level_has_its_address(
    server: BulkServer, site: Site, fields: dict, path: str
) -> None:
    publish_two_types(server)
    site.fetch(site.request(**fields))
    assert [seen.path for seen in server.kick_offs] == [path]


def test_the_request_says_what_is_wanted(server: BulkServer, site: Site) -> None:
    publish_two_types(server)
    site.fetch(
        site.request(
            types=["Patient", "Observation"],
            type_filters=["Observation?category=laboratory,vital-signs", "Patient?active=true"],
            since="2026-01-01T00:00:00+01:00",
            allow_partial_manifests=True,
        )
    )
    (asked,) = server.kick_offs
    assert asked.query == {
        "_outputFormat": "application/fhir+ndjson",
        "_type": "Patient,Observation",
        "_typeFilter": "Observation?category=laboratory%2Cvital-signs,Patient?active=true",
        "_since": "2026-01-01T00:00:00+01:00",
        "allowPartialManifests": "true",
    }
    assert asked.headers["prefer"] == "respond-async"
    assert asked.headers["accept"] == "application/fhir+json"


@pytest.mark.parametrize(
    "fields",
    [
        {"level": "group"},
        {"group_id": "1"},
        {"level": "group", "group_id": "../x"},
        {"types": ["patient"]},
        {"types": ["Patient,Observation"]},
        {"type_filters": ["category=laboratory"]},
        {"since": "2026-01-01"},
        {"since": "2026-13-01T00:00:00Z"},
        {"since": "2026-01-01T00:00:00"},
        {"base_url": "ftp://fhir.example.org"},
        {"base_url": "https://secret@fhir.example.org"},
        {"base_url": "https://fhir.example.org/r4?key=secret"},
    ],
)
def test_what_cannot_be_asked_is_refused_without_repeating_it(fields: dict) -> None:
    from medplatform.bulk_export import ExportRequest

    with pytest.raises(RequestError) as raised:
        ExportRequest.of(**{"base_url": "https://fhir.example.org/r4", **fields})
    assert "secret" not in str(raised.value)


def test_pages_of_the_manifest_are_one_export(server: BulkServer, site: Site) -> None:
    first = server.add("Patient-1", PATIENTS)
    second = server.add("Patient-2", ndjson("Patient", 7))
    server.publish({"output": [first]}, {"output": [second]})
    assert site.fetch().resources == {"Patient": 10}
    assert set(site.delivered()) == {"Patient.0001.ndjson", "Patient.0002.ndjson"}


def test_a_page_that_is_not_ready_is_waited_for(server: BulkServer, site: Site) -> None:
    first = server.add("Patient-1", PATIENTS)
    server.publish({"output": [first]}, {"output": [server.add("Condition-1", CONDITIONS)]})
    server.fail("/manifest/2", answer(202, {"Retry-After": "0"}), answer(202))
    assert site.fetch().resources == {"Condition": 5, "Patient": 3}


def test_the_earliest_transaction_time_of_all_pages_counts(server: BulkServer, site: Site) -> None:
    first = server.add("Patient-1", PATIENTS)
    server.publish(
        {"output": [first], "transactionTime": "2026-03-01T00:00:00Z"},
        {"output": [], "transactionTime": "2026-03-01T00:30:00+01:00"},
    )
    assert site.fetch().transaction_time == "2026-03-01T00:30:00+01:00"


def test_pages_in_a_circle_end_the_export(server: BulkServer, site: Site) -> None:
    server.publish({"output": []}, {"output": []})
    server.pages[1]["link"] = [{"relation": "next", "url": f"{server.url}/manifest/2"}]
    with pytest.raises(ExportFailed, match="circles"):
        site.fetch()


def test_a_file_that_is_listed_twice_is_fetched_once(server: BulkServer, site: Site) -> None:
    entry = server.add("Patient-1", PATIENTS)
    server.publish({"output": [entry, entry]}, {"output": [entry]})
    assert site.fetch().resources == {"Patient": 3}
    assert len(server.asked("/files/Patient-1")) == 1


def test_compressed_files_stay_compressed(server: BulkServer, site: Site) -> None:
    server.has_gzip = True
    publish_two_types(server)
    assert site.fetch().resources == {"Condition": 5, "Patient": 3}
    assert site.delivered()["Patient.0001.ndjson.gz"] == PATIENTS


def test_files_that_are_archives_themselves_are_counted_unpacked(
    server: BulkServer, site: Site
) -> None:
    server.publish({"output": [server.add("Patient-1", gzip.compress(PATIENTS), count=3)]})
    site.fetch()
    assert site.delivered() == {"Patient.0001.ndjson.gz": PATIENTS}


def test_deleted_resources_are_delivered_in_a_folder_of_their_own(
    server: BulkServer, site: Site
) -> None:
    entry = {"request": {"method": "DELETE", "url": "Patient/1"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    deleted = json.dumps(bundle).encode() + b"\n"
    server.publish(
        {
            "output": [server.add("Patient-1", PATIENTS)],
            "deleted": [server.add("Bundle-1", deleted, count=1)],
        }
    )
    assert site.fetch(site.request(since="2026-01-01T00:00:00Z")).deleted == 1
    assert site.delivered()["deleted/Bundle.0001.ndjson"] == deleted


def test_errors_are_kept_beside_the_records_and_summarised_by_code(
    server: BulkServer, site: Site
) -> None:
    lines = [
        outcome("processing", text="Jane Doe 1950"),
        outcome("processing"),
        outcome("Jane Doe", severity="loud"),
        outcome("informational", severity="information"),
    ]
    errors = "".join(f"{json.dumps(line)}\n" for line in lines).encode() + b"no json\n"
    server.publish(
        {
            "output": [server.add("Patient-1", PATIENTS)],
            "error": [server.add("OperationOutcome-1", errors)],
        }
    )
    fetched = site.fetch()
    assert fetched.issues == {
        "error/processing": 2,
        "information/informational": 1,
        "other/other": 1,
        "unreadable": 1,
    }
    assert not fetched.is_complete
    folder = site.landing / "ehr" / "first"
    kept = folder / ".export" / "errors" / "OperationOutcome.0001.ndjson"
    assert kept.read_bytes() == errors
    assert list(site.delivered()) == ["Patient.0001.ndjson"]
    assert "Jane" not in fetched.model_dump_json()
    assert "Jane" not in " ".join(site.said)


def test_an_export_without_resources_is_no_delivery(server: BulkServer, site: Site) -> None:
    server.publish({"output": [server.add("Patient-1", b"\n")]})
    fetched = site.fetch()
    assert fetched.delivery is None
    assert closed_deliveries(site.landing, "ehr", quiet_period_s=0) == []
    assert site.unfinished == []


def test_what_the_server_refuses_is_said_by_code_only(server: BulkServer, site: Site) -> None:
    server.fail("/fhir/$export", answer_outcome(400, "not-supported"))
    with pytest.raises(ExportRefused, match="400 with error/not-supported") as raised:
        site.fetch()
    assert "Jane" not in str(raised.value)


def test_a_server_that_hides_its_status_is_refused(server: BulkServer, site: Site) -> None:
    server.fail("/fhir/$export", answer(202))
    with pytest.raises(ExportRefused, match="Content-Location"):
        site.fetch()


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"transactionTime": "now", "output": []}']
)
def test_what_is_no_manifest_ends_the_export(server: BulkServer, site: Site, body: bytes) -> None:
    server.fail("/status/0", answer(200, body=body))
    with pytest.raises(ExportFailed, match="manifest"):
        site.fetch()
    assert site.unfinished == []


def test_an_export_that_failed_is_asked_for_anew(server: BulkServer, site: Site) -> None:
    publish_two_types(server)
    server.fail("/status/0", *[answer_outcome(500, "processing")] * 4)
    with pytest.raises(ExportFailed, match="500 with error/processing"):
        site.fetch()
    assert site.fetch().resources == {"Condition": 5, "Patient": 3}
    assert len(server.kick_offs) == 2


def test_an_interruption_drops_the_export_at_the_server(server: BulkServer, site: Site) -> None:
    publish_two_types(server)
    server.waits = 1
    server.status_headers = {"X-Progress": "half"}

    def interrupt(_sentence: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site.fetch(notify=interrupt)
    assert server.jobs[0].is_dropped
    assert site.unfinished == []


def test_an_interruption_between_files_drops_it_too(server: BulkServer, site: Site) -> None:
    publish_two_types(server)

    def interrupt(what: str, _done: int, _total: int) -> None:
        if what == "download":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site.fetch(progress=interrupt)
    assert server.jobs[0].is_dropped
    assert site.unfinished == []
    assert not (site.landing / "ehr").exists()


def test_a_landing_of_several_file_systems_is_delivered_at_once_too(
    server: BulkServer, site: Site
) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == site.landing.parent.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    publish_two_types(server)
    site.landing.mkdir()
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        (site.landing / "ehr").symlink_to(folder)
        site.fetch()
        assert set(site.delivered()) == {"Condition.0001.ndjson", "Patient.0001.ndjson"}
        assert [path.name for path in Path(folder).iterdir()] == ["first"]


def test_two_processes_do_not_fetch_the_same_export(server: BulkServer, site: Site) -> None:
    publish_two_types(server)
    with open_workspace(site.landing, "first"), pytest.raises(TransferLocked):
        site.fetch()
    assert server.seen == []


def test_what_is_kept_is_private(server: BulkServer, site: Site) -> None:
    publish_two_types(server)
    server.fail("/files/Patient-1", *[answer(404)] * 2)
    with pytest.raises(ExportError):
        site.fetch()
    folder = site.landing / ".exports"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert modes[folder] == modes[folder / "first"] == modes[folder / "first" / "parts"] == 0o700
    assert modes[folder / "first" / "state.json"] == 0o600
    assert modes[folder / "first" / "complete.jsonl"] == 0o600


def test_a_full_disk_is_said_and_loses_nothing(
    server: BulkServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_two_types(server)
    from medplatform.bulk_export.workspace import Workspace

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "note_complete", full)
        with pytest.raises(ExportError, match=r"disk .* is full"):
            site.fetch()
    assert site.fetch().resources == {"Condition": 5, "Patient": 3}
    assert len(server.kick_offs) == 1
