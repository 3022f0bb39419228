"""A FHIR Bulk Data export as a delivery: asked for, fetched, checked, put into landing."""

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from medplatform.bulk_export import history, job
from medplatform.bulk_export.client import Client
from medplatform.bulk_export.credentials import Credentials
from medplatform.bulk_export.delivered import (
    FetchedExport,
    read_export,
    summarise,
    write_export,
)
from medplatform.bulk_export.download import Downloader
from medplatform.bulk_export.errors import ExportError, ExportExpired, ExportFailed
from medplatform.bulk_export.files import Missing, fetch_files
from medplatform.bulk_export.job import Notify
from medplatform.bulk_export.manifest import ExportFile, list_files, transaction_time
from medplatform.bulk_export.request import ExportRequest
from medplatform.bulk_export.source import choose_source
from medplatform.bulk_export.workspace import (
    State,
    Workspace,
    find_unfinished,
    lock_request,
    open_workspace,
)
from medplatform.lake import DISK_FULL
from medplatform.modalities.delivery import CLOSED, DeliveryError, check_name
from medplatform.modalities.modality import Progress, silent
from medplatform.modalities.options import read_options
from medplatform.transfer.hosts import Hosts
from medplatform.transfer.waiting import Network

MODALITY = "ehr"


def tell_nobody(_sentence: str) -> None:
    """Notices that nobody reads."""


def fetch_export(
    request: ExportRequest,
    *,
    landing: Path,
    delivery: str | None = None,
    source: str | None = None,
    credentials: Credentials | None = None,
    allowed_hosts: Iterable[str] = (),
    network: Network | None = None,
    accept_wrong_counts: bool = False,
    progress: Progress = silent,
    notify: Notify = tell_nobody,
) -> FetchedExport:
    """Fetch an export of a FHIR server into landing as a closed delivery.

    Run again after it was killed, it continues: the server is not asked for another export, and
    what was fetched is not fetched again. Run again after it has delivered, it only says what.
    An interruption (KeyboardInterrupt and the like) drops the export at the server.

    Parameters
    ----------
    landing
        Root of landing; the delivery is `landing/ehr/<delivery>`.
    delivery
        Its name. Default: that of an unfinished export with the same request, else a new one that
        sorts by time.
    source
        What the lake calls the server: one name for one server. Default: what it called it at its
        latest export, else a name made of its host and path.
    credentials
        Default: no access token is sent, for servers that need none.
    allowed_hosts
        Hosts beside that of the FHIR server, as `host`, `host:port` or `http://host:port`.
    accept_wrong_counts
        Deliver files that hold another number of resources than the manifest says.
    progress
        Called with ("export", percent, 100), ("manifest", pages, pages) and ("download", files,
        files).
    notify
        Called with sentences for people: what the server says of its progress, what begins anew.

    Raises
    ------
    TransferError
        It did not come to its end; the subclass says how, the message what to do.
    DeliveryError
        The name of the delivery or that of the server is unusable.
    """
    hosts = Hosts(request.base_url, allowed_hosts)
    source = read_options(None, {"source": source}).source
    network = network or Network()
    with ExitStack() as stack:
        # Before there is a name: else two that begin at once would be two exports.
        stack.enter_context(lock_request(landing, request.digest))
        name = delivery or find_unfinished(landing, request.digest) or _new_name(request)
        check_name(MODALITY, name)
        workspace = stack.enter_context(open_workspace(landing, name))
        client = stack.enter_context(
            Client(request.base_url, hosts, credentials, network, threading.Event())
        )
        export = _Export(request, landing, name, source, workspace, client, progress, notify)
        try:
            return export.run(accept_wrong_counts=accept_wrong_counts)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise ExportError(
                f"The disk of {landing} is full ({error.strerror}). Free some space and run this "
                f"again: it continues."
            ) from None
        except BaseException as error:
            if not isinstance(error, Exception):
                export.drop()
            raise


