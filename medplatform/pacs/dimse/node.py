"""DICOM nodes: this one, those that it speaks to, and the associations between them (PS3.8)."""

import logging
import ssl
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from medplatform.pacs.errors import PeerRefused
from medplatform.transfer.errors import CertificateRefused, ServerUnavailable

_PDU_BYTES = 1 << 18
_CONNECT_S = 30
_NETWORK_S = 300.0

Handlers = list[tuple[Any, Callable[..., Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Transport security (PS3.15, B.9 and B.10).

    Parameters
    ----------
    ca_file
        Certificates (PEM) of the authorities that the other node's certificate must come from.
        Default: the public ones; a receiver then asks its peers for none.
    cert_file, key_file
        Certificate (PEM) of this node, and its private key. A receiver needs them.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def context(self, *, is_server: bool) -> ssl.SSLContext:
        """The context of a side.

        Raises
        ------
        CertificateRefused
            A file cannot be used.
        """
        purpose = ssl.Purpose.CLIENT_AUTH if is_server else ssl.Purpose.SERVER_AUTH
        try:
            context = ssl.create_default_context(purpose, cafile=self.ca_file)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError):
            raise CertificateRefused(
                "The certificates or the key for TLS cannot be used. Name files in PEM form, the "
                "key without a passphrase."
            ) from None
        if is_server and not self.cert_file:
            raise CertificateRefused("A receiver needs a certificate and its key for TLS.")
        if is_server and self.ca_file:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """This node.

    Parameters
    ----------
    ae_title
        What other nodes call it, up to 16 characters.
    host, port
        Where it listens; port 0: at any free one.
    tls
        Default: plain connections.
    """

    ae_title: str = "MEDPLATFORM"
    host: str = "127.0.0.1"
    port: int = 11112
    tls: Tls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another node."""

    ae_title: str
    host: str
    port: int = 104
    tls: Tls | None = None

    def __str__(self) -> str:
        return f"{self.ae_title} at {self.host}:{self.port}"


def entity(ae_title: str) -> AE:
    """The application entity of this node, with pynetdicom set as all nodes here need it."""
    # Storage of any SOP class, private ones too, in any transfer syntax.
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    # From the network to the disk.
    _config.STORE_RECV_CHUNKED_DATASET = True
    # Identifiers are those of patients.
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    one = AE(ae_title)
    one.maximum_pdu_size = _PDU_BYTES
    one.connection_timeout = _CONNECT_S
    one.network_timeout = one.dimse_timeout = _NETWORK_S
    return one


@contextmanager
def associate(
    node: Node,
    peer: Peer,
    contexts: Iterable[PresentationContext],
    roles: Iterable[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Handlers | None = None,
) -> Iterator[Association]:
    """An association with a peer, released at the end.

    Raises
    ------
    ServerUnavailable
        It cannot be reached.
    PeerRefused
        It does not want this node.
    """
    tls = (peer.tls.context(is_server=False), peer.host) if peer.tls else None
    association = entity(node.ae_title).associate(
        peer.host,
        peer.port,
        contexts=list(contexts),
        ae_title=peer.ae_title,
        max_pdu=_PDU_BYTES,
        ext_neg=list(roles),
        tls_args=tls,
        evt_handlers=handlers,  # pyright: ignore[reportArgumentType]
    )
    if not association.is_established:
        raise _refusal(association, node, peer)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


@contextmanager
def received_files_in(folder: Path) -> Iterator[None]:
    """Let pynetdicom write what arrives into a folder: where it belongs, and can be renamed.

    It writes to Python's folder for temporary files, which is changed for the whole process.
    """
    before = tempfile.tempdir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _refusal(association: Association, node: Node, peer: Peer) -> PeerRefused | ServerUnavailable:
    if association.is_rejected:
        return PeerRefused(
            f"{peer} rejects {node.ae_title}. Ask its operator to register this AE title with the "
            f"address of this machine, and check how the peer's own AE title is written."
        )
    return ServerUnavailable(
        f"There is no association with {peer}: it cannot be reached, or it aborted. Check host "
        f"and port, and whether it wants TLS. Run this again: it continues."
    )
