"""One file of an export, from the server to the delivery.

Stored as it was sent: what came compressed stays so. A file that broke off is continued where the
server names a version of it (RFC 9110, 14.2 and 13.1.5), else fetched anew.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import httpx

from medplatform.bulk_export.client import Client
from medplatform.bulk_export.content import Content, Damaged, inspect
from medplatform.bulk_export.errors import CountsDisagree, DownloadFailed
from medplatform.bulk_export.manifest import ExportFile
from medplatform.bulk_export.request import OUTPUT_FORMAT
from medplatform.bulk_export.workspace import CompleteFile, Workspace
from medplatform.transfer.client import TRANSIENT, unanswered
from medplatform.transfer.errors import ServerUnavailable

_GONE = frozenset({401, 403, 404, 410})
# What a proxy or a login page sends instead of a file.
_FOREIGN_TYPES = frozenset({"text/html", "application/xhtml+xml"})


class FileGone(DownloadFailed):
    """The server no longer gives a file at this address; a newer manifest may name another."""


class _BrokeOff(Exception):
    """The body of an answer ended early; `headers` may say when to come back."""

    def __init__(self, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.headers = headers or {}


class Downloader:
    """Fetches files into a workspace. Safe to use from several threads."""

    def __init__(self, client: Client, workspace: Workspace, *, accept_wrong_counts: bool) -> None:
        self._client = client
        self._workspace = workspace
        self._accept_wrong_counts = accept_wrong_counts

    def fetch(self, file: ExportFile) -> CompleteFile:
        """Fetch a file to the end, check it and put it in its place.

        Raises
        ------
        FileGone, DownloadFailed
            It cannot be had.
        CountsDisagree
            It is whole, fetched twice, and the manifest says otherwise.
        HostNotAllowed, AuthorizationFailed
            As `Client.stream`.
        ServerUnavailable
            The server does not answer.
        """
        part = _Part(self._workspace.parts / file.name.replace("/", "_"))
        content = self._fetch_whole(file, part)
        if _disagrees(file, content):
            part.discard()
            content = self._fetch_whole(file, part)
        problem = _disagrees(file, content)
        if problem and not self._accept_wrong_counts:
            part.discard()
            raise CountsDisagree(problem)
        stored = f"{file.name}.gz" if content.is_gzip else file.name
        target = self._workspace.delivery / stored
        target.parent.mkdir(parents=True, exist_ok=True)
        # A run that was killed may have left the file in the other form.
        (self._workspace.delivery / file.name).unlink(missing_ok=True)
        (self._workspace.delivery / f"{file.name}.gz").unlink(missing_ok=True)
        part.path.replace(target)
        part.discard()
        return CompleteFile(
            name=file.name,
            stored=stored,
            sha256=content.sha256,
            bytes=content.bytes,
            lines=content.lines,
            problem=problem,
        )

    def _fetch_whole(self, file: ExportFile, part: "_Part") -> Content:
        """Fetch until the file is whole; only failures without progress count."""
        network = self._client.network
        failures = 0
        longest = part.size
        while True:
            try:
                self._fetch_once(file, part)
                return _inspect(part)
            except (_BrokeOff, ServerUnavailable) as error:
                failures = 0 if part.size > longest else failures + 1
                longest = max(longest, part.size)
                if failures >= network.attempts:
                    if isinstance(error, ServerUnavailable):
                        raise
                    raise DownloadFailed(f"{error}, {failures} times in a row") from None
                headers = error.headers if isinstance(error, _BrokeOff) else {}
            self._client.pause(network.wait_s(max(failures - 1, 0), headers))

    def _fetch_once(self, file: ExportFile, part: "_Part") -> None:
        what = f"a file of {file.resource_type}"
        headers = {"Accept": OUTPUT_FORMAT, **part.range_headers()}
        with self._client.stream(
            "GET", file.url, what=what, headers=headers, authorize=file.authorize
        ) as response:
            if part.is_whole(response):
                return
            _demand_file(response)
            offset = part.begin(response)
            expected = _length(response, offset)
            try:
                with part.path.open("ab") as stream:
                    for chunk in response.iter_raw():
                        stream.write(chunk)
                        stream.flush()  # what has come is not asked for again after a kill
                        if self._client.stop.is_set():
                            self._client.pause(0)
            except httpx.RequestError as error:
                if part.size == offset:
                    raise unanswered(error, what) from None
                raise _BrokeOff(f"broke off ({type(error).__name__})") from None
        if expected is not None and part.size != expected:
            raise _BrokeOff("has another length than the server says")


class _Part:
    """A file that is not whole yet, and the version of it that the server named."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version = path.with_name(f"{path.name}.version")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    def range_headers(self) -> dict[str, str]:
        """What asks for the rest, if there is a part of a version that can be told from others."""
        version = self._read_version()
        if not self.size or not version:
            self.discard()
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": version["validator"]}

    def is_whole(self, response: httpx.Response) -> bool:
        """Whether the server has nothing to add. Raises where it cannot add to this part."""
        if response.status_code != 416:
            return False
        if response.headers.get("Content-Range") == f"bytes */{self.size}":
            return True
        self.discard()
        raise _BrokeOff("was not continued by the server")

    def begin(self, response: httpx.Response) -> int:
        """Make ready for a body; returns from which byte on it is."""
        headers = response.headers
        if response.status_code == 206:
            version = self._read_version() or {}
            begins = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
            if (
                begins
                and int(begins[1]) == self.size
                and headers.get("Content-Encoding", "") == version.get("encoding")
            ):
                return self.size
            self.discard()
            raise _BrokeOff("was continued at another place than asked for")
        self.discard()
        if validator := _validator(headers):
            version = {"validator": validator, "encoding": headers.get("Content-Encoding", "")}
            self._version.write_text(json.dumps(version))
        self.path.touch()
        return 0

    def _read_version(self) -> dict[str, str] | None:
        try:
            return json.loads(self._version.read_bytes())
        except (FileNotFoundError, ValueError):
            return None


