"""How long the client waits, and how much it bears."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from medplatform.bulk_export import ExportExpired, ExportFailed, Network, ServerUnavailable
from medplatform.transfer.waiting import retry_after_s
from medplatform_tests.bulk_export.server import (
    BulkServer,
    answer,
    answer_outcome,
    hang_up,
)
from medplatform_tests.bulk_export.site import Site, ndjson

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def header(after: timedelta) -> dict[str, str]:
    return {"Retry-After": format_datetime(NOW + after, usegmt=True)}


@pytest.fixture(autouse=True)
def export(server: BulkServer) -> None:
    server.publish({"output": [server.add("Patient-1", ndjson("Patient", 3))]})


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
        ({**header(timedelta(seconds=90)), "Date": format_datetime(NOW, usegmt=True)}, 90),
        ({**header(timedelta(seconds=-90)), "Date": format_datetime(NOW, usegmt=True)}, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_a_date_is_compared_with_our_clock_where_the_server_has_none() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    seconds = retry_after_s({"Retry-After": format_datetime(soon, usegmt=True)})
    assert seconds is not None
    assert 50 < seconds <= 60


def test_the_back_off_doubles_up_to_a_bound_and_is_spread() -> None:
    network = Network(first_wait_s=1, longest_wait_s=10)
    for turn, full in enumerate([1, 2, 4, 8, 10, 10]):
        waits = {network.wait_s(turn, {}) for _ in range(50)}
        assert len(waits) > 1
        assert full / 2 <= min(waits)
        assert max(waits) <= full
    assert network.wait_s(10**6, {}) <= 10


def test_what_the_server_asks_for_is_bounded_too() -> None:
    network = Network(first_wait_s=1, longest_retry_after_s=3600)
    assert network.wait_s(0, {"Retry-After": "99999999"}) == 3600
    assert network.wait_s(0, {"Retry-After": "0"}) == 1


@pytest.mark.parametrize("is_date", [False, True])
def test_polling_comes_back_when_the_server_says(
    server: BulkServer, site: Site, is_date: bool
) -> None:
    later = datetime.now(UTC) + timedelta(seconds=30)
    after = {"Retry-After": format_datetime(later, usegmt=True) if is_date else "30"}
    server.fail("/status/0", answer(202, after))
    site.fetch(network=Network(first_wait_s=0.01, longest_retry_after_s=0.2))
    first, second = server.asked("/status/0")
    assert second.at - first.at >= 0.2


def test_progress_is_passed_on_when_it_changes(server: BulkServer, site: Site) -> None:
    said = ["10% done", "10% done", "55.5 % \x1b[31mdone", "soon" * 60]
    server.fail("/status/0", *[answer(202, {"X-Progress": text}) for text in said])
    site.fetch()
    assert site.said == [
        "The server: 10% done",
        "The server: 55.5 % [31mdone",
        f"The server: {('soon' * 60)[:100]}",
    ]
    assert [step for step in site.progress if step[0] == "export"] == [
        ("export", 10, 100),
        ("export", 55, 100),
    ]
    assert ("download", 1, 1) in site.progress


@pytest.mark.parametrize(
    "fault",
    [
        answer(429, {"Retry-After": "0"}),
        answer(503),
        answer(500),
        answer(502, body=b"<html>"),
        answer(504),
        answer_outcome(400, "transient"),
        hang_up,
    ],
)
def test_a_server_that_is_not_ready_is_asked_again(server: BulkServer, site: Site, fault) -> None:
    server.fail("/status/0", fault, fault, fault)
    server.fail("/fhir/metadata", fault)
    assert site.fetch().resources == {"Patient": 3}
    assert len(server.kick_offs) == 1


@pytest.mark.parametrize("fault", [answer(429, {"Retry-After": "0"}), answer(503), hang_up])
def test_what_is_borne_is_bounded(server: BulkServer, site: Site, fault) -> None:
    server.fail("/status/0", *[fault] * 4)
    with pytest.raises(ServerUnavailable, match="Run this again"):
        site.fetch()
    assert len(server.asked("/status/0")) == 4
    assert site.fetch().resources == {"Patient": 3}
    assert len(server.kick_offs) == 1


def test_a_start_that_may_have_arrived_is_not_sent_twice(server: BulkServer, site: Site) -> None:
    server.fail("/fhir/$export", hang_up)
    with pytest.raises(ServerUnavailable):
        site.fetch()
    assert len(server.kick_offs) == 1


def test_a_start_that_was_turned_away_is_sent_again(server: BulkServer, site: Site) -> None:
    server.fail("/fhir/$export", answer(429, {"Retry-After": "0"}), answer(503))
    site.fetch()
    assert len(server.kick_offs) == 3
    assert len(server.jobs) == 1


def test_a_server_that_is_not_there_is_said(site: Site, server: BulkServer) -> None:
    server.close()
    with pytest.raises(ServerUnavailable, match="ConnectError"):
        site.fetch(network=Network(attempts=2, first_wait_s=0.01))


def test_a_server_that_is_silent_is_given_up(server: BulkServer, site: Site) -> None:
    import time

    server.fail("/status/0", *[lambda handler: time.sleep(0.3)] * 2)
    network = Network(attempts=2, first_wait_s=0.01, timeout_s=0.1)
    with pytest.raises(ServerUnavailable, match="ReadTimeout"):
        site.fetch(network=network)


def test_an_export_that_never_gets_ready_is_given_up_and_continued(
    server: BulkServer, site: Site
) -> None:
    server.waits = 10**6
    hurried = Network(first_wait_s=0.005, longest_wait_s=0.01, ready_within_s=0.05)
    with pytest.raises(ServerUnavailable, match="still not ready"):
        site.fetch(network=hurried)
    server.jobs[0].waits = 0
    assert site.fetch().resources == {"Patient": 3}
    assert len(server.kick_offs) == 1


@pytest.mark.parametrize("status", [404, 410])
def test_an_export_that_the_server_lost_at_once_is_said(
    server: BulkServer, site: Site, status: int
) -> None:
    server.fail("/status/0", answer_outcome(status, "not-found"))
    with pytest.raises(ExportExpired):
        site.fetch()
    assert len(server.kick_offs) == 1
    assert site.unfinished == []


def test_an_export_that_the_server_gave_up_is_said(server: BulkServer, site: Site) -> None:
    server.fail("/status/0", answer_outcome(400, "too-costly"))
    with pytest.raises(ExportFailed, match="400 with error/too-costly"):
        site.fetch()
    assert site.unfinished == []
