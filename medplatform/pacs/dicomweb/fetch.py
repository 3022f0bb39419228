"""Images of a DICOMweb server as a delivery: searched for, fetched, counted, put into landing."""

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from medplatform.lake import DISK_FULL
from medplatform.modalities.modality import Progress, silent
from medplatform.pacs.dicomweb.client import Client
from medplatform.pacs.dicomweb.retrieve import Limits, Retriever
from medplatform.pacs.dicomweb.search import Listing, Search
from medplatform.pacs.dicomweb.secret import Secret
from medplatform.pacs.draft import ROOT, Draft
from medplatform.pacs.errors import PacsError, RetrievalFailed
from medplatform.pacs.header import InstanceKey
from medplatform.pacs.index import Index
from medplatform.pacs.query import Query, Study
from medplatform.pacs.retrieval import Retrieval, close, demand_free, new_name
from medplatform.transfer.hosts import Hosts
from medplatform.transfer.private import hold_lock
from medplatform.transfer.waiting import Network

SOURCE = "dicomweb"
INSTANCE_NOT_LISTED = "is counted by the server, and not listed"
SERIES_NOT_LISTED = "a series is counted by the server, and not listed"
# A server that refuses this many instances would refuse the others too.
_MOST_FAILED = 20

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def tell_nobody(_sentence: str) -> None:
    """Notices that nobody reads."""


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
        Called with ("studies", done, found) and ("instances", done, wanted).
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
    name = delivery or new_name(SOURCE)
    demand_free(landing, name)
    digest = sha256(f"{base_url}\n{query.digest}".encode()).hexdigest()[:16]
    with ExitStack() as stack:
        lock = landing / ROOT / ".locks" / f"{SOURCE}-{digest}"
        stack.enter_context(hold_lock(lock, "fetches the same images"))
        index = stack.enter_context(Index(landing))
        client = stack.enter_context(Client(hosts, network or Network(), threading.Event(), secret))
        try:
            draft = Draft(landing / ROOT / f"{SOURCE}-{digest}")
            run = _Run(query, base_url, client, draft, index, limits or Limits(), progress, notify)
            return run.fetch(landing, name)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise PacsError(
                f"The disk of {landing} is full ({error.strerror}). Free some space and run this "
                f"again: it continues."
            ) from None


@dataclass(slots=True)
class _Work:
    """What a search found, and what of it is to be fetched, by series."""

    found: int = 0
    wanted: int = 0
    delivered_before: int = 0
    series: list[tuple[list[InstanceKey], bool]] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    is_complete: bool = True


class _Run:
    """One run of `fetch_images`."""

    def __init__(
        self,
        query: Query,
        base_url: str,
        client: Client,
        draft: Draft,
        index: Index,
        limits: Limits,
        progress: Progress,
        notify: Callable[[str], None],
    ) -> None:
        self._query = query
        self._client = client
        self._draft = draft
        self._index = index
        self._limits = limits
        self._progress = progress
        self._notify = notify
        self._search = Search(client, base_url)
        self._retriever = Retriever(client, base_url, draft, limits, self._count)
        self._lock = threading.Lock()
        self._fetched = 0
        self._wanted = 0

    def fetch(self, landing: Path, name: str) -> Retrieval:
        """Search, fetch, close."""
        work = self._find()
        self._forget_others(work)
        self._fetch(work)
        return close(
            self._draft,
            landing,
            name,
            self._index,
            source=SOURCE,
            found=work.found,
            delivered_before=work.delivered_before,
            failures=work.failures,
            remarks=work.remarks,
            is_complete=work.is_complete,
        )

    def _find(self) -> _Work:
        work = _Work()
        seen: set[InstanceKey] = set()
        studies = self._search.studies(self._query)
        with closing(self._in_parallel(self._list, self._until_full(studies, work))) as results:
            for done, listing in enumerate(results, 1):
                self._note(listing, work, seen)
                self._progress("studies", done, done)
        return work

    def _until_full(self, studies: Iterator[Study], work: _Work) -> Iterator[Study]:
        for study in studies:
            if work.wanted >= self._limits.instances:
                work.is_complete = False
                self._notify(
                    f"More than {self._limits.instances} instances are new: run this again for "
                    f"the others."
                )
                return
            yield study

    def _list(self, study: Study) -> Listing:
        return self._search.instances(study, self._query)

    def _note(self, listing: Listing, work: _Work, seen: set[InstanceKey]) -> None:
        for series in listing.series:
            keys = [key for key in series if key not in seen]
            seen.update(keys)
            missing = self._index.missing(keys)
            work.found += len(keys)
            work.delivered_before += len(keys) - len(missing)
            work.wanted += len(missing)
            if missing:
                work.series.append((missing, len(missing) == len(series)))
        work.found += listing.missing_instances
        if listing.missing_instances:
            work.failures[INSTANCE_NOT_LISTED] += listing.missing_instances
        if listing.missing_series:
            work.remarks[SERIES_NOT_LISTED] += listing.missing_series

    def _forget_others(self, work: _Work) -> None:
        """Leave out what an earlier run fetched and this one does not find any more."""
        wanted = {key for keys, _ in work.series for key in keys}
        self._draft.drop([one for one in self._draft.stored if one.key not in wanted])
        self._wanted = work.wanted
        self._fetched = len({one.key for one in self._draft.stored})
        if self._fetched:
            self._notify(f"{self._fetched} instances are here from a run before.")

    def _fetch(self, work: _Work) -> None:
        def fetch(task: tuple[list[InstanceKey], bool]) -> Counter[str]:
            keys, is_whole = task
            wanted = [key for key in keys if not self._draft.holds(key)]
            return self._retriever.fetch_series(wanted, whole=is_whole and wanted == keys)

        with closing(self._in_parallel(fetch, iter(work.series))) as results:
            for failures in results:
                work.failures += failures
                if not self._fetched and work.failures.total() >= _MOST_FAILED:
                    raise _none_given(work.failures)

    def _count(self, _key: InstanceKey) -> None:
        with self._lock:
            self._fetched += 1
            self._progress("instances", self._fetched, self._wanted)

    def _in_parallel(
        self, work: Callable[[_Task], _Result], tasks: Iterator[_Task]
    ) -> Generator[_Result, None, None]:
        """Results as they come, few tasks ahead."""
        parallel = self._client.network.parallel
        pending: set[Future[_Result]] = set()
        with ThreadPoolExecutor(parallel, thread_name_prefix="pacs") as pool:
            try:
                while True:
                    while len(pending) < 2 * parallel:
                        task = next(tasks, None)
                        if task is None:
                            break
                        pending.add(pool.submit(work, task))
                    if not pending:
                        return
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            except BaseException:
                self._client.stop.set()
                pool.shutdown(cancel_futures=True)
                raise


def _none_given(failures: Counter[str]) -> RetrievalFailed:
    reasons = ", ".join(f"{number} × {reason}" for reason, number in failures.items())
    return RetrievalFailed(
        f"The server gives none of the instances that it lists ({reasons}). Ask its operator "
        f"whether this user may read them."
    )
