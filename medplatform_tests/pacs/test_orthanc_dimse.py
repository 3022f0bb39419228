"""C-GET and C-MOVE against a real PACS: what it holds comes back, once, and is counted."""

import gc
from collections import Counter
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless

from medplatform.pacs.dimse import Node, Peer, pull_images
from medplatform.pacs.query import Query
from medplatform.pacs.retrieval import Retrieval
from medplatform.transfer import ServerUnavailable
from medplatform_tests.pacs.images import (
    files_of,
    make_image,
    make_series,
    pixels_of,
    pixels_of_file,
)
from medplatform_tests.pacs.orthanc import PASSWORD, USER, Orthanc, free_ports
from medplatform_tests.pacs.receiver import receiving, send
from medplatform_tests.pacs.site import Site
from medplatform_tests.public_data import PUBLIC_DATA

SERIES = PUBLIC_DATA / "dicom" / "series"
WAYS = pytest.mark.parametrize("move", [False, True], ids=["C-GET", "C-MOVE"])


def pull(
    site: Site,
    orthanc: Orthanc,
    *,
    move: bool,
    query: Query | None = None,
    host: str = "127.0.0.1",
    senders: tuple[str, ...] = (),
) -> Retrieval:
    return pull_images(
        query or Query(),
        peer=Peer(ae_title="ORTHANC", host=host, port=orthanc.dicom_port),
        node=Node(port=orthanc.receiver_port),
        landing=site.landing,
        move=move,
        senders=senders,
        notify=site.said.append,
    )


@WAYS
def test_everything_that_is_stored_comes_back_once(
    orthanc: Orthanc, site: Site, tmp_path: Path, move: bool
) -> None:
    stored = make_series(tmp_path / "in", 3) + make_series(
        tmp_path / "in", 2, study=2, modality="MR", patient="P2"
    )
    orthanc.store(stored)
    first = pull(site, orthanc, move=move)
    assert (first.found, first.fetched, first.failed) == (5, 5, 0)
    assert first.remarks == {"sub-operations completed": 5}
    assert pixels_of(site.folder(first)) == Counter(map(pixels_of_file, stored))

    second = pull(site, orthanc, move=move)
    assert (second.found, second.delivered_before, second.delivery) == (5, 5, None)

    make_image(tmp_path / "new.dcm", number=4)
    orthanc.store([tmp_path / "new.dcm"])
    third = pull(site, orthanc, move=move)
    assert (third.delivered_before, third.fetched) == (5, 1)
    assert len(site.deliveries) == 2


@pytest.mark.real
@pytest.mark.skipif(not SERIES.exists(), reason="The public series are not beside the checkout.")
@WAYS
def test_a_real_series_comes_back_with_equal_pixels(
    orthanc: Orthanc, site: Site, move: bool
) -> None:
    stored = sorted(path for path in (SERIES / "ct_ge").glob("**/*") if path.is_file())
    orthanc.store(stored)
    brought = pull(site, orthanc, move=move)
    assert brought.fetched == len(stored)
    assert pixels_of(site.folder(brought)) == Counter(map(pixels_of_file, stored))


@pytest.mark.parametrize("way", ["dicomweb", "c-get", "c-move"])
def test_objects_come_in_the_transfer_syntax_that_they_have(
    orthanc: Orthanc, site: Site, tmp_path: Path, way: str
) -> None:
    syntaxes = [ExplicitVRLittleEndian, RLELossless, DeflatedExplicitVRLittleEndian]
    for number, syntax in enumerate(syntaxes):
        path = tmp_path / f"{number}.dcm"
        ds = make_image(path, number=number)
        if syntax == RLELossless:
            ds.compress(RLELossless, generate_instance_uid=False)
        else:
            ds.file_meta.TransferSyntaxUID = syntax
        ds.save_as(path)
    stored = sorted(tmp_path.glob("*.dcm"))
    orthanc.store(stored)
    if way == "dicomweb":
        brought = site.fetch(orthanc.dicomweb, secret=site.secret(PASSWORD, USER))
    else:
        brought = pull(site, orthanc, move=way == "c-move")
    assert (brought.fetched, brought.failures) == (3, {})
    assert pixels_of(site.folder(brought)) == Counter(map(pixels_of_file, stored))
    received = Counter(
        dcmread(path).file_meta.TransferSyntaxUID for path in files_of(site.folder(brought))
    )
    assert received == Counter(syntaxes)


def test_what_one_way_brought_the_others_leave_out(
    orthanc: Orthanc, site: Site, tmp_path: Path
) -> None:
    orthanc.store(make_series(tmp_path, 2))
    assert pull(site, orthanc, move=False).fetched == 2
    assert pull(site, orthanc, move=True).delivered_before == 2
    secret = site.secret(PASSWORD, USER)
    assert site.fetch(orthanc.dicomweb, secret=secret).delivered_before == 2


def test_what_was_received_is_not_fetched(orthanc: Orthanc, site: Site, tmp_path: Path) -> None:
    paths = make_series(tmp_path, 3)
    orthanc.store(paths)
    with receiving(site.landing) as running:
        send(running, paths[:2])
    brought = pull(site, orthanc, move=False)
    assert (brought.delivered_before, brought.fetched) == (2, 1)


def test_only_the_host_of_the_peer_may_send_what_is_moved(
    orthanc: Orthanc, site: Site, tmp_path: Path
) -> None:
    orthanc.store(make_series(tmp_path, 1))
    other = "127.0.0.2"  # is listened at by the PACS, which sends from 127.0.0.1
    refused = pull(site, orthanc, move=True, host=other)
    assert (refused.fetched, refused.failed) == (0, 1)
    assert "Refused 127.0.0.1: it is none of the hosts that may send." in site.said
    assert pull(site, orthanc, move=True, host=other, senders=("127.0.0.0/8",)).fetched == 1


@WAYS
def test_a_query_brings_what_it_asks_for(
    orthanc: Orthanc, site: Site, tmp_path: Path, move: bool
) -> None:
    orthanc.store(
        make_series(tmp_path, 2)
        + make_series(tmp_path, 1, study=2, modality="MR", patient="P2", date="20260301")
    )
    query = Query.of(modalities=["CT", "MR"], patients=["P2"], since="2026-02-01")
    assert pull(site, orthanc, move=move, query=query).fetched == 1


def test_objects_of_many_classes_need_several_associations(
    orthanc: Orthanc, site: Site, tmp_path: Path
) -> None:
    classes = ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.826.0.1.3680043.9.1"]
    for number in range(5):
        name = classes[number] if number < 3 else f"1.2.840.10008.5.1.4.1.1.{17 + number}"
        make_image(tmp_path / f"{number}.dcm", number=number, sop_class=name)
    orthanc.store(sorted(tmp_path.glob("*.dcm")))
    brought = pull(site, orthanc, move=False)
    assert (brought.found, brought.fetched) == (5, 5)


# pynetdicom leaves the socket of a connection that was refused to the garbage collection.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_peer_that_cannot_be_reached_is_a_clear_error(site: Site) -> None:
    with pytest.raises(ServerUnavailable, match="cannot be reached"):
        pull_images(
            Query(),
            peer=Peer(ae_title="ORTHANC", host="127.0.0.1", port=free_ports(1)[0]),
            node=Node(),
            landing=site.landing,
        )
    gc.collect()
