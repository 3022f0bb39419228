"""DICOMweb with servers that are slow, wrong or hostile."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from medplatform.modalities.delivery import DeliveryError
from medplatform.pacs.draft import Draft
from medplatform.pacs.errors import QueryError, RetrievalFailed, SearchFailed
from medplatform.pacs.fetch import Limits
from medplatform.pacs.query import Query
from medplatform.transfer import (
    AuthorizationFailed,
    HostNotAllowed,
    ServerUnavailable,
    TransferError,
)
from medplatform_tests.pacs.images import (
    files_of,
    make_image,
    make_series,
    pixels_of,
    pixels_of_file,
)
from medplatform_tests.pacs.server import DicomWebServer, answer, hang_up, images, redirect
from medplatform_tests.pacs.site import Site

SERIES_PATH = "/studies/1.2.826.0.1.3680043.10.1234.1/series/1.2.826.0.1.3680043.10.1234.1.1"


@pytest.fixture
def paths(server: DicomWebServer, tmp_path: Path) -> list[Path]:
    """A series of three, which the server holds."""
    paths = make_series(tmp_path / "in", 3)
    server.hold(paths)
    return paths


def test_a_series_comes_in_one_answer(
    server: DicomWebServer, site: Site, paths: list[Path]
) -> None:
    brought = site.fetch(server.url)
    assert pixels_of(site.folder(brought)) == Counter(map(pixels_of_file, paths))
    assert len(server.asked(SERIES_PATH)) == 1
    assert server.asked(server.path_of(0)) == []
    assert server.asked(SERIES_PATH)[0].headers["accept"].endswith("transfer-syntax=*")


@pytest.mark.parametrize(
    "accepted",
    [
        'multipart/related; type="application/dicom"',
        "multipart/related; type=application/dicom",
        "application/dicom",
    ],
)
@pytest.mark.usefixtures("paths")
def test_what_a_server_accepts_is_found_once(
    server: DicomWebServer, site: Site, accepted: str
) -> None:
    server.accepted = accepted
    server.has_series = False
    assert site.fetch(server.url).fetched == 3
    assert len(server.asked(server.path_of(2))) == 1


@pytest.mark.parametrize(
    "faults",
    [
        [answer(429, {"Retry-After": "0"}), answer(500), answer(503)],
        [hang_up, hang_up],
        [images(b"nothing", stop_after=48)],
    ],
    ids=["not ready", "hangs up", "breaks off"],
)
@pytest.mark.usefixtures("paths")
def test_passing_failures_are_borne(server: DicomWebServer, site: Site, faults: list) -> None:
    server.fail("/studies", *[fault for fault in faults if fault is not faults[-1]])
    server.fail(SERIES_PATH, answer(500))
    server.fail(server.path_of(1), *faults)
    brought = site.fetch(server.url)
    assert (brought.found, brought.fetched, brought.failed) == (3, 3, 0)


def test_what_came_before_an_answer_broke_off_is_kept(
    server: DicomWebServer, site: Site, paths: list[Path]
) -> None:
    size = paths[0].stat().st_size
    contents = [path.read_bytes() for path in paths]
    server.fail(SERIES_PATH, images(*contents, stop_after=int(1.5 * size)))
    assert site.fetch(server.url).fetched == 3
    assert server.asked(server.path_of(0)) == []
    assert len(server.asked(server.path_of(1))) == len(server.asked(server.path_of(2))) == 1


@pytest.mark.usefixtures("paths")
def test_an_instance_that_cannot_be_had_is_named_and_asked_for_again(
    server: DicomWebServer, site: Site
) -> None:
    server.has_series = False
    server.fail(server.path_of(1), answer(404))
    first = site.fetch(server.url)
    assert (first.found, first.fetched) == (3, 2)
    assert first.failures == {"was answered with 404": 1}
    second = site.fetch(server.url)
    assert (second.delivered_before, second.fetched, second.failed) == (2, 1, 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>log in</html>", "is no DICOM file"),
        (b"\0" * 128 + b"DICM" + b"\0" * 100, "is no DICOM file"),
        (b"", "is no DICOM file"),
    ],
)
@pytest.mark.usefixtures("paths")
def test_what_is_no_image_is_not_delivered(
    server: DicomWebServer, site: Site, content: bytes, reason: str
) -> None:
    server.has_series = False
    server.fail(server.path_of(0), images(content))
    brought = site.fetch(server.url)
    assert brought.failures == {reason: 1}
    assert len(files_of(site.folder(brought))) == 2


def test_another_instance_than_was_asked_for_is_not_delivered(
    server: DicomWebServer, site: Site, paths: list[Path]
) -> None:
    server.has_series = False
    server.fail(server.path_of(0), images(paths[1].read_bytes()))
    assert site.fetch(server.url).failures == {"is another instance than was asked for": 1}


@pytest.mark.usefixtures("paths")
def test_a_web_page_is_no_image(server: DicomWebServer, site: Site) -> None:
    server.has_series = False
    server.fail(server.path_of(0), answer(200, {"Content-Type": "text/html"}, b"log in"))
    failures = site.fetch(server.url).failures
    assert failures == {"was answered with something that is no DICOM": 1}


def test_an_instance_that_is_too_large_is_not_delivered(
    server: DicomWebServer, site: Site, tmp_path: Path
) -> None:
    make_image(tmp_path / "large.dcm", number=9, size=256)
    server.hold([*make_series(tmp_path / "in", 2), tmp_path / "large.dcm"])
    brought = site.fetch(server.url, limits=Limits(instance_bytes=50_000))
    assert brought.failures == {"has more than 50000 bytes": 1}
    assert brought.fetched == 2


def test_a_server_that_gives_nothing_is_an_error(
    server: DicomWebServer, site: Site, tmp_path: Path
) -> None:
    server.hold(make_series(tmp_path / "in", 25))
    server.accepted = "nothing"
    with pytest.raises(RetrievalFailed, match="25 × was answered with 406"):
        site.fetch(server.url)
    assert site.deliveries == []


@pytest.mark.usefixtures("paths")
def test_a_server_that_goes_away_is_continued_later(server: DicomWebServer, site: Site) -> None:
    server.has_series = False
    server.fail(server.path_of(1), *[hang_up] * 4)
    with pytest.raises(ServerUnavailable, match="it continues"):
        site.fetch(server.url)
    assert site.deliveries == []
    assert site.fetch(server.url).fetched == 3
    assert "1 instances are here from a run before." in site.said
    assert len(server.asked(server.path_of(0))) == 1


@pytest.mark.parametrize("most", [1000, 2])
@pytest.mark.usefixtures("paths")
def test_pages_that_are_smaller_than_asked_for_or_all_at_once(
    server: DicomWebServer, site: Site, most: int
) -> None:
    server.most_of_a_page = most
    server.pages = most < 1000
    assert site.fetch(server.url).fetched == 3


@pytest.mark.usefixtures("paths")
def test_a_page_that_repeats_is_an_error(
    server: DicomWebServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medplatform.pacs.dicomweb.search.PAGE", 2)
    server.pages = False
    server.most_of_a_page = 2
    with pytest.raises(SearchFailed, match="same page of instances"):
        site.fetch(server.url)


@pytest.mark.usefixtures("paths")
def test_what_is_counted_and_not_listed_is_a_failure(server: DicomWebServer, site: Site) -> None:
    server.uncounted = 2
    brought = site.fetch(server.url)
    assert (brought.found, brought.fetched) == (5, 3)
    assert brought.failures == {"is counted by the server, and not listed": 2}


def test_an_instance_that_is_listed_twice_is_fetched_once(
    server: DicomWebServer, site: Site, paths: list[Path]
) -> None:
    server.hold(paths[:1])
    brought = site.fetch(server.url)
    assert (brought.found, brought.fetched, brought.surplus) == (3, 3, 0)


def test_an_instance_with_two_contents_is_delivered_twice_and_counted_once(
    server: DicomWebServer, site: Site, paths: list[Path], tmp_path: Path
) -> None:
    make_image(tmp_path / "other.dcm", number=1, seed=5)
    server.hold([tmp_path / "other.dcm"])
    brought = site.fetch(server.url)
    assert (brought.found, brought.fetched, brought.surplus) == (3, 3, 1)
    assert len(files_of(site.folder(brought))) == len(paths) + 1


@pytest.mark.parametrize("path", ["/studies", SERIES_PATH])
@pytest.mark.usefixtures("paths")
def test_a_redirect_to_another_host_is_not_followed(
    server: DicomWebServer, other: DicomWebServer, site: Site, path: str
) -> None:
    server.fail(path, redirect(f"{other.url}{path}"))
    with pytest.raises(HostNotAllowed, match=f"--allow-host {other.authority}"):
        site.fetch(server.url)
    assert other.seen == []


def test_a_redirect_to_an_allowed_host_goes_without_the_password(
    server: DicomWebServer, other: DicomWebServer, site: Site, paths: list[Path]
) -> None:
    server.authorization = "Bearer word"
    other.hold(paths)
    server.fail(SERIES_PATH, redirect(f"{other.url}{SERIES_PATH}"))
    brought = site.fetch(server.url, secret=site.secret("word\n"), allowed_hosts=[other.authority])
    assert brought.fetched == 3
    assert server.asked(SERIES_PATH)[0].headers["authorization"] == "Bearer word"
    assert "authorization" not in other.seen[0].headers


@pytest.mark.usefixtures("paths")
def test_a_token_that_was_renewed_in_its_file_is_taken_up(
    server: DicomWebServer, site: Site
) -> None:
    secret = site.secret("old")
    assert secret.current() == "Bearer old"
    site.secret("new")
    server.authorization = "Bearer new"
    assert site.fetch(server.url, secret=secret).fetched == 3


@pytest.mark.usefixtures("paths")
def test_a_token_that_is_refused_is_a_clear_error_without_it(
    server: DicomWebServer, site: Site
) -> None:
    server.authorization = "Bearer right"
    with pytest.raises(AuthorizationFailed, match="does not take the password") as raised:
        site.fetch(server.url, secret=site.secret("wrong-word"))
    assert "wrong-word" not in str(raised.value)


def test_a_secret_that_others_can_read_is_refused(site: Site, server: DicomWebServer) -> None:
    secret = site.secret("word")
    (site.root / "secret").chmod(0o644)
    with pytest.raises(AuthorizationFailed, match="chmod 600"):
        site.fetch(server.url, secret=secret)
    assert server.seen == []
    assert "word" not in repr(secret)


@pytest.mark.parametrize("body", [b"", b"[", b"{}", b"[1]", b"<html>"])
def test_what_is_no_list_of_studies_is_an_error(
    server: DicomWebServer, site: Site, body: bytes
) -> None:
    server.fail("/studies", answer(200, body=body))
    with pytest.raises(SearchFailed, match="DICOMweb service"):
        site.fetch(server.url)


@pytest.mark.usefixtures("paths")
def test_after_many_new_instances_the_next_run_continues(
    server: DicomWebServer, site: Site, tmp_path: Path
) -> None:
    for number in range(2, 14):
        server.hold(make_series(tmp_path / "more", 1, study=number))
    first = site.fetch(server.url, limits=Limits(instances=1))
    assert not first.is_complete
    assert first.found < 15
    while not (last := site.fetch(server.url, limits=Limits(instances=1))).is_complete:
        pass
    assert last.found == last.delivered_before + last.fetched == 15


def test_what_another_retrieval_delivered_meanwhile_is_left_out(
    server: DicomWebServer, site: Site, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Draft.keep
    others = []

    def keep_and_let_another_run(self: Draft, *arguments: object) -> bool:
        kept = keep(self, *arguments)  # pyright: ignore[reportArgumentType]
        if not others:
            others.append(None)
            others[0] = site.fetch(server.url, Query(patients=("P1",)))
        return kept

    monkeypatch.setattr(Draft, "keep", keep_and_let_another_run)
    brought = site.fetch(server.url)
    assert others[0].fetched == len(paths)
    assert (brought.found, brought.delivered_before, brought.delivery) == (3, 3, None)


@pytest.mark.usefixtures("paths")
def test_a_delivery_that_was_removed_is_fetched_again(server: DicomWebServer, site: Site) -> None:
    shutil.rmtree(site.folder(site.fetch(server.url)))
    assert site.fetch(server.url).fetched == 3
    (site.landing / ".pacs" / "delivered.sqlite").unlink()
    assert site.fetch(server.url).delivered_before == 3


@pytest.mark.usefixtures("paths")
def test_a_name_that_is_taken_is_refused_before_anything_is_fetched(
    server: DicomWebServer, site: Site
) -> None:
    site.fetch(server.url, delivery="monday")
    server.seen.clear()
    with pytest.raises(DeliveryError, match="choose another"):
        site.fetch(server.url, delivery="monday")
    assert server.seen == []


@pytest.mark.usefixtures("paths")
def test_a_full_disk_is_a_clear_error_and_is_continued(
    server: DicomWebServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Draft, "keep", full)
        with pytest.raises(TransferError, match=r"disk .* is full"):
            site.fetch(server.url)
    assert site.fetch(server.url).fetched == 3


PROGRAM = """
import sys
from pathlib import Path
from medplatform_tests.pacs.site import Site

