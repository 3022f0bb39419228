"""The receiver: what is sent becomes deliveries, and nothing is confirmed that is not kept."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter, namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # pyright: ignore[reportAttributeAccessIssue]

from medplatform.pacs.dimse import Node, Peers, Receiver, Rules, Tls
from medplatform.pacs.draft import Draft
from medplatform.pacs.errors import PacsError
from medplatform.transfer import CertificateRefused, TransferLocked
from medplatform_tests.pacs.certificates import Authority
from medplatform_tests.pacs.images import (
    files_of,
    make_image,
    make_series,
    pixels_of,
    pixels_of_file,
)
from medplatform_tests.pacs.receiver import receiving, send, send_to
from medplatform_tests.public_data import PUBLIC_DATA

SERIES = PUBLIC_DATA / "dicom" / "series"
STORESCU = shutil.which("storescu")
OPEN = Rules(quiet_s=60, reserve_bytes=0)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


def test_what_is_sent_becomes_a_closed_delivery(landing: Path, tmp_path: Path) -> None:
    paths = make_series(tmp_path / "in", 3)
    with receiving(landing) as running:
        assert send(running, paths) == [0, 0, 0]
        assert not (landing / "imaging").exists(), "it is open while more may come"
    assert running.delivered[0].found == running.delivered[0].fetched == 3
    assert pixels_of(running.folder()) == Counter(map(pixels_of_file, paths))
    assert (running.folder() / "_DONE").exists()
    running.wait_for(lambda: running.said)
    assert running.said == ["SENDER at 127.0.0.1: 3 objects received."]
    assert not list((landing / ".pacs" / "received" / "incoming").iterdir())


def test_a_data_set_is_kept_byte_for_byte(landing: Path, tmp_path: Path) -> None:
    sent = make_image(tmp_path / "one.dcm")
    with receiving(landing) as running:
        send(running, [tmp_path / "one.dcm"])
    (path,) = files_of(running.folder())
    received = dcmread(path)
    assert received == sent
    assert received.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID


def test_a_delivery_is_closed_after_a_quiet_time_without_peers(
    landing: Path, tmp_path: Path
) -> None:
    with receiving(landing, Rules(quiet_s=0, reserve_bytes=0)) as running:
        send(running, make_series(tmp_path, 2))
        running.wait_for(lambda: running.delivered)
        send(running, make_series(tmp_path, 1, study=2))
        running.wait_for(lambda: len(running.delivered) == 2)
    assert [one.fetched for one in running.delivered] == [2, 1]


def test_a_delivery_is_closed_when_it_is_large(landing: Path, tmp_path: Path) -> None:
    rules = Rules(quiet_s=60, delivery_bytes=2000, reserve_bytes=0)
    paths = make_series(tmp_path, 4)
    with receiving(landing, rules) as running:
        send(running, paths[:2])
        running.wait_for(lambda: running.delivered)
        send(running, paths[2:])
        running.wait_for(lambda: len(running.delivered) == 2)
    assert sum(one.fetched for one in running.delivered) == 4


def test_a_delivery_that_cannot_be_closed_stays_open_and_is_tried_again(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def fail(_draft: Draft, target: Path) -> None:
        attempts.append(target)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medplatform.pacs.dimse.receive._RETRY_S", 0.0)
    paths = make_series(tmp_path, 2)
    with receiving(landing, Rules(quiet_s=0, delivery_bytes=1, reserve_bytes=0)) as running:
        with monkeypatch.context() as full:
            full.setattr(Draft, "publish", fail)
            assert send(running, paths[:1]) == [0]
            running.wait_for(lambda: attempts)
            assert send(running, paths[1:]) == [0], "what was kept is confirmed"
            running.wait_for(lambda: len(attempts) > 2)
        running.wait_for(lambda: running.delivered)
    assert [one.fetched for one in running.delivered] == [2]
    assert any("cannot be delivered" in one and "No space left" in one for one in running.said)


def test_what_cannot_be_delivered_at_the_end_is_delivered_by_the_next_start(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full, receiving(landing) as running:
        full.setattr(Draft, "publish", fail)
        assert send(running, make_series(tmp_path, 2)) == [0, 0]
        running.stop()
    assert "It is kept" in str(running.failed[0])
    with receiving(landing) as running:
        running.wait_for(lambda: running.delivered)
    assert running.delivered[0].fetched == 2


def test_what_was_delivered_is_confirmed_and_not_delivered_again(
    landing: Path, tmp_path: Path
) -> None:
    paths = make_series(tmp_path, 2)
    for _ in range(2):
        with receiving(landing) as running:
            assert send(running, [*paths, *paths]) == [0, 0, 0, 0]
    assert running.delivered == []
    assert len(list((landing / "imaging").iterdir())) == 1


def test_an_instance_with_two_contents_is_kept_twice(landing: Path, tmp_path: Path) -> None:
    make_image(tmp_path / "a.dcm", seed=1)
    make_image(tmp_path / "b.dcm", seed=2)
    with receiving(landing) as running:
        assert send(running, [tmp_path / "a.dcm", tmp_path / "b.dcm"]) == [0, 0]
    assert (running.delivered[0].fetched, running.delivered[0].surplus) == (1, 1)
    assert len(files_of(running.folder())) == 2


def test_objects_of_private_classes_and_any_number_of_contexts_are_taken(
    landing: Path, tmp_path: Path
) -> None:
    classes = [f"1.2.826.0.1.3680043.9.{number}" for number in range(128)]
    for number, sop_class in enumerate(classes[:5]):
        make_image(tmp_path / f"{number}.dcm", number=number, sop_class=sop_class)
    paths = sorted(tmp_path.glob("*.dcm"))
    with receiving(landing) as running:
        assert send(running, paths) == [0] * 5
        entity = AE("SENDER")
        for sop_class in classes:
            entity.add_requested_context(sop_class)
        association = entity.associate("127.0.0.1", running.port, ae_title="MEDPLATFORM")
        assert len(association.accepted_contexts) == 128
        association.release()


def test_it_answers_an_echo(landing: Path) -> None:
    with receiving(landing) as running:
        entity = AE("SENDER")
        entity.add_requested_context(Verification)
        association = entity.associate("127.0.0.1", running.port, ae_title="MEDPLATFORM")
        assert association.send_c_echo().Status == 0
        association.release()


def test_only_who_is_allowed_may_send(landing: Path, tmp_path: Path) -> None:
    paths = make_series(tmp_path, 1)
    rules = Rules(reserve_bytes=0, peers=Peers(ae_titles=("SENDER",), hosts=("127.0.0.0/8",)))
    with receiving(landing, rules) as running:
        assert send(running, paths, calling="STRANGER") == []
        assert send(running, paths, called="OTHER") == []
        assert send(running, paths) == [0]


def test_a_host_that_is_not_allowed_is_rejected_and_named(landing: Path, tmp_path: Path) -> None:
    rules = Rules(reserve_bytes=0, peers=Peers(hosts=("192.0.2.1",)))
    with receiving(landing, rules) as running:
        assert send(running, make_series(tmp_path, 1)) == []
    assert running.said == ["Refused 127.0.0.1: it is none of the hosts that may send."]
    assert running.delivered == []


def test_a_full_disk_refuses_objects_and_says_so(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = make_series(tmp_path, 2)
    usage = namedtuple("usage", "total used free")
    with receiving(landing, Rules(quiet_s=60, reserve_bytes=1000)) as running:
        assert send(running, paths[:1]) == [0]
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10_000, 9_500, 500))
        assert send(running, paths[1:]) == [0xA700]
        running.wait_for(lambda: len(running.said) == 2)
    assert running.said[1] == "SENDER at 127.0.0.1: 0 objects received, 1 refused with 0xA700."
    assert running.delivered[0].fetched == 1


def test_an_error_of_the_disk_refuses_the_object(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medplatform.pacs.draft.append_line", full)
    with receiving(landing) as running:
        assert send(running, make_series(tmp_path, 1)) == [0xA700]
        monkeypatch.undo()
    assert running.delivered == []


def test_a_defect_is_no_confirmation_and_is_counted(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("medplatform.pacs.dimse.storage.read_header", fail)
    with receiving(landing) as running:
        assert send(running, make_series(tmp_path, 1)) == [0xC211]
        running.wait_for(lambda: running.said)
    assert running.said == ["SENDER at 127.0.0.1: 0 objects received, 1 refused with 0xC211."]


def test_a_second_receiver_of_the_same_landing_is_refused(landing: Path) -> None:
    with receiving(landing), pytest.raises(TransferLocked), receiving(landing):
        pass


def test_a_port_that_is_taken_is_a_clear_error(landing: Path, tmp_path: Path) -> None:
    with receiving(landing) as running:
        other = Receiver(
            tmp_path / "other",
            Node(port=running.port),
            OPEN,
            delivered=running.delivered.append,
            notify=running.said.append,
        )
        with pytest.raises(PacsError, match="cannot be listened at"):
            other.run(threading.Event(), lambda _port: None)


PROGRAM = """
import sys, threading
from pathlib import Path
from medplatform.pacs.dimse import Node, Receiver, Rules

