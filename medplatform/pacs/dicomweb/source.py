"""A DICOMweb server as a source of images."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from medplatform.modalities.modality import Progress, silent
from medplatform.pacs.dicomweb.retrieve import Retriever
from medplatform.pacs.dicomweb.search import Search
from medplatform.pacs.dicomweb.secret import Secret
from medplatform.pacs.fetch import Connection, Limits, fetch, tell_nobody
from medplatform.pacs.query import Query
from medplatform.pacs.retrieval import Retrieval
from medplatform.transfer import client
from medplatform.transfer.hosts import Hosts
from medplatform.transfer.waiting import Network


def fetch_images(
    query: Query,
    *,
    base_url: str,
    landing: Path,
    delivery: str | None = None,
    secret: Secret | None = None,
    allowed_hosts: Iterable[str] = (),
    network: Network | None = None,
    limits: Limits | None = None,
    progress: Progress = silent,
    notify: Callable[[str], None] = tell_nobody,
) -> Retrieval:
    """Fetch into landing, as a closed delivery, what a server has and no delivery brought yet.

    Run again after it was killed, it continues: what was fetched is not fetched again. An instance
    that could not be had is named by its reason and asked for by the next run.

    Parameters
    ----------
    base_url
        The DICOMweb service, e.g. `https://pacs.example.org/dicom-web`.
    landing
        Root of landing; the delivery is `landing/imaging/<delivery>`.
    delivery
        Its name. Default: one that sorts by time.
    secret
        Default: none is shown, for servers that need none.
    allowed_hosts
        Hosts beside that of the server which it may redirect to, as `host`, `host:port` or
        `http://host:port`.
    progress
        Called with ("studies", done, done) and ("instances", done, wanted).
    notify
        Called with sentences for people.

    Raises
    ------
    TransferError
        It did not come to its end; the subclass says how, the message what to do.
    DeliveryError
        The name of the delivery is unusable or taken.
    """
    base_url = base_url.rstrip("/")
    hosts = Hosts(base_url, allowed_hosts)

    @contextmanager
    def connect(connection: Connection) -> Iterator[_DicomWeb]:
        with _Client(hosts, network or Network(), connection.stop, secret) as opened:
            yield _DicomWeb(opened, base_url, connection)

    return fetch(
        connect,
        query,
        address=base_url,
        landing=landing,
        delivery=delivery,
        limits=limits,
        progress=progress,
        notify=notify,
    )


class _Client(client.Client):
    """Speaks to a DICOMweb server and the hosts that it may redirect to."""

    def refusal(self, what: str) -> str:
        """What to say where the server does not take the password or token."""
        return (
            f"The server does not take the password or token for {what}. Check the user and the "
            f"file, and ask its operator whether they may read."
        )


class _DicomWeb:
    """One server, while images are fetched from it."""

    def __init__(self, opened: client.Client, base_url: str, connection: Connection) -> None:
        search = Search(opened, base_url)
        self.name = "dicomweb"
        self.parallel = opened.network.parallel
        self.remarks: Counter[str] = Counter()
        self.studies = search.studies
        self.instances = search.instances
        self.fetch_series = Retriever(opened, base_url, connection).fetch_series
