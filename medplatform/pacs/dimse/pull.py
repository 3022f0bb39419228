"""C-GET and C-MOVE (PS3.4, C.4.2 and C.4.3): instances of a peer, found first, then counted.

With C-GET they come over the association that asks; with C-MOVE the peer opens one of its own, to
the AE title that it knows for this node.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, cast

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet,  # pyright: ignore[reportAttributeAccessIssue]
    StudyRootQueryRetrieveInformationModelMove,  # pyright: ignore[reportAttributeAccessIssue]
)

from medplatform.modalities.modality import Progress, silent
from medplatform.pacs.dimse.find import Finder
from medplatform.pacs.dimse.listen import Peers, listening
from medplatform.pacs.dimse.node import (
    Handlers,
    Node,
    Peer,
    associate,
    received_files_in,
)
from medplatform.pacs.dimse.requests import (
    Contexts,
    Group,
    batches,
    groups_of,
    retrieve_identifier,
)
from medplatform.pacs.dimse.storage import OUT_OF_RESOURCES, SUCCESS, Storage
from medplatform.pacs.errors import PacsError, PeerRefused
from medplatform.pacs.fetch import Connection, Limits, fetch, tell_nobody
from medplatform.pacs.header import Header, InstanceKey
from medplatform.pacs.query import Query
from medplatform.pacs.retrieval import Retrieval

_GET = UID(str(StudyRootQueryRetrieveInformationModelGet))
_MOVE = UID(str(StudyRootQueryRetrieveInformationModelMove))
_PENDING = 0xFF00
_NOT_AUTHORIZED = 0x0124
_MOST_UIDS = 100  # of one request
_ATTEMPTS = 3
_WAIT_S = 1.0


def pull_images(
    query: Query,
    *,
    peer: Peer,
    node: Node,
    landing: Path,
    move: bool = False,
    senders: Sequence[str] = (),
    delivery: str | None = None,
    limits: Limits | None = None,
    progress: Progress = silent,
    notify: Callable[[str], None] = tell_nobody,
) -> Retrieval:
    """Fetch into landing, as a closed delivery, what a peer has and no delivery brought yet.

    Run again after it was killed, it continues. Every sub-operation that the peer reports is in the
    remarks of the result.

    Parameters
    ----------
    node
        This node. For C-MOVE it listens while images are fetched, and the peer has to know its AE
        title, host and port.
    move
        Use C-MOVE instead of C-GET.
    senders
        Hosts that may send what C-MOVE asks for, see `Peers`. Default: that of the peer.
    delivery
        Its name. Default: one that sorts by time.

    Raises
    ------
    TransferError
        It did not come to its end; the subclass says how, the message what to do.
    DeliveryError
        The name of the delivery is unusable or taken.
    """

    def refused(address: str) -> None:
        notify(f"Refused {address}: it is none of the hosts that may send.")

    @contextmanager
    def connect(connection: Connection) -> Iterator[_Puller]:
        with ExitStack() as stack:
            stack.enter_context(received_files_in(connection.draft.parts))
            puller = _Mover(node, peer, connection) if move else _Getter(node, peer, connection)
            if isinstance(puller, _Mover):
                peers = Peers(hosts=tuple(senders) or (peer.host,))
                stack.enter_context(listening(node, puller.handlers, peers, refused))
            yield puller

    return fetch(
        connect,
        query,
        address=f"dicom://{peer}",
        landing=landing,
        delivery=delivery,
        limits=limits,
        progress=progress,
        notify=notify,
    )


class _Outcome(NamedTuple):
    """How a request ended: its last status, None where the association broke off."""

    status: int | None
    failed: frozenset[str] = frozenset()


class _Puller(ABC):
    """One peer, while images are fetched from it."""

    name = "c-get"
    parallel = 1

    def __init__(self, node: Node, peer: Peer, connection: Connection) -> None:
        self.remarks: Counter[str] = Counter()
        self._node = node
        self._peer = peer
        self._connection = connection
        self._draft = connection.draft
        self._finder = Finder(node, peer)
        self.studies = self._finder.studies
        self.instances = self._finder.instances
        self._asked: Mapping[str, InstanceKey] = {}
        self._refused: dict[str, int] = {}
        self._storage = Storage(connection.draft.parts, self._take)

    @property
    def handlers(self) -> Handlers:
        """What answers the objects that come."""
        return [(evt.EVT_C_STORE, self._store)]

    def fetch_series(self, keys: Sequence[InstanceKey], *, whole: bool) -> Counter[str]:
        """Fetch instances of one series; {reason: instances that did not come}."""
        reasons: Counter[str] = Counter()
        groups = self._groups(keys)
        for group in groups:
            is_whole = whole and len(groups) == 1
            for part in [group.keys] if is_whole else batches(group.keys, _MOST_UIDS):
                reasons += self._fetch_part(part, group.proposals, is_whole=is_whole)
        return reasons

    @abstractmethod
    def _groups(self, keys: Sequence[InstanceKey]) -> list[Group]:
        """What can be asked for together."""

    @abstractmethod
    def _request(
        self, identifier: Dataset, contexts: Contexts
    ) -> Iterator[tuple[Dataset, Dataset | None]]:
        """The responses of the peer to one request."""

    def _fetch_part(
        self, keys: list[InstanceKey], proposals: list[Contexts], *, is_whole: bool
    ) -> Counter[str]:
        outcome, missing = _Outcome(None), keys
        for contexts in proposals:
            if missing:
                is_all = is_whole and len(missing) == len(keys)
                outcome, missing = self._ask_again(missing, contexts, is_whole=is_all)
        if OUT_OF_RESOURCES in self._refused.values():
            raise PacsError(
                "There is too little free space to receive images. Free some and run this again: "
                "it continues."
            )
        return Counter(self._why(key, outcome) for key in missing)

    def _ask_again(
        self, missing: list[InstanceKey], contexts: Contexts, *, is_whole: bool
    ) -> tuple[_Outcome, list[InstanceKey]]:
        """Ask, again where the association breaks off; how it ended, and what is still missing."""
        outcome = _Outcome(None)
        for turn in range(_ATTEMPTS):
            self._asked = {key.sop: key for key in missing}
            outcome = self._ask(
                retrieve_identifier(missing, is_whole=is_whole and not turn), contexts
            )
            missing = [key for key in missing if not self._draft.holds(key)]
            is_over = outcome.status is not None or not missing
            if is_over or self._connection.stop.wait(_WAIT_S * 2**turn):
                break
        return outcome, missing

    def _ask(self, identifier: Dataset, contexts: Contexts) -> _Outcome:
        for status, failed in self._request(identifier, contexts):
            code = status.get("Status")
            if code == _PENDING:
                continue
            for kind in ("Completed", "Failed", "Warning"):
                number = status.get(f"NumberOf{kind}Suboperations") or 0
                if number:
                    self.remarks[f"sub-operations {kind.lower()}"] += int(number)
            uids = failed.get("FailedSOPInstanceUIDList") if failed else None
            listed = [uids] if isinstance(uids, str) else list(uids or [])
            return _Outcome(code, frozenset(map(str, listed)))
        return _Outcome(None)

    def _why(self, key: InstanceKey, outcome: _Outcome) -> str:
        if key.sop in self._refused:
            return f"was refused here with 0x{self._refused[key.sop]:04X}"
        if outcome.status is None:
            return "the association broke off"
        if outcome.status == 0 and key.sop not in outcome.failed:
            return "was reported as sent, and did not come"
        return f"was not sent by the peer (status 0x{outcome.status:04X})"

    def _store(self, event: Event) -> int:
        status = self._storage.store(event)
        if status != SUCCESS:
            self._refused[str(cast(C_STORE, event.request).AffectedSOPInstanceUID)] = status
        return status

    def _take(self, part: Path, header: Header) -> int:
        key = self._asked.get(header.key.sop)
        if key is None:
            return _NOT_AUTHORIZED
        if self._draft.keep(part, Header(key, header.sha256)):
            self._connection.kept()
        return SUCCESS


class _Getter(_Puller):
    """With C-GET."""

    def _groups(self, keys: Sequence[InstanceKey]) -> list[Group]:
        return groups_of(keys, self._finder.sop_classes)

    def _request(
        self, identifier: Dataset, contexts: Contexts
    ) -> Iterator[tuple[Dataset, Dataset | None]]:
        classes = {str(one.abstract_syntax) for one in contexts}
        with associate(
            self._node,
            self._peer,
            [build_context(_GET), *contexts],
            [build_role(one, scp_role=True) for one in classes],
            self.handlers,
        ) as association:
            _demand(association, _GET, f"{self._peer} gives nothing by C-GET. Try --move.")
            for one in association.accepted_contexts:
                # Orthanc accepts a private class without confirming the role, and then sends.
                one._as_scp = True
            yield from association.send_c_get(identifier, _GET)


class _Mover(_Puller):
    """With C-MOVE."""

    name = "c-move"

    def _groups(self, keys: Sequence[InstanceKey]) -> list[Group]:
        return [Group(list(keys), [[]])]  # it proposes the contexts

    def _request(
        self, identifier: Dataset, contexts: Contexts
    ) -> Iterator[tuple[Dataset, Dataset | None]]:
        with associate(self._node, self._peer, [build_context(_MOVE)]) as association:
            _demand(association, _MOVE, f"{self._peer} gives nothing by C-MOVE. Leave --move out.")
            yield from association.send_c_move(identifier, self._node.ae_title, _MOVE)


def _demand(association: Association, model: UID, otherwise: str) -> None:
    if not any(one.abstract_syntax == model for one in association.accepted_contexts):
        raise PeerRefused(otherwise)