Site(Path(sys.argv[1])).fetch(sys.argv[2])
"""


@pytest.mark.usefixtures("paths")
def test_a_killed_run_is_continued(server: DicomWebServer, site: Site) -> None:
    def kill(_handler: object) -> None:
        os.kill(process.pid, signal.SIGKILL)

    server.has_series = False
    server.fail(server.path_of(2), kill)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(site.root), server.url])
    process.wait()
    assert site.deliveries == []
    assert site.fetch(server.url).fetched == 3
    assert len(server.asked(server.path_of(0))) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"patients": ["P*"]}, "patients"),
        ({"patients": ["a\\b"]}, "patients"),
        ({"studies": ["1.2/../3"]}, "studies"),
        ({"modalities": ["ct"]}, "modalities"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "later than until"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_without_repeating_it(
    fields: dict, reason: str
) -> None:
    with pytest.raises(QueryError, match=reason) as raised:
        Query.of(**fields)
    assert "P*" not in str(raised.value)


def test_what_a_server_gives_beyond_the_query_is_left_out(
    server: DicomWebServer, site: Site, tmp_path: Path
) -> None:
    server.hold(make_series(tmp_path / "a", 2))
    server.hold(make_series(tmp_path / "b", 1, study=2, modality="MR"))
    assert site.fetch(server.url, Query(modalities=("MR",))).fetched == 1
    assert site.fetch(server.url, Query(patients=("P2",))).found == 0


def test_no_address_of_an_answer_is_used_nor_any_uid_a_path(
    server: DicomWebServer, site: Site
) -> None:
    server.fail("/studies", answer(200, body=b'[{"0020000D": {"Value": ["../../secret"]}}]'))
    assert site.fetch(server.url).found == 0
    assert {seen.path for seen in server.seen} == {"/studies", "/studies/../../secret/series"}
    server.fail("/studies", answer(200, body=b'[{"0020000D": {"Value": [".."]}}]'))
    with pytest.raises(SearchFailed, match="UID is none"):
        site.fetch(server.url)