class _Export:
    """One run of `fetch_export`."""

    def __init__(
        self,
        request: ExportRequest,
        landing: Path,
        name: str,
        source: str | None,
        workspace: Workspace,
        client: Client,
        progress: Progress,
        notify: Notify,
    ) -> None:
        self._request = request
        self._landing = landing
        self._name = name
        self._source = source
        self._workspace = workspace
        self._client = client
        self._progress = progress
        self._notify = notify
        self._target = landing / MODALITY / name

    def run(self, *, accept_wrong_counts: bool) -> FetchedExport:
        """Continue an export, or begin one."""
        state = self._workspace.load()
        if self._target.exists():
            return self._close(state, self._delivered())
        self._demand_same(state)
        if state and job.has_expired(state.expires_at):
            self._begin_anew("is older than the server keeps its files")
            state = None
        is_continued = state is not None
        while True:
            try:
                state = self._await_manifest(state or self._begin())
                fetched = self._fetch(state, accept_wrong_counts)
            except ExportExpired:
                self._workspace.clear()
                if not is_continued:
                    raise
                self._begin_anew("is forgotten at the server")
                state, is_continued = None, False
            except ExportFailed:
                self._workspace.clear()
                raise
            else:
                return self._close(state, self._publish(fetched))

    def drop(self) -> None:
        """Give the export up, here and at the server."""
        if state := self._workspace.load():
            job.drop(self._client, state.status_url)
        self._workspace.clear()

    def _delivered(self) -> FetchedExport:
        fetched = read_export(self._target)
        if fetched is None or fetched.digest != self._request.digest:
            raise DeliveryError(
                f"Delivery {MODALITY}/{self._name} is there already, and not from this export. "
                f"Deliveries never change: choose another --delivery."
            )
        return fetched

    def _demand_same(self, state: State | None) -> None:
        if state and state.digest != self._request.digest:
            raise ExportError(
                f"An unfinished export {self._name} asked for something else. Finish it with the "
                f"options that it began with, choose another --delivery, or remove "
                f"{self._workspace.root}"
            )

    def _begin_anew(self, why: str) -> None:
        self._workspace.clear()
        self._notify(f"The unfinished export {self._name} {why}: a new one begins.")

    def _begin(self) -> State:
        version = job.fhir_version(self._client, self._request.base_url)
        status_url = job.kick_off(self._client, self._request)
        state = State(
            digest=self._request.digest,
            request=self._request.model_dump(mode="json", exclude_defaults=True),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            status_url=status_url,
            fhir_version=version,
        )
        self._workspace.save(state)
        return state

    def _await_manifest(self, state: State) -> State:
        if state.pages is None:
            state.pages, state.expires_at = job.wait_for_manifest(
                self._client, state.status_url, progress=self._progress, notify=self._notify
            )
            self._workspace.save(state)
        return state

    def _fetch(self, state: State, accept_wrong_counts: bool) -> FetchedExport:
        """Fetch what is missing, and once more where a newer manifest names other addresses."""
        downloader = Downloader(
            self._client, self._workspace, accept_wrong_counts=accept_wrong_counts
        )
        files = self._files(state)
        missing = self._fetch_missing(files, downloader)
        if missing.gone:
            self._renew_addresses(state, files)
            files = self._files(state)
            missing = self._fetch_missing(files, downloader)
        missing.demand_none(len(files), str(self._workspace.root))
        return summarise(
            files,
            self._workspace.complete_files(),
            self._workspace.delivery,
            delivery=self._name,
            transaction_time=transaction_time(state.pages or []),
            fhir_version=state.fhir_version,
            digest=state.digest,
            request=state.request,
            source=choose_source(self._landing, self._request.base_url, self._source, self._notify),
        )

    def _files(self, state: State) -> list[ExportFile]:
        """The files of the manifest, none of them at a foreign host."""
        files = list_files(state.pages or [])
        for file in files:
            self._client.hosts.check(file.url, f"a file of {file.resource_type}")
        return files

    def _fetch_missing(self, files: list[ExportFile], downloader: Downloader) -> Missing:
        complete = self._workspace.verified_files()
        wanted = [file for file in files if file.name not in complete]
        return fetch_files(
            wanted, downloader, self._workspace, self._client, self._progress, len(files)
        )

    def _renew_addresses(self, state: State, files: list[ExportFile]) -> None:
        pages, state.expires_at = job.wait_for_manifest(
            self._client, state.status_url, progress=self._progress, notify=self._notify
        )
        if [file.name for file in list_files(pages)] != [file.name for file in files]:
            raise ExportExpired(
                "The server now lists other files for the export. Run this again: it begins a new "
                "one."
            )
        state.pages = pages
        self._workspace.save(state)

    def _publish(self, fetched: FetchedExport) -> FetchedExport:
        if fetched.delivery:
            write_export(self._workspace.delivery, fetched)
            (self._workspace.delivery / CLOSED).touch()
            self._workspace.publish(self._target)
        else:
            self._notify("The export holds no resources: there is nothing to deliver.")
        return fetched

    def _close(self, state: State | None, fetched: FetchedExport) -> FetchedExport:
        """What is left to do once the delivery is there; all of it may be done twice."""
        if state:
            job.drop(self._client, state.status_url)
        if not fetched.is_complete:
            self._notify(
                "The export is not complete (see its issues): the next one with --since last asks "
                "for the same time again."
            )
        elif not history.note_complete_export(
            self._landing, self._request, fetched.transaction_time, self._name, fetched.source
        ):
            self._notify(
                "The export began later than the one before it ended: the next one with --since "
                "last begins where that one ended."
            )
        self._workspace.clear()
        return fetched


def _new_name(request: ExportRequest) -> str:
    return f"export-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{request.digest[:6]}"
