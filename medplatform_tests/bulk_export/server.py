"""A Bulk Data server on loopback that misbehaves as told: real sockets, real tokens, real cuts.

What each path answers next can be replaced by a fault (`server.fail(path, fault)`), once per
request; every request is kept in `server.seen`.
"""

import gzip
import hashlib
import json
import ssl
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import jwt

Fault = Callable[["Handler"], None]

TRANSACTION_TIME = "2026-03-01T12:00:00.123Z"


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]
    at: float

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization")


@dataclass
class Job:
    """One export: answers 202 so many times, then the first page of the manifest."""

    number: int
    waits: int
    is_dropped: bool = False


class BulkServer:
    """FHIR server, authorization server and file server in one."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.name: str | None = None
        self.seen: list[Seen] = []
        self.jobs: list[Job] = []
        self.files: dict[str, bytes] = {}
        self.pages: list[dict[str, Any]] = []
        self.waits = 0
        self.status_headers: dict[str, str] = {}
        self.manifest_headers: dict[str, str] = {}
        self.is_secure = False
        self.has_ranges = True
        self.has_gzip = False
        self.token_lifetime: float = 300
        self.registered: dict[str, dict[str, Any]] = {}
        self.algorithms = ["RS384", "ES384"]
        self.refusals: list[str] = []
        self.tokens: dict[str, float] = {}
        self._nonces: set[str] = set()
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), Handler)
        self._http.owner = self
        self._scheme = "https" if tls else "http"
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
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
        """Where it says that it is: `name` stands for a host behind a proxy."""
        return f"{self._scheme}://{self.name or self.authority}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/fhir"

    @property
    def token_url(self) -> str:
        return f"{self.url}/auth/token"

    def publish(self, *pages: dict[str, Any]) -> None:
        """Set the pages of the manifest; each links to the next."""
        self.pages = [
            {"transactionTime": TRANSACTION_TIME, "requiresAccessToken": self.is_secure, **page}
            for page in pages
        ]
        for number, page in enumerate(self.pages[:-1], 2):
            page["link"] = [{"relation": "next", "url": f"{self.url}/manifest/{number}"}]

    def add(self, name: str, content: bytes, **entry: Any) -> dict[str, Any]:
        """Serve a file; returns its entry of a manifest."""
        self.files[f"/files/{name}"] = content
        return {"type": name.partition("-")[0], "url": f"{self.url}/files/{name}", **entry}

    def fail(self, path: str, *faults: Fault) -> None:
        """Let the next requests for a path end otherwise, one fault each."""
        self._faults[path].extend(faults)

    def fault_of(self, path: str) -> Fault | None:
        with self._lock:
            faults = self._faults.get(path)
            return faults.popleft() if faults else None

    def asked(self, path: str, method: str = "GET") -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path and seen.method == method]

    @property
    def kick_offs(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.path.endswith("$export")]

    def note(self, seen: Seen) -> None:
        with self._lock:
            self.seen.append(seen)

    def register(self, client_id: str, jwks: dict[str, Any]) -> None:
        self.registered[client_id] = jwks

    def expire_tokens(self) -> None:
        self.tokens.clear()

    def grant(self, form: dict[str, str]) -> dict[str, Any]:
        """A token for a good assertion (SMART Backend Services); raises ValueError otherwise."""
        assertion = form.get("client_assertion", "")
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        if form.get("grant_type") != "client_credentials" or not form.get("scope"):
            raise ValueError("invalid_request")
        if form.get("client_assertion_type") != kind:
            raise ValueError("invalid_request")
        claims = self._verify(assertion)
        if claims["jti"] in self._nonces:
            raise ValueError("replayed")
        self._nonces.add(claims["jti"])
        token = uuid.uuid4().hex
        self.tokens[token] = time.monotonic() + self.token_lifetime
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self.token_lifetime,
            "scope": form["scope"],
        }

    def _verify(self, assertion: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(assertion)
        client_id = jwt.decode(assertion, options={"verify_signature": False})["iss"]
        keys = {key["kid"]: key for key in self.registered.get(client_id, {"keys": []})["keys"]}
        if header.get("kid") not in keys or header.get("typ") != "JWT":
            raise ValueError("unknown key")
        if header["alg"] not in ("RS384", "ES384"):
            raise ValueError("algorithm")
        claims = jwt.decode(
            assertion,
            jwt.PyJWK(keys[header["kid"]], header["alg"]),
            algorithms=["RS384", "ES384"],
            audience=self.token_url,
            issuer=client_id,
            options={"require": ["iss", "sub", "aud", "exp", "jti"]},
        )
        if claims["sub"] != client_id:
            raise ValueError("subject")
        if claims["exp"] > time.time() + 300:
            raise ValueError("expires too late")
        return claims

    def knows(self, authorization: str | None) -> bool:
        scheme, _, token = (authorization or "").partition(" ")
        return scheme == "Bearer" and self.tokens.get(token, 0) > time.monotonic()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: BulkServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Http  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def _serve(self) -> None:
        owner = self.server.owner
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", 0))
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        query = {name: ",".join(values) for name, values in parse_qs(url.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = unquote(url.path)
        owner.note(Seen(self.command, path, query, headers, form, time.monotonic()))
        if fault := owner.fault_of(path):
            fault(self)
        elif path == "/fhir/.well-known/smart-configuration":
            self.send_json(
                200,
                {
                    "token_endpoint": owner.token_url,
                    "token_endpoint_auth_signing_alg_values_supported": owner.algorithms,
                },
            )
        elif path == "/fhir/metadata":
            self.send_json(200, {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
        elif path == "/auth/token":
            self._serve_token(form)
        elif path.startswith("/files/"):
            self._serve_file(path)
        elif owner.is_secure and not owner.knows(self.headers.get("Authorization")):
            self.send_outcome(401, "login")
        elif path.endswith("$export"):
            owner.jobs.append(Job(len(owner.jobs), owner.waits))
            status = f"{owner.url}/status/{len(owner.jobs) - 1}"
            self.send_body(202, b"", {"Content-Location": status})
        elif path.startswith("/status/"):
            self._serve_status(owner.jobs[int(path.rpartition("/")[2])])
        elif path.startswith("/manifest/"):
            self.send_json(200, owner.pages[int(path.rpartition("/")[2]) - 1])
        else:
            self.send_outcome(404, "not-found")

    def _serve_token(self, form: dict[str, str]) -> None:
        try:
            answer = self.server.owner.grant(form)
        except (ValueError, jwt.PyJWTError, KeyError) as error:
            self.server.owner.refusals.append(f"{type(error).__name__} {error}")
            self.send_json(400, {"error": "invalid_client", "error_description": "secret words"})
            return
        self.send_json(200, answer)

    def _serve_status(self, job: Job) -> None:
        owner = self.server.owner
        if job.is_dropped:
            self.send_outcome(404, "not-found")
        elif self.command == "DELETE":
            job.is_dropped = True
            self.send_body(202, b"")
        elif job.waits > 0:
            job.waits -= 1
            self.send_body(202, b"", owner.status_headers)
        else:
            self.send_json(200, owner.pages[0], owner.manifest_headers)

    def _serve_file(self, path: str) -> None:
        owner = self.server.owner
        must_know = owner.is_secure and owner.pages[0]["requiresAccessToken"]
        if must_know and not owner.knows(self.headers.get("Authorization")):
            self.send_outcome(401, "login")
        elif path not in owner.files:
            self.send_outcome(404, "not-found")
        else:
            self.send_file(owner.files[path])

    def send_file(self, content: bytes, *, stop_after: int | None = None) -> None:
        """A file, compressed and by parts where the server does that; `stop_after` cuts it off."""
        owner = self.server.owner
        headers = {"Content-Type": "application/fhir+ndjson"}
        if owner.has_gzip and "gzip" in self.headers.get("Accept-Encoding", ""):
            content = gzip.compress(content, mtime=0)
            headers["Content-Encoding"] = "gzip"
        status = 200
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        if owner.has_ranges:
            headers |= {"Accept-Ranges": "bytes", "ETag": etag}
            asked = self.headers.get("Range", "")
            if asked and self.headers.get("If-Range", etag) == etag:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    self.send_body(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                    return
                status = 206
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                content = content[start:]
        if stop_after is None:
            self.send_body(status, content, headers)
            return
        self.send_body(status, content, headers, stop_after=stop_after)
        self.close_connection = True

    def send_body(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        stop_after: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:stop_after])
        self.wfile.flush()

    def send_json(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json"}
        self.send_body(status, json.dumps(document).encode(), {**kind, **(headers or {})})

    def send_outcome(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        self.send_json(status, outcome(code), headers)


def outcome(code: str, severity: str = "error", text: str = "Jane Doe") -> dict[str, Any]:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "diagnostics": text}],
    }


def answer(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Fault:
    return lambda handler: handler.send_body(status, body, headers)


def answer_outcome(status: int, code: str) -> Fault:
    return lambda handler: handler.send_outcome(status, code)


def redirect(url: str, status: int = 302) -> Fault:
    return answer(status, {"Location": url})


def cut(content: bytes, after: int) -> Fault:
    """Announce the whole file, send a part of it, close the connection."""
    return lambda handler: handler.send_file(content, stop_after=after)


def hang_up(handler: Handler) -> None:
    handler.close_connection = True


@dataclass
class Stall:
    """Sends a part of a file, says so, and waits to be told to go away."""

    content: bytes
    after: int
    reached: threading.Event = field(default_factory=threading.Event)
    leave: threading.Event = field(default_factory=threading.Event)

    def __call__(self, handler: Handler) -> None:
        handler.send_file(self.content, stop_after=self.after)
        self.reached.set()
        self.leave.wait(20)
