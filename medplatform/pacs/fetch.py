"""What every way of fetching images has in common: search, leave out, fetch, count, deliver."""

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

from medplatform.lake import DISK_FULL
from medplatform.modalities.modality import Progress, silent
from medplatform.pacs.draft import ROOT, Draft
from medplatform.pacs.errors import PacsError, RetrievalFailed
from medplatform.pacs.header import InstanceKey
from medplatform.pacs.index import Index
from medplatform.pacs.query import Listing, Query, Study
from medplatform.pacs.retrieval import Retrieval, close, demand_free, new_name
from medplatform.transfer.private import hold_lock

INSTANCE_NOT_LISTED = "is counted by the server, and not listed"
SERIES_NOT_LISTED = "a series is counted by the server, and not listed"
# A server that refuses this many instances would refuse the others too.
_MOST_FAILED = 20

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one retrieval may bring.

    Parameters
    ----------
    instance_bytes
        The largest instance.
    instances
        After so many, no more studies are looked through; the next run continues.
    """

    instance_bytes: int = 16 << 30
    instances: int = 100_000


class Source(Protocol):
    """A PACS, asked in one of its languages.

    `name` ends the names of deliveries; `parallel` says how many threads may use it; `remarks`
    fills with what it has to say, as {remark: times}.
    """

    name: str
    parallel: int
    remarks: Counter[str]

    def studies(self, query: Query) -> Iterator[Study]:
        """The studies that a query may find images in, each once."""
        ...

    def instances(self, study: Study, query: Query) -> Listing:
        """The instances of a study that a query asks for, each once."""
        ...

    def fetch_series(self, keys: Sequence[InstanceKey], *, whole: bool) -> Counter[str]:
        """Fetch instances of one series into the draft; {reason: instances that did not come}."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """What a source is given: where its files go, what they may be, how it hears of an end.

    `kept` is called once for each instance that the draft has taken.
    """

    draft: Draft
    limits: Limits
    stop: threading.Event
    kept: Callable[[], None]


Connect = Callable[[Connection], AbstractContextManager[Source]]
"""Opens a source."""


def tell_nobody(_sentence: str) -> None:
    """Notices that nobody reads."""


def fetch(
    connect: Connect,
    query: Query,
    *,
    address: str,
    landing: Path,
    delivery: str | None = None,
    limits: Limits | None = None,
    progress: Progress = silent,
    notify: Callable[[str], None] = tell_nobody,
) -> Retrieval:
    """Fetch into landing, as a closed delivery, what a PACS has and no delivery brought yet.

    Parameters
    ----------
    address
        What the PACS is told by: a run with the same one and the same query continues one that was
        killed.

    Raises
    ------
    TransferError
        It did not come to its end; the subclass says how, the message what to do.
    DeliveryError
        The name of the delivery is unusable or taken.
    """
    if delivery:
        demand_free(landing, delivery)
    digest = sha256(f"{address}\n{query.digest}".encode()).hexdigest()[:16]
    with ExitStack() as stack:
        lock = landing / ROOT / ".locks" / f"fetch-{digest}"
        stack.enter_context(hold_lock(lock, "fetches the same images"))
        index = stack.enter_context(Index(landing))
        try:
            draft = Draft(landing / ROOT / f"fetch-{digest}")
            run = _Run(query, draft, index, limits or Limits(), progress, notify)
            source = stack.enter_context(connect(run.connection))
            return run.fetch(source, landing, delivery or new_name(source.name))
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
    """One run of `fetch`."""

    def __init__(
        self,
        query: Query,
        draft: Draft,
        index: Index,
        limits: Limits,
        progress: Progress,
        notify: Callable[[str], None],
    ) -> None:
        self.connection = Connection(draft, limits, threading.Event(), self._count)
        self._query = query
        self._draft = draft
        self._index = index
        self._limits = limits
        self._progress = progress
        self._notify = notify
        self._lock = threading.Lock()
        self._fetched = 0
        self._wanted = 0

    def fetch(self, source: Source, landing: Path, name: str) -> Retrieval:
        """Search, fetch, close."""
        work = self._find(source)
        self._forget_others(work)
        self._fetch(source, work)
        return close(
            self._draft,
            landing,
            name,
            self._index,
            source=source.name,
            found=work.found,
            delivered_before=work.delivered_before,
            failures=work.failures,
            remarks=work.remarks + source.remarks,
            is_complete=work.is_complete,
        )

    def _find(self, source: Source) -> _Work:
        def list_study(study: Study) -> Listing:
            return source.instances(study, self._query)

        work = _Work()
        seen: set[InstanceKey] = set()
        studies = self._until_full(source.studies(self._query), work)
        with closing(self._in_parallel(source.parallel, list_study, studies)) as results:
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

    def _fetch(self, source: Source, work: _Work) -> None:
        def fetch_series(task: tuple[list[InstanceKey], bool]) -> Counter[str]:
            keys, is_whole = task
            wanted = [key for key in keys if not self._draft.holds(key)]
            whole = is_whole and wanted == keys
            return source.fetch_series(wanted, whole=whole) if wanted else Counter()

        tasks = iter(work.series)
        with closing(self._in_parallel(source.parallel, fetch_series, tasks)) as results:
            for failures in results:
                work.failures += failures
                if not self._fetched and work.failures.total() >= _MOST_FAILED:
                    raise _none_given(work.failures)

    def _count(self) -> None:
        with self._lock:
            self._fetched += 1
            self._progress("instances", self._fetched, self._wanted)

    def _in_parallel(
        self, parallel: int, work: Callable[[_Task], _Result], tasks: Iterator[_Task]
    ) -> Generator[_Result, None, None]:
        """Results as they come, few tasks ahead."""
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
                self.connection.stop.set()
                pool.shutdown(cancel_futures=True)
                raise


def _none_given(failures: Counter[str]) -> RetrievalFailed:
    reasons = ", ".join(f"{number} × {reason}" for reason, number in failures.items())
    return RetrievalFailed(
        f"The server gives none of the instances that it lists ({reasons}). Ask its operator "
        f"whether this user may read them."
    )
