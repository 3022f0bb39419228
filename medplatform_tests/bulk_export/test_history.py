"""From where the next export of a series goes on."""

import json

import pytest

from medplatform.bulk_export import CountsDisagree, last_transaction_time
from medplatform_tests.bulk_export.server import BulkServer, outcome
from medplatform_tests.bulk_export.site import Site, ndjson


@pytest.fixture(autouse=True)
def export(server: BulkServer) -> None:
    publish_at(server, "2026-03-01T12:00:00.123Z")


def publish_at(server: BulkServer, moment: str, **page: object) -> None:
    entry = server.add("Patient-1", ndjson("Patient", 3))
    server.publish({"transactionTime": moment, "output": [entry], **page})


def last(site: Site, **fields: object) -> str | None:
    return last_transaction_time(site.landing, site.request(**fields))


def test_before_the_first_export_there_is_none(site: Site) -> None:
    assert last(site) is None


def test_each_export_goes_on_where_the_one_before_it_ended(server: BulkServer, site: Site) -> None:
    site.fetch()
    assert last(site) == "2026-03-01T12:00:00.123Z"
    publish_at(server, "2026-03-02T12:00:00Z")
    site.fetch(site.request(since=last(site)), delivery="second")
    assert server.kick_offs[1].query["_since"] == "2026-03-01T12:00:00.123Z"
    assert last(site) == "2026-03-02T12:00:00Z"


def test_requests_that_differ_are_series_of_their_own(site: Site) -> None:
    site.fetch(site.request(types=["Patient"]))
    assert last(site) is None
    assert last(site, types=["Patient"])
    assert last(site, types=["Patient"], type_filters=["Patient?active=true"]) is None
    assert last(site, level="group", group_id="1", types=["Patient"]) is None


def test_a_time_without_zone_is_usable_for_the_next_request(server: BulkServer, site: Site) -> None:
    publish_at(server, "2026-03-01T12:00:00")
    site.fetch()
    assert site.request(since=last(site))


def test_an_export_with_errors_is_asked_for_again(server: BulkServer, site: Site) -> None:
    lines = json.dumps(outcome("processing")).encode()
    publish_at(server, "2026-03-01T12:00:00Z", error=[server.add("OperationOutcome-1", lines)])
    assert site.fetch().issues == {"error/processing": 1}
    assert last(site) is None
    assert "not complete" in site.said[-1]


def test_warnings_do_not_make_it_incomplete(server: BulkServer, site: Site) -> None:
    lines = json.dumps(outcome("processing", severity="warning")).encode()
    publish_at(server, "2026-03-01T12:00:00Z", error=[server.add("OperationOutcome-1", lines)])
    site.fetch()
    assert last(site) == "2026-03-01T12:00:00Z"


def test_accepted_wrong_counts_do_not_move_it_on(server: BulkServer, site: Site) -> None:
    entry = server.add("Patient-1", ndjson("Patient", 3), count=4)
    server.publish({"output": [entry]})
    with pytest.raises(CountsDisagree):
        site.fetch()
    site.fetch(accept_wrong_counts=True)
    assert last(site) is None


def test_a_gap_is_not_forgotten(server: BulkServer, site: Site) -> None:
    """What changed between the end of one export and the start of the next was never fetched."""
    site.fetch()
    publish_at(server, "2026-05-01T00:00:00Z")
    site.fetch(site.request(since="2026-04-01T00:00:00Z"), delivery="second")
    assert last(site) == "2026-03-01T12:00:00.123Z"
    assert "began later" in site.said[-1]


def test_an_older_export_does_not_move_it_back(server: BulkServer, site: Site) -> None:
    site.fetch()
    publish_at(server, "2026-01-01T00:00:00Z")
    site.fetch(delivery="second")
    assert last(site) == "2026-03-01T12:00:00.123Z"


def test_an_export_without_changes_moves_it_on(server: BulkServer, site: Site) -> None:
    server.publish({"output": []})
    assert site.fetch().delivery is None
    assert last(site) == "2026-03-01T12:00:00.123Z"
