"""WADO-RS (PS3.18, 10.4): instances as the server holds them, from the network to the disk."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from medplatform.pacs.dicomweb.multipart import Malformed, Multipart, boundary_of
from medplatform.pacs.dicomweb.search import segment
from medplatform.pacs.fetch import Connection
from medplatform.pacs.header import Header, InstanceKey, NotDicom, read_header
from medplatform.transfer.client import TRANSIENT, Client
from medplatform.transfer.errors import ServerUnavailable

# As they are stored first; servers exist that do not know `*`, or take no quotes.
_ACCEPT = (
    'multipart/related; type="application/dicom"; transfer-syntax=*',
    'multipart/related; type="application/dicom"',
    "multipart/related; type=application/dicom",
    "application/dicom",
)
_NOT_ACCEPTABLE = frozenset({400, 406, 415})


class _Unusable(Exception):
    """An answer that another attempt will not mend; the text says why."""


class _BrokeOff(Exception):
    """An answer that another attempt may mend; `headers` may say when."""

    def __init__(self, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.headers = headers or {}


class Retriever:
    """Fetches instances of one server into a draft. Safe to use from several threads."""

    def __init__(self, client: Client, base_url: str, connection: Connection) -> None:
        self._client = client
        self._base_url = base_url
        self._draft = connection.draft
        self._limits = connection.limits
        self._kept = connection.kept
        self._accept = _ACCEPT[0]

    def fetch_series(self, keys: Sequence[InstanceKey], *, whole: bool) -> Counter[str]:
        """Fetch instances of one series.

        In one answer where it is the whole series, then one by one what has not come.

        Returns
        -------
        Counter
            {reason: instances that could not be had}.

        Raises
        ------
        HostNotAllowed, AuthorizationFailed
            As `Client.stream`.
        ServerUnavailable
            The server does not answer.
        """
        if whole and len(keys) > 1:
            self._fetch_together(keys)
        reasons = (self._fetch_alone(key) for key in keys if not self._draft.holds(key))
        return Counter(reason for reason in reasons if reason)

    def _fetch_together(self, keys: Sequence[InstanceKey]) -> None:
        first = keys[0]
        url = f"{self._base_url}/studies/{segment(first.study)}/series/{segment(first.series)}"
        try:
            self._receive(url, "a series", keys)
        except (_Unusable, _BrokeOff, ServerUnavailable):
            return  # what is missing is asked for alone, which names the reason

    def _fetch_alone(self, key: InstanceKey) -> str | None:
        study, series, sop = map(segment, key)
        url = f"{self._base_url}/studies/{study}/series/{series}/instances/{sop}"
        network = self._client.network
        for turn in range(network.attempts):
            is_last = turn + 1 == network.attempts
            headers: Mapping[str, str] = {}
            try:
                self._receive(url, "an instance", [key])
                return None if self._draft.holds(key) else "was not in the answer"
            except _Unusable as error:
                return str(error)
            except _BrokeOff as error:
                if is_last:
                    return str(error)
                headers = error.headers
            except ServerUnavailable:
                if is_last:
                    raise
            self._client.pause(network.wait_s(turn, headers))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _receive(self, url: str, what: str, keys: Sequence[InstanceKey]) -> None:
        """Ask for something, and keep what comes of `keys`."""
        asked = {key.sop: key for key in keys}
        with self._answer(url, what) as response:
            _demand_images(response)
            try:
                for content in _parts(response):
                    self._keep(content, asked, is_alone=len(keys) == 1)
            except Malformed as error:
                raise _BrokeOff(str(error)) from None
            except httpx.RequestError as error:
                raise _BrokeOff(f"broke off ({type(error).__name__})") from None

    @contextmanager
    def _answer(self, url: str, what: str) -> Iterator[httpx.Response]:
        """The answer in the first form that the server gives."""
        others = [accept for accept in _ACCEPT if accept != self._accept]
        for accept in (self._accept, *others):
            headers = {"Accept": accept}
            with self._client.stream("GET", url, what=what, headers=headers) as response:
                if response.status_code in _NOT_ACCEPTABLE and accept != others[-1]:
                    continue
                if response.status_code == 200:
                    self._accept = accept
                yield response
                return

    def _keep(
        self, content: Iterator[bytes], asked: Mapping[str, InstanceKey], *, is_alone: bool
    ) -> None:
        part = self._draft.new_part()
        try:
            self._write(content, part)
            try:
                header = read_header(part)
            except NotDicom:
                raise _Unusable("is no DICOM file") from None
            key = asked.get(header.key.sop)
            if key:
                # Under the name that it was asked by: archives exist that list a study under
                # another UID than its files have.
                if self._draft.keep(part, Header(key, header.sha256)):
                    self._kept()
            elif is_alone:
                raise _Unusable("is another instance than was asked for")
        finally:
            part.unlink(missing_ok=True)

    def _write(self, content: Iterator[bytes], part: Path) -> None:
        most = self._limits.instance_bytes
        written = 0
        with part.open("wb") as stream:
            for chunk in content:
                written += len(chunk)
                if written > most:
                    raise _Unusable(f"has more than {most} bytes")
                stream.write(chunk)
                if self._client.stop.is_set():
                    self._client.pause(0)


def _demand_images(response: httpx.Response) -> None:
    status = response.status_code
    if status in TRANSIENT:
        raise _BrokeOff(f"was answered with {status}", response.headers)
    if status != 200:
        raise _Unusable(f"was answered with {status}")


def _parts(response: httpx.Response) -> Iterator[Iterator[bytes]]:
    """The files of an answer."""
    content_type = response.headers.get("Content-Type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/related":
        yield from Multipart(response.iter_bytes(), boundary_of(content_type))
    elif kind == "application/dicom":
        yield response.iter_bytes()
    else:
        raise _Unusable("was answered with something that is no DICOM")
