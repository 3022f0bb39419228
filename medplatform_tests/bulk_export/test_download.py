"""Files arrive whole, or it is said which did not."""

import gzip
import threading
from typing import Any

import pytest

from medplatform.bulk_export import CountsDisagree, DownloadFailed, Network, ServerUnavailable
from medplatform.bulk_export.content import Damaged, inspect
from medplatform_tests.bulk_export.server import (
    TRANSACTION_TIME,
    BulkServer,
    Handler,
    answer,
    cut,
    hang_up,
)
from medplatform_tests.bulk_export.site import HASTY, Site, ndjson

PATIENTS = ndjson("Patient", 50)
PATH = "/files/Patient-1"


@pytest.fixture(autouse=True)
def export(server: BulkServer) -> None:
    server.publish({"output": [server.add("Patient-1", PATIENTS, count=50)]})


def ranges(server: BulkServer) -> list[str | None]:
    return [seen.headers.get("range") for seen in server.asked(PATH)]


def test_a_file_that_broke_off_is_continued_where_it_did(server: BulkServer, site: Site) -> None:
    server.fail(PATH, cut(PATIENTS, 1000), cut(PATIENTS, 500))
    assert site.fetch().resources == {"Patient": 50}
    assert site.delivered() == {"Patient.0001.ndjson": PATIENTS}
    assert ranges(server) == [None, "bytes=1000-", "bytes=1500-"]


def test_a_compressed_file_that_broke_off_is_continued_too(server: BulkServer, site: Site) -> None:
    server.has_gzip = True
    server.fail(PATH, cut(PATIENTS, 100))
    site.fetch()
    assert site.delivered() == {"Patient.0001.ndjson.gz": PATIENTS}
    assert ranges(server) == [None, "bytes=100-"]


def test_without_parts_a_file_is_fetched_anew(server: BulkServer, site: Site) -> None:
    server.has_ranges = False
    server.fail(PATH, cut(PATIENTS, 1000), cut(PATIENTS, 10))
    site.fetch()
    assert site.delivered() == {"Patient.0001.ndjson": PATIENTS}
    assert ranges(server) == [None, None, None]


def test_parts_of_different_versions_are_never_joined(server: BulkServer, site: Site) -> None:
    """The file changes while it is fetched: the server answers with the whole new one."""
    server.fail(PATH, cut(ndjson("Patient", 49), 1000))
    site.fetch()
    assert site.delivered() == {"Patient.0001.ndjson": PATIENTS}
    assert ranges(server) == [None, "bytes=1000-"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": "bytes 7-9/10"},
        {"Content-Range": "nonsense"},
        {},
    ],
)
def test_a_part_from_another_place_is_not_taken(
    server: BulkServer, site: Site, headers: dict[str, str]
) -> None:
    server.fail(PATH, cut(PATIENTS, 1000), answer(206, headers, b"wrong"))
    site.fetch()
    assert site.delivered() == {"Patient.0001.ndjson": PATIENTS}


@pytest.mark.parametrize("size", [len(PATIENTS), 3])
def test_a_part_that_cannot_be_continued(server: BulkServer, site: Site, size: int) -> None:
    """416: there is no more, which is right only for a whole file."""
    server.fail(PATH, cut(PATIENTS, 1000), answer(416, {"Content-Range": f"bytes */{size}"}))
    site.fetch()
    assert site.delivered() == {"Patient.0001.ndjson": PATIENTS}
    assert ranges(server) == [None, "bytes=1000-", None]


def test_a_weak_version_is_no_ground_to_join_parts(server: BulkServer, site: Site) -> None:
    server.has_ranges = False

    def weak(handler: Handler) -> None:
        headers = {"ETag": 'W/"1"', "Accept-Ranges": "bytes", "Last-Modified": "yesterday"}
        handler.send_body(200, PATIENTS, headers, stop_after=1000)
        handler.close_connection = True

    server.fail(PATH, weak)
    site.fetch()
    assert ranges(server) == [None, None]


def test_more_is_borne_while_there_is_progress(server: BulkServer, site: Site) -> None:
    server.fail(PATH, *[cut(PATIENTS, 200)] * 10)
    site.fetch(network=Network(attempts=2, first_wait_s=0.001, longest_wait_s=0.001))
    assert site.delivered() == {"Patient.0001.ndjson": PATIENTS}


@pytest.mark.parametrize("fault", [answer(503), answer(429, {"Retry-After": "0"}), hang_up])
def test_a_file_server_that_is_not_ready_is_asked_again(
    server: BulkServer, site: Site, fault: Any
) -> None:
    server.fail(PATH, fault, fault)
    assert site.fetch().resources == {"Patient": 50}


def test_a_file_server_that_stays_away_ends_the_run_but_not_the_export(
    server: BulkServer, site: Site
) -> None:
    server.fail(PATH, *[hang_up] * HASTY.attempts)
    with pytest.raises(ServerUnavailable):
        site.fetch()
    assert site.fetch().resources == {"Patient": 50}
    assert len(server.kick_offs) == 1


def test_a_short_file_is_not_delivered(server: BulkServer, site: Site) -> None:
    server.has_ranges = False
    server.fail(PATH, *[cut(PATIENTS, 1000)] * 5)
    with pytest.raises(DownloadFailed, match=r"1 of 1 files .* broke off"):
        site.fetch()
    assert not (site.landing / "ehr").exists()
    assert site.fetch().resources == {"Patient": 50}


