"""Requests to configured servers only, and what authorizes them only where it belongs."""

import logging
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, Self
from urllib.parse import urljoin

import httpx

from medplatform import __version__
from medplatform.transfer.errors import (
    AuthorizationFailed,
    CertificateRefused,
    ServerUnavailable,
    TransferError,
)
from medplatform.transfer.hosts import Hosts, origin_of
from medplatform.transfer.reply import Form, Reply
from medplatform.transfer.waiting import Network

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
# A manifest of a million files has about 300 MB.
_MOST_BODY_BYTES = 1 << 30
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Authorization(Protocol):
    """Gives the value of the header `Authorization`. Used by several threads."""

    def current(self) -> str:
        """What to send now."""
        ...

    def replace(self, refused: str) -> str | None:
        """What to send instead of what was refused; None where there is nothing else."""
        ...


class Client:
    """Speaks to a server and to the hosts that it may name.

    Safe to use from several threads. `stop` ends every wait.
    """

    def __init__(
        self,
        hosts: Hosts,
        network: Network,
        stop: threading.Event,
        authorization: Authorization | None = None,
    ) -> None:
        self.network = network
        self.stop = stop
        self.hosts = hosts
        self.authorization = authorization
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
        # It logs each URL, which can name a patient, or be all that is needed to read a file.
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
            Whether what authorizes goes along, replaced once where the server refuses it.

        Raises
        ------
        HostNotAllowed
            The URL, or one that it redirects to, leads elsewhere than configured.
        AuthorizationFailed
            There is nothing that authorizes, or the server does not take it.
        ServerUnavailable
            No answer.
        """
        authorization = self.authorization if authorize else None
        shown = authorization.current() if authorization else None
        response = self._follow(method, url, what, headers or {}, form, shown)
        if response.status_code == 401 and authorization and shown:
            response.close()
            other = authorization.replace(shown)
            if other is None:
                raise AuthorizationFailed(self.refusal(what))
            response = self._follow(method, url, what, headers or {}, form, other)
            if response.status_code == 401:
                response.close()
                raise AuthorizationFailed(self.refusal(what))
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
                if not self.is_not_ready(reply):
                    return reply
                if is_last and self.is_final(reply):
                    return reply
                if is_last:
                    raise ServerUnavailable(
                        f"The server answered {reply.status} for {what}, {attempts} times in a "
                        f"row. Run this again later: it continues.",
                        was_sent=True,
                    )
                waiting = reply.headers
            self.pause(self.network.wait_s(turn, waiting))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def is_not_ready(self, reply: Reply) -> bool:
        """Whether the same request may succeed later."""
        return reply.status in TRANSIENT

    def is_final(self, reply: Reply) -> bool:
        """Whether an answer that stays the same says more than that the server is not ready."""
        return False

    def refusal(self, what: str) -> str:
        """What to say where the server does not take what authorizes."""
        return (
            f"The server does not take its own new token for {what}. Ask its operator whether this "
            f"client may read, and whether the scope suffices."
        )

    def pause(self, seconds: float) -> None:
        """Wait, unless the transfer is stopped.

        Raises
        ------
        TransferError
            It is.
        """
        if self.stop.wait(seconds):
            raise TransferError("The transfer was stopped. Run this again: it continues.")

    def _follow(
        self,
        method: str,
        url: str,
        what: str,
        headers: Mapping[str, str],
        form: Form | None,
        shown: str | None,
    ) -> httpx.Response:
        """Send a request and follow redirects; what authorizes never leaves its origin."""
        target = self.hosts.check(url, what)
        first = origin_of(target)
        for _ in range(_MOST_REDIRECTS + 1):
            given = {**headers, "Authorization": shown} if shown else headers
            response = self._send(method, target, what, given, form)
            location = response.headers.get("Location")
            # A form holds the assertion, which is for one address only.
            if response.status_code not in _REDIRECTS or not location or form:
                return response
            response.close()
            target = self.hosts.check(urljoin(str(target), location), f"{what} (redirected)")
            if origin_of(target) != first:
                shown = None
            if response.status_code == 303:
                method = "GET"
        raise TransferError(f"The server redirects {what} in circles. Tell its operator.")

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
                raise TransferError(
                    f"The answer for {what} has more than {_MOST_BODY_BYTES} bytes. Ask for less."
                )
    except httpx.RequestError as error:
        raise unanswered(error, what) from None
    return Reply(response.status_code, response.headers, b"".join(pieces), str(response.url))
