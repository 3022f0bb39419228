"""Requests to the servers of an export: only allowed ones, and the token only where it belongs."""

import logging
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self
from urllib.parse import urljoin

import httpx

from medplatform import __version__
from medplatform.bulk_export.authorization import TokenSource
from medplatform.bulk_export.credentials import Credentials
from medplatform.bulk_export.errors import (
    AuthorizationFailed,
    CertificateRefused,
    ExportError,
    ExportFailed,
    ServerUnavailable,
)
from medplatform.bulk_export.hosts import Hosts, origin_of
from medplatform.bulk_export.outcome import count_issues, is_transient
from medplatform.bulk_export.reply import Form, Reply
from medplatform.bulk_export.waiting import Network

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
# A manifest of a million files has about 300 MB.
_MOST_BODY_BYTES = 1 << 30
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Client:
    """Speaks to the FHIR server, its authorization server and its file servers.

    Safe to use from several threads. `stop` ends every wait.
    """

    def __init__(
        self,
        base_url: str,
        hosts: Hosts,
        credentials: Credentials | None,
        network: Network,
        stop: threading.Event,
    ) -> None:
        self.network = network
        self.stop = stop
        self.hosts = hosts
        self._tokens = TokenSource(base_url, credentials, self._ask_openly) if credentials else None
        self._http = httpx.Client(
            verify=_trust(network),
            proxy=network.proxy,
            timeout=network.timeout_s,
            trust_env=False,
            headers={
                "User-Agent": f"medplatform/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
            },
        )
        # It logs each URL, and the URL of a file can be all that is needed to read it.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("httpcore").setLevel(logging.WARNING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        form: Form | None = None,
        authorize: bool = True,
    ) -> Iterator[httpx.Response]:
        """Send one request and give the answer with its body unread.

        Parameters
        ----------
        what
            Names in errors what the URL stands for.
        authorize
            Whether the access token goes along, renewed once where the server refuses it.

        Raises
        ------
        HostNotAllowed
            The URL, or one that it redirects to, leads elsewhere than configured.
        AuthorizationFailed
            There is no token, or the server takes none.
        ServerUnavailable
            No answer.
        """
        token = self._tokens.current() if self._tokens and authorize else None
        response = self._follow(method, url, what, headers or {}, form, token)
        if response.status_code == 401 and self._tokens and token:
            response.close()
            token = self._tokens.replace(token)
            response = self._follow(method, url, what, headers or {}, form, token)
            if response.status_code == 401:
                response.close()
                raise AuthorizationFailed(
                    f"The server does not take its own new token for {what}. Ask its operator "
                    f"whether this client may export, and whether the scope suffices."
                )
        try:
            yield response
        finally:
            response.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        form: Form | None = None,
        authorize: bool = True,
        attempts: int | None = None,
        resend: bool = True,
    ) -> Reply:
        """Send a request, again where the server is not ready, and read the answer.

        Parameters
        ----------
        attempts
            How often; by default what the network allows.
        resend
            Whether it may be sent again after it may have arrived.

        Raises
        ------
        ServerUnavailable
            No answer, or none but that the server is not ready.
        """
        attempts = attempts or self.network.attempts
        for turn in range(attempts):
            is_last = turn + 1 == attempts
            waiting: Mapping[str, str] = {}
            try:
                with self.stream(
                    method, url, what=what, headers=headers, form=form, authorize=authorize
                ) as response:
                    reply = _read(response, what)
            except ServerUnavailable as error:
                if is_last or (error.was_sent and not resend):
                    raise
            else:
                if not _is_not_ready(reply):
                    return reply
                if is_last:
                    return _last_word(reply, what, attempts)
                waiting = reply.headers
            self.pause(self.network.wait_s(turn, waiting))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def pause(self, seconds: float) -> None:
        """Wait, unless the export is stopped.

        Raises
        ------
        ExportError
            It is.
        """
        if self.stop.wait(seconds):
            raise ExportError("The export was stopped. Run this again: it continues.")

    def _ask_openly(self, method: str, url: str, *, what: str, form: Form | None = None) -> Reply:
        return self.ask(method, url, what=what, form=form, authorize=False)

    def _follow(
        self,
        method: str,
        url: str,
        what: str,
        headers: Mapping[str, str],
        form: Form | None,
        token: str | None,
    ) -> httpx.Response:
        """Send a request and follow redirects; the token never leaves the origin of the URL."""
        target = self.hosts.check(url, what)
        first = origin_of(target)
        for _ in range(_MOST_REDIRECTS + 1):
            given = {**headers, "Authorization": f"Bearer {token}"} if token else headers
            response = self._send(method, target, what, given, form)
            location = response.headers.get("Location")
            # A form holds the assertion, which is for one address only.
            if response.status_code not in _REDIRECTS or not location or form:
                return response
            response.close()
            target = self.hosts.check(urljoin(str(target), location), f"{what} (redirected)")
            if origin_of(target) != first:
                token = None
            if response.status_code == 303:
                method = "GET"
        raise ExportError(f"The server redirects {what} in circles. Tell its operator.")

    def _send(
        self,
        method: str,
        url: httpx.URL,
        what: str,
        headers: Mapping[str, str],
        form: Form | None,
    ) -> httpx.Response:
        request = self._http.build_request(
            method, url, headers=dict(headers), data=form() if form else None
        )
        try:
            return self._http.send(request, stream=True)
        except httpx.RequestError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise CertificateRefused(
                    f"The certificate of {origin_of(url)} is not trusted. Where an authority of "
                    f"your own issued it, configure that authority's certificate."
                ) from None
            raise unanswered(error, what) from None


def unanswered(error: httpx.RequestError, what: str) -> ServerUnavailable:
    """The error for a request without, or with half, an answer."""
    kind = type(error).__name__
    return ServerUnavailable(
        f"The server did not answer for {what} ({kind}). Run this again later: it continues.",
        was_sent=not isinstance(error, _NOT_SENT),
    )


def _trust(network: Network) -> ssl.SSLContext | bool:
    if network.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=network.ca_file)
    except (OSError, ssl.SSLError):
        raise CertificateRefused(
            f"{network.ca_file} holds no certificates in PEM form. Name another file."
        ) from None


def _read(response: httpx.Response, what: str) -> Reply:
    pieces: list[bytes] = []
    held = 0
    try:
        for piece in response.iter_bytes():
            pieces.append(piece)
            held += len(piece)
            if held > _MOST_BODY_BYTES:
                raise ExportFailed(
                    f"The answer for {what} has more than {_MOST_BODY_BYTES} bytes. Ask for fewer "
                    f"files, e.g. by types."
                )
    except httpx.RequestError as error:
        raise unanswered(error, what) from None
    return Reply(response.status_code, response.headers, b"".join(pieces), str(response.url))


def _is_not_ready(reply: Reply) -> bool:
    return reply.status in TRANSIENT or (reply.status >= 400 and is_transient(reply.body))


def _last_word(reply: Reply, what: str, attempts: int) -> Reply:
    """An answer that stays the same: final where the server gives reasons that are not passing."""
    if "unreadable" not in count_issues(reply.body) and not is_transient(reply.body):
        return reply
    raise ServerUnavailable(
        f"The server answered {reply.status} for {what}, {attempts} times in a row. Run this "
        f"again later: it continues.",
        was_sent=True,
    )
