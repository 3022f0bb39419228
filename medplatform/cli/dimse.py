"""`medplatform pull` and `medplatform receive`: images of DICOM peers."""

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from medplatform.cli.pacs import (
    FILE,
    QUERY_OPTIONS,
    QueryOptions,
    show_retrieval,
    with_options,
)
from medplatform.cli.terminal import installation_of_settings, progress_bars

if TYPE_CHECKING:
    from medplatform.pacs.dimse import Tls

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TLS_OPTIONS = (
    click.option("--tls", is_flag=True, help="Encrypt, and check the peer's certificate."),
    click.option("--ca-file", type=FILE, help="Certificates (PEM) of the authorities to trust."),
    click.option("--cert-file", type=FILE, help="Certificate (PEM) of this node."),
    click.option("--key-file", type=FILE, help="Its private key (PEM)."),
)
_OWN_TITLE = click.option(
    "--own-aet", default="MEDPLATFORM", show_default=True, help="AE title of this node."
)


@click.command()
@click.option("--aet", required=True, metavar="TITLE", help="AE title of the peer.")
@click.option("--host", required=True, help="Its address.")
@click.option("--port", default=104, show_default=True, help="Its port.")
@_OWN_TITLE
@click.option("--move", is_flag=True, help="Use C-MOVE instead of C-GET.")
@click.option(
    "--listen",
    default="127.0.0.1:11112",
    show_default=True,
    metavar="HOST:PORT",
    help="Where objects come in with --move, as the peer knows this node.",
)
@click.option(
    "--allow-host",
    "senders",
    metavar="HOST",
    multiple=True,
    help="Address or network that may send there, instead of the peer's host alone.",
)
@click.option("--since", metavar="DATE", help="Only studies from this date on.")
@with_options(QUERY_OPTIONS)
@with_options(_TLS_OPTIONS)
@click.option("--delivery", "-d", "name", help="Name of the delivery, without identifiers.")
def pull(
    aet: str,
    host: str,
    port: int,
    own_aet: str,
    move: bool,
    listen: str,
    senders: tuple[str, ...],
    name: str | None,
    **options: Any,
) -> None:
    """Fetch what is new at a DICOM peer into landing, by C-FIND and C-GET.

    What it brings is a closed delivery, which the delivery sensor or `medplatform ingest imaging`
    reads. Exit code 3: instances could not be had, which the next run asks for again.
    """
    from medplatform.pacs.dimse import Node, Peer, pull_images

    tls = _tls(options)
    own_host, _, own_port = listen.rpartition(":")
    if not own_host or not own_port.isdigit():
        raise click.UsageError("--listen is written as HOST:PORT.")
    query = QueryOptions.take(options).query()
    installation = installation_of_settings()
    with progress_bars() as progress:
        retrieval = pull_images(
            query,
            peer=Peer(ae_title=aet, host=host, port=port, tls=tls),
            node=Node(ae_title=own_aet, host=own_host, port=int(own_port), tls=tls),
            landing=installation.settings.landing,
            move=move,
            senders=senders,
            delivery=name,
            progress=progress,
            notify=click.echo,
        )
    show_retrieval(retrieval)
    sys.exit(3 if retrieval.failed else 0)


@click.command()
@click.option("--aet", default="MEDPLATFORM", show_default=True, help="AE title of this node.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=11112, show_default=True, help="Port to listen on.")
@click.option(
    "--allow-aet", "ae_titles", metavar="TITLE", multiple=True, help="Peer that may send."
)
@click.option(
    "--allow-host", "hosts", metavar="HOST", multiple=True, help="Address or network of such."
)
@click.option(
    "--quiet",
    "quiet_s",
    default=30.0,
    show_default=True,
    help="Seconds without objects and peers after which a delivery is closed.",
)
@click.option(
    "--delivery-gib", default=8.0, show_default=True, help="Size at which a delivery is closed."
)
@click.option(
    "--reserve-gib", default=1.0, show_default=True, help="Free space below which is refused."
)
@with_options(_TLS_OPTIONS)
def receive(
    aet: str,
    host: str,
    port: int,
    ae_titles: tuple[str, ...],
    hosts: tuple[str, ...],
    quiet_s: float,
    delivery_gib: float,
    reserve_gib: float,
    **options: Any,
) -> None:
    """Receive what DICOM peers send (C-STORE), as deliveries in landing; Ctrl-C ends it.

    Objects of all classes and transfer syntaxes are taken as they are. One is confirmed once it is
    on the disk, and refused with 0xA700 where space runs out.
    """
    from medplatform.pacs.dimse import Node, Peers, Receiver, Rules

    if host not in _LOOPBACK and not hosts:
        click.secho(
            "Every host that reaches this port may send. Restrict them with --allow-host.",
            fg="yellow",
            err=True,
        )
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    receiver = Receiver(
        installation_of_settings().settings.landing,
        Node(ae_title=aet, host=host, port=port, tls=_tls(options)),
        Rules(
            peers=Peers(ae_titles=ae_titles, hosts=hosts),
            quiet_s=quiet_s,
            delivery_bytes=int(delivery_gib * (1 << 30)),
            reserve_bytes=int(reserve_gib * (1 << 30)),
        ),
        delivered=lambda one: click.echo(f"Delivered imaging/{one.delivery}: {one.fetched}"),
        notify=click.echo,
    )
    receiver.run(stop, lambda used: click.echo(f"{aet} listens at {host}:{used}."))


def _tls(options: dict[str, Any]) -> "Tls | None":
    """TLS as typed; takes its options out."""
    from medplatform.pacs.dimse import Tls

    wanted = options.pop("tls")
    files = {name: options.pop(name) for name in ("ca_file", "cert_file", "key_file")}
    if not wanted and any(files.values()):
        raise click.UsageError("Certificates and keys belong to --tls.")
    return Tls(**files) if wanted else None