def _validator(headers: Mapping[str, str]) -> str | None:
    """What names this version beyond doubt: a strong ETag, or else a date, where parts are given.

    A weak ETag is no ground to join parts (RFC 9110, 13.1.5).
    """
    if headers.get("Accept-Ranges", "").lower() != "bytes":
        return None
    etag = headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    return None if etag else headers.get("Last-Modified")


def _demand_file(response: httpx.Response) -> None:
    status = response.status_code
    if status in TRANSIENT:
        raise _BrokeOff(f"was answered with {status}", response.headers)
    if status in _GONE:
        raise FileGone(f"was answered with {status}")
    if status not in (200, 206):
        raise DownloadFailed(f"was answered with {status}")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in _FOREIGN_TYPES:
        raise DownloadFailed("was answered with a web page instead of a file")
    if response.headers.get("Content-Encoding", "").lower() not in ("", "identity", "gzip"):
        raise DownloadFailed("came in a compression that was not asked for")


def _length(response: httpx.Response, offset: int) -> int | None:
    text = response.headers.get("Content-Length", "")
    return offset + int(text) if text.isdigit() else None


def _inspect(part: _Part) -> Content:
    try:
        return inspect(part.path)
    except Damaged:
        part.discard()
        raise _BrokeOff("holds damaged gzip data") from None


def _disagrees(file: ExportFile, content: Content) -> str | None:
    """In which way a whole file is not what the manifest announces."""
    if file.count is not None and file.count != content.lines:
        return f"the manifest counts {file.count} resources, the file has {content.lines}"
    # The guide does not say whether the size is that of the file or of what is sent.
    if file.size is not None and file.size not in (content.bytes, content.plain_bytes):
        return f"the manifest says {file.size} bytes, the file has {content.plain_bytes}"
    return None
