"""A receiver that runs in a thread, and peers that send to it."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pynetdicom import AE

from medplatform.pacs.dimse import Node, Receiver, Rules, Tls
from medplatform.pacs.retrieval import Retrieval
from medplatform.transfer import TransferError


class Running:
    """A receiver, what it delivered and what it said."""

    def __init__(self, landing: Path, rules: Rules, tls: Tls | None) -> None:
        self.landing = landing
        self.port = 0
        self.delivered: list[Retrieval] = []
        self.said: list[str] = []
        self.failed: list[TransferError] = []
        self._stop = threading.Event()
        self._ready = threading.Event()
        receiver = Receiver(
            landing,
            Node(port=0, tls=tls),
            rules,
            delivered=self.delivered.append,
            notify=self.said.append,
        )
        self._thread = threading.Thread(target=self._run, args=[receiver])

    def _run(self, receiver: Receiver) -> None:
        try:
            receiver.run(self._stop, self._set_port)
        except TransferError as error:
            self.failed.append(error)
            self._ready.set()

    def _set_port(self, port: int) -> None:
        self.port = port
        self._ready.set()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)
        if self.failed:
            raise self.failed[0]

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def folder(self, number: int = 0) -> Path:
        delivery = self.delivered[number].delivery
        assert delivery
        return self.landing / "imaging" / delivery

    def wait_for(self, is_so: Callable[[], Any], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def receiving(
    landing: Path, rules: Rules | None = None, tls: Tls | None = None
) -> Iterator[Running]:
    """A receiver for a while; when it stops, it delivers what is open."""
    running = Running(landing, rules or Rules(quiet_s=60, reserve_bytes=0), tls)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def send(running: Running, paths: Iterable[Path], **options: Any) -> list[int | None]:
    """Send files to a receiver."""
    return send_to(running.port, paths, **options)


def send_to(
    port: int,
    paths: Iterable[Path],
    *,
    calling: str = "SENDER",
    called: str = "MEDPLATFORM",
    tls: Tls | None = None,
) -> list[int | None]:
    """Send files as they are; the statuses of the answers, none where there is no association."""
    datasets = [dcmread(path) for path in paths]
    entity = AE(calling)
    for ds in datasets:
        entity.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    association = entity.associate(
        "127.0.0.1",
        port,
        ae_title=called,
        tls_args=(tls.context(is_server=False), "127.0.0.1") if tls else None,
    )
    if not association.is_established:
        return []
    try:
        return [association.send_c_store(ds).get("Status") for ds in datasets]
    finally:
        association.release()