def test_a_file_that_is_not_there_costs_no_other_file(server: BulkServer, site: Site) -> None:
    entries = [server.add(f"Condition-{i}", ndjson("Condition", i + 1)) for i in range(8)]
    server.publish({"output": [server.add("Patient-1", PATIENTS), *entries]})
    server.fail(PATH, answer(404), answer(404))
    with pytest.raises(DownloadFailed, match=r"1 of 9 files .*1 × Patient: was answered with 404"):
        site.fetch()
    fetched = {seen.path for seen in server.seen if seen.path.startswith("/files/Condition")}
    assert len(fetched) == 8
    before = len(server.seen)
    assert site.fetch().resources == {"Condition": 36, "Patient": 50}
    again = [s.path for s in server.seen[before:] if s.path.startswith("/files/")]
    assert again == [PATH]
    assert len(server.kick_offs) == 1


def test_addresses_that_ran_out_are_renewed_from_the_manifest(
    server: BulkServer, site: Site
) -> None:
    def run_out(handler: Handler) -> None:
        server.publish({"output": [server.add("Patient-new", PATIENTS, count=50)]})
        handler.send_outcome(403, "expired")

    server.fail(PATH, run_out)
    assert site.fetch().resources == {"Patient": 50}
    assert len(server.asked("/files/Patient-new")) == 1
    assert len(server.kick_offs) == 1


def test_a_server_that_refuses_every_file_is_not_asked_for_all(
    server: BulkServer, site: Site
) -> None:
    server.publish({"output": [server.add(f"Patient-{i}", PATIENTS) for i in range(200)]})
    server.files.clear()
    with pytest.raises(DownloadFailed):
        site.fetch()
    asked = [seen for seen in server.seen if seen.path.startswith("/files/")]
    assert len(asked) < 100


def test_a_web_page_is_no_file(server: BulkServer, site: Site) -> None:
    page = answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>Please log in")
    server.fail(PATH, page)
    with pytest.raises(DownloadFailed, match="web page"):
        site.fetch()


def test_a_compression_that_was_not_asked_for_is_not_taken(server: BulkServer, site: Site) -> None:
    server.fail(PATH, answer(200, {"Content-Encoding": "br"}, b"??"))
    with pytest.raises(DownloadFailed, match="compression"):
        site.fetch()


def test_compressed_data_that_end_early_are_fetched_again(server: BulkServer, site: Site) -> None:
    half = gzip.compress(PATIENTS)[:-20]
    server.fail(PATH, answer(200, {"Content-Encoding": "gzip"}, half))
    site.fetch()
    assert site.delivered() == {"Patient.0001.ndjson": PATIENTS}


@pytest.mark.parametrize("announced", [{"count": 49}, {"count": 51}, {"fileSize": 5}])
def test_a_file_that_is_not_what_the_manifest_says_is_fetched_twice_then_said(
    server: BulkServer, site: Site, announced: dict[str, int]
) -> None:
    server.publish({"output": [server.add("Patient-1", PATIENTS, **announced)]})
    with pytest.raises(CountsDisagree, match="--accept-wrong-counts"):
        site.fetch()
    assert len(server.asked(PATH)) == 2
    assert not (site.landing / "ehr").exists()
    fetched = site.fetch(accept_wrong_counts=True)
    assert site.delivered() == {"Patient.0001.ndjson": PATIENTS}
    assert len(fetched.problems) == 1
    assert not fetched.is_complete
    assert len(server.kick_offs) == 1


def test_a_count_that_is_right_the_second_time_is_right(server: BulkServer, site: Site) -> None:
    server.fail(PATH, lambda handler: handler.send_file(ndjson("Patient", 49)))
    fetched = site.fetch()
    assert fetched.problems == ()
    assert fetched.transaction_time == TRANSACTION_TIME


def test_sizes_may_be_those_of_the_plain_or_of_the_sent_bytes(
    server: BulkServer, site: Site
) -> None:
    server.has_gzip = True
    server.publish(
        {
            "output": [
                server.add("Patient-1", PATIENTS, fileSize=len(PATIENTS)),
                server.add("Patient-2", PATIENTS, fileSize=len(gzip.compress(PATIENTS, mtime=0))),
            ]
        }
    )
    assert site.fetch().is_complete


def test_files_are_fetched_several_at_a_time_and_not_more(server: BulkServer, site: Site) -> None:
    meeting = threading.Barrier(3)
    open_now: list[int] = []
    most = [0]
    lock = threading.Lock()

    def meet(handler: Handler) -> None:
        with lock:
            open_now.append(1)
            most[0] = max(most[0], len(open_now))
        meeting.wait(5)
        with lock:
            open_now.pop()
        handler.send_file(PATIENTS)

    entries = [server.add(f"Patient-{i}", PATIENTS) for i in range(6)]
    server.publish({"output": entries})
    for i in range(6):
        server.fail(f"/files/Patient-{i}", meet)
    site.fetch(network=Network(parallel=3, timeout_s=5, first_wait_s=0.01))
    assert most == [3]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", 0),
        (b"\n\n", 0),
        (b"{}", 1),
        (b"{}\n", 1),
        (b"{}\r\n\r\n{}\r\n", 2),
        (b"{}\n \n{}", 2),
        (b"x" * (1 << 20) + b"y\n" + b" " * (1 << 20) + b"\n", 1),
        (b"\n" * (1 << 20) + b"{}", 1),
    ],
)
def test_lines_are_counted_without_blank_ones(tmp_path, content: bytes, lines: int) -> None:
    path = tmp_path / "file"
    for data in (content, gzip.compress(content), gzip.compress(content) * 1):
        path.write_bytes(data)
        found = inspect(path)
        assert (found.lines, found.plain_bytes) == (lines, len(content))
        assert found.bytes == len(data)


def test_archives_of_several_members_are_counted_whole(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"{}\n") + gzip.compress(b"{}\n"))
    assert inspect(path).lines == 2
    path.write_bytes(gzip.compress(PATIENTS)[:-1])
    with pytest.raises(Damaged):
        inspect(path)
