"""A process that is killed at any moment loses nothing and repeats nothing.

Children are forked from a server that has the imports done. They speak to the server in this
process, and are killed in the middle of a file, or at file operations (counted by an audit hook).
"""

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from multiprocessing import get_context
from pathlib import Path

import pytest

from medplatform.bulk_export import DownloadFailed, ExportError
from medplatform_tests.bulk_export.server import BulkServer, Stall, answer, answer_outcome
from medplatform_tests.bulk_export.site import Site, ndjson

FILE_EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["medplatform.ingest", "medplatform_tests.bulk_export.site"])

PATIENTS = ndjson("Patient", 40, size=4000)
SMALL = [ndjson("Condition", count) for count in (3, 5, 7)]


def fetch(root: Path, base_url: str, delivery: str | None = "first") -> None:
    Site(root, base_url).fetch(delivery=delivery)


def fetch_and_die(root: Path, base_url: str, at_event: int) -> None:
    """Fetch, but be killed at the given file operation below the root."""
    seen = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event in FILE_EVENTS and str(root) in str(arguments[0]):
            seen += 1
            if seen == at_event:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    fetch(root, base_url)


def publish(server: BulkServer) -> None:
    small = [server.add(f"Condition-{i}", content) for i, content in enumerate(SMALL)]
    server.publish({"output": [*small, server.add("Patient-1", PATIENTS, count=40)]})


def expected() -> dict[str, bytes]:
    small = {f"Condition.{i:04d}.ndjson": content for i, content in enumerate(SMALL, 1)}
    return {**small, "Patient.0001.ndjson": PATIENTS}


@pytest.mark.parametrize("delivery", ["first", None])
def test_a_client_that_is_killed_within_a_file_continues(
    server: BulkServer, site: Site, tmp_path: Path, delivery: str | None
) -> None:
    publish(server)
    stall = Stall(PATIENTS, 100_000)
    server.fail("/files/Patient-1", stall)
    process = FORKS.Process(target=fetch, args=(tmp_path, server.base_url, delivery))
    process.start()
    assert stall.reached.wait(60)
    exports = tmp_path / "landing" / ".exports"
    wait_until(lambda: len(lines_of(exports)) == len(SMALL) and part_of(exports) == 100_000)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    stall.leave.set()
    before = len(server.seen)

    name = site.fetch(delivery=delivery).delivery
    assert name
    assert site.delivered(name) == expected()
    assert len(server.kick_offs) == 1
    asked = [(seen.path, seen.headers.get("range")) for seen in server.seen[before:]]
    assert asked == [("/files/Patient-1", "bytes=100000-"), ("/status/0", None)]


def test_a_client_that_is_killed_anywhere_delivers_all_and_asks_once(
    server: BulkServer, site: Site, tmp_path: Path
) -> None:
    """Killed again and again, each time a few operations later, until it ends by itself."""
    publish(server)
    server.waits = 1
    state = tmp_path / "landing" / ".exports" / "first" / "state.json"
    deaths = deaths_before_state = 0
    for at_event in range(4, 400, 5):
        asked = len(server.kick_offs)
        process = FORKS.Process(target=fetch_and_die, args=(tmp_path, server.base_url, at_event))
        process.start()
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        deaths += 1
        # Between the answer of the server and its being written down nobody can know of it.
        is_lost = not state.exists() and not (tmp_path / "landing" / "ehr").exists()
        deaths_before_state += is_lost and len(server.kick_offs) > asked
    assert deaths >= 4
    assert deaths_before_state <= 2
    assert site.fetch().resources == {"Condition": 15, "Patient": 40}
    assert site.delivered() == expected()
    assert len(server.kick_offs) == 1 + deaths_before_state
    assert site.unfinished == []


def test_while_the_server_prepares_a_killed_client_asks_for_the_same_export(
    server: BulkServer, site: Site, tmp_path: Path
) -> None:
    publish(server)
    server.waits = 10**6
    process = FORKS.Process(target=fetch, args=(tmp_path, server.base_url))
    process.start()
    wait_until(lambda: len(server.asked("/status/0")) > 2)
    process.kill()
    process.join()
    server.jobs[0].waits = 0
    assert site.fetch().resources == {"Condition": 15, "Patient": 40}
    assert len(server.kick_offs) == 1