receiver = Receiver(Path(sys.argv[1]), Node(port=0), Rules(quiet_s=60, reserve_bytes=0),
                    delivered=lambda one: None, notify=print)
receiver.run(threading.Event(), lambda port: print(port, flush=True))
"""


def test_what_was_confirmed_survives_a_kill(landing: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(landing)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    port = int(process.stdout.readline())
    paths = make_series(tmp_path, 3)
    assert send_to(port, paths) == [0, 0, 0]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with receiving(landing) as running:
        running.wait_for(lambda: running.delivered)
    assert pixels_of(running.folder()) == Counter(map(pixels_of_file, paths))


# A handshake that fails leaves its socket to the garbage collection.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_with_tls_only_peers_of_the_authority_can_send(landing: Path, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    paths = make_series(tmp_path / "in", 2)
    stranger = theirs.issue("stranger")
    with receiving(landing, OPEN, ours.issue("receiver")) as running:
        assert send(running, paths, tls=ours.issue("sender")) == [0, 0]
        assert send(running, paths, tls=replace(stranger, ca_file=ours.file)) == []
        assert send(running, paths, tls=stranger) == []
    assert running.delivered[0].fetched == 2
    gc.collect()


def test_a_receiver_with_tls_needs_a_certificate(landing: Path) -> None:
    with (
        pytest.raises(CertificateRefused, match="needs a certificate"),
        receiving(landing, OPEN, Tls()),
    ):
        pass


def storescu(port: int, paths: list[Path]) -> None:
    """Send files with dcmtk."""
    command = [str(STORESCU), "-aec", "MEDPLATFORM", "127.0.0.1", str(port)]
    subprocess.run([*command, *map(str, paths)], check=True)


@pytest.mark.skipif(STORESCU is None, reason="dcmtk is not installed: make system-packages")
def test_it_receives_what_dcmtk_sends(landing: Path, tmp_path: Path) -> None:
    paths = make_series(tmp_path / "in", 3) + make_series(tmp_path / "in", 2, study=2)
    with receiving(landing) as running:
        storescu(running.port, paths)
    assert pixels_of(running.folder()) == Counter(map(pixels_of_file, paths))


@pytest.mark.real
@pytest.mark.skipif(not SERIES.exists(), reason="The public series are not beside the checkout.")
@pytest.mark.skipif(STORESCU is None, reason="dcmtk is not installed: make system-packages")
def test_a_real_series_arrives_with_equal_pixels(landing: Path) -> None:
    paths = sorted(path for path in (SERIES / "ct_ge").glob("**/*") if path.is_file())
    with receiving(landing) as running:
        storescu(running.port, paths)
    assert pixels_of(running.folder()) == Counter(map(pixels_of_file, paths))
