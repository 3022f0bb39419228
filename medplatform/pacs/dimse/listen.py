"""A node that listens (PS3.8): which peers may open an association, and what they may do there."""

import ipaddress
import socket
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    Verification,  # pyright: ignore[reportAttributeAccessIssue]
)

from medplatform.pacs.dimse.node import Handlers, Node, entity
from medplatform.pacs.errors import PacsError

_MOST_ASSOCIATIONS = 32
# Rejected permanent, by the service user, no reason given (PS3.8, 9.3.4).
_NOT_WELCOME = (0x01, 0x01, 0x01)


@dataclass(frozen=True, slots=True)
class Peers:
    """Who may open an association.

    Parameters
    ----------
    ae_titles
        Calling AE titles. Empty: any.
    hosts
        Addresses, networks such as `10.1.0.0/16`, or names. Empty: any.
    """

    ae_titles: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def networks(self) -> "list[ipaddress.IPv4Network | ipaddress.IPv6Network]":
        """The hosts as networks; names are resolved.

        Raises
        ------
        PacsError
            A name is unknown.
        """
        found = []
        for host in self.hosts:
            try:
                found.append(ipaddress.ip_network(host, strict=False))
            except ValueError:
                found += [ipaddress.ip_network(address) for address in _addresses(host)]
        return found


class Listening:
    """A node that listens at a port."""

    def __init__(self, one: ApplicationEntity, port: int, stop: Callable[[], None]) -> None:
        self._entity = one
        self._stop = stop
        self.port = port

    @property
    def associations(self) -> int:
        """Peers that are connected."""
        return sum(one.is_acceptor for one in self._entity.active_associations)

    def stop(self, grace_s: float) -> None:
        """Take no more associations, and wait so long for those that there are to end."""
        self._stop()
        deadline = time.monotonic() + grace_s
        while self.associations and time.monotonic() < deadline:
            time.sleep(0.05)
        self._entity.shutdown()


@contextmanager
def listening(
    node: Node, handlers: Handlers, peers: Peers, refused: Callable[[str], None]
) -> Iterator[Listening]:
    """Listen for associations: C-ECHO, and C-STORE as `handlers` say.

    Parameters
    ----------
    refused
        Called with the address of a host that may not connect.

    Raises
    ------
    PacsError
        The port cannot be had.
    """
    networks = peers.networks()

    def check_host(event: Event) -> None:
        address = ipaddress.ip_address(event.assoc.requestor.address)
        address = getattr(address, "ipv4_mapped", None) or address
        if networks and not any(address in network for network in networks):
            refused(str(address))
            event.assoc.acse.send_reject(*_NOT_WELCOME)
            event.assoc.kill()

    one = entity(node.ae_title)
    one.add_supported_context(Verification)
    one.maximum_associations = _MOST_ASSOCIATIONS
    one.require_called_aet = True
    one.require_calling_aet = list(peers.ae_titles)
    tls = node.tls.context(is_server=True) if node.tls else None
    try:
        server = one.start_server(
            (node.host, node.port),
            block=False,
            ssl_context=tls,
            evt_handlers=[*handlers, (evt.EVT_REQUESTED, check_host)],
        )
    except (OSError, OverflowError) as error:
        raise PacsError(
            f"{node.host}:{node.port} cannot be listened at ({error}). Choose another --host or "
            f"--port; ports below 1024 are root's."
        ) from None
    assert server
    open_listening = Listening(one, server.server_address[1], server.shutdown)
    try:
        yield open_listening
    finally:
        one.shutdown()


def _addresses(host: str) -> Collection[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError:
        raise PacsError(f"The host {host} is unknown. Give its address.") from None