def test_files_that_were_changed_since_are_fetched_again(server: BulkServer, site: Site) -> None:
    publish(server)
    interrupt_at_the_last_file(server, site)
    folder = site.landing / ".exports" / "first" / "delivery"
    (folder / "Condition.0001.ndjson").write_bytes(b"changed")
    (folder / "Condition.0002.ndjson").unlink()
    site.fetch()
    assert site.delivered() == expected()
    counts = [len(server.asked(f"/files/Condition-{i}")) for i in range(3)]
    assert counts == [2, 2, 1]


def test_a_line_of_the_journal_that_was_cut_short_costs_that_file_only(
    server: BulkServer, site: Site
) -> None:
    publish(server)
    interrupt_at_the_last_file(server, site)
    journal = site.landing / ".exports" / "first" / "complete.jsonl"
    journal.write_bytes(journal.read_bytes()[:-10])
    site.fetch()
    assert site.delivered() == expected()
    counts = [len(server.asked(f"/files/Condition-{i}")) for i in range(3)]
    assert sorted(counts) == [1, 1, 2]


def test_an_export_that_the_server_forgot_begins_anew_and_says_so(
    server: BulkServer, site: Site
) -> None:
    publish(server)
    interrupt_at_the_last_file(server, site)
    server.fail("/files/Patient-1", answer(404))
    server.fail("/status/0", answer_outcome(404, "not-found"))
    assert site.fetch().resources == {"Condition": 15, "Patient": 40}
    assert site.delivered() == expected()
    assert len(server.kick_offs) == 2
    assert any("a new one begins" in sentence for sentence in site.said)


def test_an_export_older_than_the_server_keeps_it_begins_anew_and_says_so(
    server: BulkServer, site: Site
) -> None:
    publish(server)
    soon = datetime.now(UTC) + timedelta(hours=1)
    server.manifest_headers = {"Expires": format_datetime(soon, usegmt=True)}
    interrupt_at_the_last_file(server, site)
    state = site.landing / ".exports" / "first" / "state.json"
    document = json.loads(state.read_bytes())
    assert document["expires_at"] == soon.replace(microsecond=0).isoformat()
    state.write_text(json.dumps({**document, "expires_at": "2026-01-01T00:00:00+00:00"}))
    site.fetch()
    assert site.delivered() == expected()
    assert len(server.kick_offs) == 2
    assert any("older than the server keeps" in sentence for sentence in site.said)


@pytest.mark.parametrize("expires", ["0", "Thu, 01 Jan 1970 00:00:00 GMT", "soon"])
def test_headers_against_caching_are_no_end_of_an_export(
    server: BulkServer, site: Site, expires: str
) -> None:
    publish(server)
    server.manifest_headers = {"Expires": expires}
    interrupt_at_the_last_file(server, site)
    site.fetch()
    assert len(server.kick_offs) == 1


def test_an_unfinished_export_is_not_continued_as_another(server: BulkServer, site: Site) -> None:
    publish(server)
    interrupt_at_the_last_file(server, site)
    with pytest.raises(ExportError, match="asked for something else"):
        site.fetch(site.request(types=["Patient"]))
    assert len(server.kick_offs) == 1


def test_a_damaged_state_is_said_with_its_remedy(server: BulkServer, site: Site) -> None:
    publish(server)
    interrupt_at_the_last_file(server, site)
    state = site.landing / ".exports" / "first" / "state.json"
    state.write_text("{")
    with pytest.raises(ExportError, match=r"damaged\. Remove"):
        site.fetch()


def interrupt_at_the_last_file(server: BulkServer, site: Site) -> None:
    server.fail("/files/Patient-1", answer(404), answer(404))
    with pytest.raises(DownloadFailed):
        site.fetch()


def lines_of(exports: Path) -> list[bytes]:
    return b"".join(path.read_bytes() for path in exports.glob("*/complete.jsonl")).splitlines()


def part_of(exports: Path) -> int:
    return sum(path.stat().st_size for path in exports.glob("*/parts/Patient.0001.ndjson"))


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
