"""A receiver: what peers send becomes deliveries (C-STORE as SCP, PS3.4, B).

Objects go to an open delivery, which is closed, and so seen by the delivery sensor, once nothing
has come for a while and nobody is connected, or once it is large. What is in it survives a kill.

Only the thread that runs the receiver closes deliveries, so that no peer is told of a failure that
has nothing to do with its object.
"""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from medplatform.modalities.delivery import DeliveryError
from medplatform.pacs.dimse.listen import Listening, Peers, listening
from medplatform.pacs.dimse.node import Node, received_files_in
from medplatform.pacs.dimse.storage import PROCESSING_FAILURE, RESERVE_BYTES, SUCCESS, Storage
from medplatform.pacs.draft import ROOT, Draft
from medplatform.pacs.errors import PacsError
from medplatform.pacs.header import Header
from medplatform.pacs.index import Index
from medplatform.pacs.retrieval import Retrieval, close, new_name
from medplatform.transfer.private import hold_lock

SOURCE = "received"
_POLL_S = 0.2
_RETRY_S = 30.0
_GRACE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a delivery is closed, and who may send.

    Parameters
    ----------
    quiet_s
        Closed once nothing has come for so long and nobody is connected; 0: as soon as the last
        association ends.
    delivery_bytes
        Closed soon after it has so many.
    reserve_bytes
        Objects are refused (0xA700) where less space than that is free.
    """

    peers: Peers = field(default_factory=Peers)
    quiet_s: float = 30.0
    delivery_bytes: int = 8 << 30
    reserve_bytes: int = RESERVE_BYTES


class Receiver:
    """Receives until it is told to stop.

    Parameters
    ----------
    delivered
        Called with each delivery that was closed.
    notify
        Called with sentences for people.
    """

    def __init__(
        self,
        landing: Path,
        node: Node,
        rules: Rules,
        *,
        delivered: Callable[[Retrieval], None],
        notify: Callable[[str], None],
    ) -> None:
        self._landing = landing
        self._node = node
        self._rules = rules
        self._delivered = delivered
        self._notify = notify
        self._draft: Draft | None = None
        self._stored_at = 0.0
        self._retry_at = 0.0
        self._lock = threading.RLock()
        self._answers: WeakKeyDictionary[Association, Counter[int]] = WeakKeyDictionary()

    def run(self, stop: threading.Event, ready: Callable[[int], None]) -> None:
        """Listen until `stop` is set; then close what is open.

        Parameters
        ----------
        ready
            Called with the port that is listened at.

        Raises
        ------
        TransferLocked
            Another receiver fills the same landing.
        PacsError
            The port cannot be had, or what is open at the start or the end cannot be delivered. It
            is then kept for the next start.
        """
        root = self._landing / ROOT
        incoming = root / SOURCE / "incoming"
        with (
            hold_lock(root / ".locks" / SOURCE, "receives into the same landing"),
            Index(self._landing) as self._index,
            received_files_in(incoming),
        ):
            for left in incoming.iterdir():
                left.unlink()
            self._recover()
            storage = Storage(incoming, self._take, self._rules.reserve_bytes)

            def store(event: Event) -> int:
                status = PROCESSING_FAILURE  # what pynetdicom answers if this raises
                try:
                    status = storage.store(event)
                finally:
                    self._answers.setdefault(event.assoc, Counter())[status] += 1
                return status

            handlers = [
                (evt.EVT_C_ECHO, lambda _event: SUCCESS),
                (evt.EVT_C_STORE, store),
                (evt.EVT_RELEASED, self._sum_up),
                (evt.EVT_ABORTED, self._sum_up),
                (evt.EVT_CONN_CLOSE, self._sum_up),
            ]
            with listening(self._node, handlers, self._rules.peers, self._refused) as server:
                ready(server.port)
                while not stop.wait(_POLL_S):
                    self._close_if_due(server)
                server.stop(_GRACE_S)
            self._close()

    def _take(self, part: Path, header: Header) -> int:
        """Keep an object; one that was delivered with the same content is taken and let go."""
        if self._index.holds(header.key, header.sha256):
            return SUCCESS
        with self._lock:
            if self._draft is None:
                self._draft = Draft(self._landing / ROOT / SOURCE / new_name(SOURCE))
            self._draft.keep(part, header)
            self._stored_at = time.monotonic()
        return SUCCESS

    def _close_if_due(self, server: Listening) -> None:
        """Close what is due; what cannot be closed stays open, and is tried again later."""
        with self._lock:
            now = time.monotonic()
            if self._draft is None or now < self._retry_at:
                return
            is_quiet = now - self._stored_at >= self._rules.quiet_s and not server.associations
            if is_quiet or self._draft.bytes >= self._rules.delivery_bytes:
                try:
                    self._close()
                except PacsError as error:
                    self._retry_at = now + _RETRY_S
                    self._notify(f"{error} It is tried again every {_RETRY_S:.0f} seconds.")

    def _close(self) -> None:
        with self._lock:
            if self._draft is not None:
                retrieval = self._publish(self._draft)
                self._draft = None
                self._tell(retrieval)

    def _recover(self) -> None:
        """Deliver what a killed receiver left."""
        for root in sorted((self._landing / ROOT / SOURCE).glob(f"*{SOURCE}*")):
            self._tell(self._publish(Draft(root)))

    def _publish(self, draft: Draft) -> Retrieval:
        found = len({one.key for one in draft.stored})
        name = draft.root.name
        try:
            return close(draft, self._landing, name, self._index, source=SOURCE, found=found)
        except (OSError, sqlite3.Error, DeliveryError, PacsError) as error:
            raise PacsError(
                f"What was received cannot be delivered as {name} ({error}). It is kept."
            ) from error

    def _tell(self, retrieval: Retrieval) -> None:
        # What the index does not know yet is left out when the next delivery is closed.
        with suppress(OSError, sqlite3.Error):
            self._index.refresh()
        if retrieval.delivery:
            self._delivered(retrieval)

    def _refused(self, address: str) -> None:
        self._notify(f"Refused {address}: it is none of the hosts that may send.")

    def _sum_up(self, event: Event) -> None:
        answers = self._answers.pop(event.assoc, None)
        if not answers:
            return
        refused = ", ".join(
            f"{number} refused with 0x{status:04X}"
            for status, number in sorted(answers.items())
            if status != SUCCESS
        )
        peer = event.assoc.requestor
        self._notify(
            f"{peer.ae_title} at {peer.address}: {answers[SUCCESS]} objects received"
            f"{f', {refused}' if refused else ''}."
        )
