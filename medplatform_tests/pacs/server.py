"""A DICOMweb server on loopback that misbehaves as told.

It serves the files that it is given. What a path answers next can be replaced by a fault
(`server.fail(path, fault)`), once per request; every request is kept in `server.seen`.
"""

import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydicom import dcmread

Fault = Callable[["Handler"], None]
BOUNDARY = "here"


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Held:
    """An instance."""

    study: str
    series: str
    sop: str
    modality: str
    content: bytes


class DicomWebServer:
    """Studies, series and instances, and the ways in which a server can be wrong about them."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.held: list[Held] = []
        self.accepted: str | None = None
        self.authorization: str | None = None
        self.pages = True
        self.most_of_a_page = 1000
        self.uncounted = 0
        self.has_series = True
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.authority}/dicom-web"

    def hold(self, paths: Iterable[Path]) -> None:
        for path in paths:
            ds = dcmread(path)
            self.held.append(
                Held(
                    ds.StudyInstanceUID,
                    ds.SeriesInstanceUID,
                    ds.SOPInstanceUID,
                    ds.Modality,
                    path.read_bytes(),
                )
            )

    def path_of(self, number: int) -> str:
        """The path of an instance."""
        one = self.held[number]
        return f"/studies/{one.study}/series/{one.series}/instances/{one.sop}"

    def fail(self, path: str, *faults: Fault) -> None:
        """Let the next requests for a path end otherwise, one fault each."""
        self._faults[path].extend(faults)

    def fault_of(self, path: str) -> Fault | None:
        with self._lock:
            faults = self._faults.get(path)
            return faults.popleft() if faults else None

    def asked(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]

    def note(self, seen: Seen) -> None:
        with self._lock:
            self.seen.append(seen)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: DicomWebServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Http  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        owner = self.server.owner
        url = urlsplit(self.path)
        path = unquote(url.path).removeprefix("/dicom-web")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner.note(Seen(path, query, headers))
        if fault := owner.fault_of(path):
            fault(self)
        elif owner.authorization and headers.get("authorization") != owner.authorization:
            self.send(401, b"")
        else:
            self._serve(path.strip("/").split("/"), query, headers)

    def _serve(self, parts: list[str], query: dict[str, str], headers: dict[str, str]) -> None:
        held = self.server.owner.held
        match parts:
            case ["studies"]:
                found = [study(uid, held) for uid in sorted({one.study for one in held})]
                self._send_page(found, query)
            case ["studies", uid, "series"]:
                mine = [one for one in held if one.study == uid]
                extra = self.server.owner.uncounted
                names = sorted({one.series for one in mine})
                self._send_page([series(name, mine, extra) for name in names], query)
            case ["studies", uid, "series", name, "instances"]:
                mine = [one for one in held if (one.study, one.series) == (uid, name)]
                self._send_page([{"00080018": value("UI", one.sop)} for one in mine], query)
            case ["studies", uid, "series", name, *rest]:
                mine = [one for one in held if (one.study, one.series) == (uid, name)]
                if rest:
                    mine = [one for one in mine if one.sop == rest[1]]
                elif not self.server.owner.has_series:
                    mine = []
                self._send_images(mine, headers.get("accept", ""))
            case _:
                self.send(404, b"")

    def _send_page(self, found: list[dict[str, Any]], query: dict[str, str]) -> None:
        owner = self.server.owner
        if owner.pages:
            start = int(query["offset"])
            found = found[start : start + min(int(query["limit"]), owner.most_of_a_page)]
        else:
            found = found[: owner.most_of_a_page]
        if found:
            self.send(200, json.dumps(found).encode(), {"Content-Type": "application/dicom+json"})
        else:
            self.send(204, b"")

    def _send_images(self, held: list[Held], accept: str) -> None:
        accepted = self.server.owner.accepted
        if accepted is not None and accept != accepted:
            self.send(406, b"")
        elif not held:
            self.send(404, b"")
        else:
            self.send_images([one.content for one in held])

    def send_images(self, contents: list[bytes], *, stop_after: int | None = None) -> None:
        """Several files; `stop_after` cuts the answer off, without saying how long it would be."""
        parts = [
            f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + content + b"\r\n"
            for content in contents
        ]
        body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
        self.send_response(200)
        kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[:stop_after])
        self.close_connection = True

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)


def value(vr: str, content: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": [content]}


def study(uid: str, held: list[Held]) -> dict[str, Any]:
    mine = [one for one in held if one.study == uid]
    return {
        "0020000D": value("UI", uid),
        "00100020": value("LO", "P1"),
        "00201206": value("IS", len({one.series for one in mine})),
        # Where a server would say that it is; nobody should go there.
        "00081190": value("UR", "http://192.0.2.1/elsewhere"),
    }


def series(uid: str, held: list[Held], uncounted: int) -> dict[str, Any]:
    mine = [one for one in held if one.series == uid]
    return {
        "0020000E": value("UI", uid),
        "00080060": value("CS", mine[0].modality),
        "00201209": value("IS", len({one.sop for one in mine}) + uncounted),
    }


def answer(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Fault:
    return lambda handler: handler.send(status, body, headers)


def redirect(url: str) -> Fault:
    return answer(302, {"Location": url})


def images(*contents: bytes, stop_after: int | None = None) -> Fault:
    return lambda handler: handler.send_images(list(contents), stop_after=stop_after)


def hang_up(handler: Handler) -> None:
    handler.close_connection = True
