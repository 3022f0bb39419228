"""Which addresses a transfer may speak to.

Servers name addresses: where a status, a manifest or a file is, where a redirect leads. Whoever can
change their answers could make this machine read addresses of the internal network, or collect
passwords and tokens: so every address is checked against what was configured before anything is
sent.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import httpx

from medplatform.transfer.errors import HostNotAllowed

# A name, or an address of version 4 or 6.
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_PORTS = {"https": 443, "http": 80}


class Origin(NamedTuple):
    """Scheme, host and port: what must be equal for two URLs to be of the same server."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class Hosts:
    """The origins that a transfer may speak to: that of the server, and those configured.

    Parameters
    ----------
    base_url
        The server.
    allowed
        Further hosts, each as `host`, `host:port` or, where plain HTTP is wanted over a network,
        `http://host:port`. Without a port the default one of the scheme is meant.

    Raises
    ------
    HostNotAllowed
        An entry is no host, or the server speaks plain HTTP over a network and is not among those
        entries.
    """

    def __init__(self, base_url: str, allowed: Iterable[str] = ()) -> None:
        self._allowed = {origin for entry in allowed for origin in _origins(entry)}
        base = origin_of(base_url)
        if base is None:
            raise HostNotAllowed("The address of the server is no URL with http or https.")
        if base.scheme == "http" and not _is_loopback(base.host) and base not in self._allowed:
            raise HostNotAllowed(
                f"The server {base} speaks plain HTTP, which shows records and passwords to the "
                f"network. Use https, or allow it by name: --allow-host http://{base}"
            )
        self._allowed.add(base)

    def check(self, url: str | httpx.URL, what: str) -> httpx.URL:
        """Let a URL pass if it leads to an allowed origin.

        Raises
        ------
        HostNotAllowed
            It does not; the message names the host, never the URL.
        """
        origin = origin_of(url)
        if origin is None:
            raise HostNotAllowed(
                f"The server named {what} by something that is no URL with http or https, or one "
                f"with a password. Tell its operator."
            )
        if origin in self._allowed:
            return httpx.URL(url)
        scheme = "http://" if origin.scheme == "http" and not _is_loopback(origin.host) else ""
        raise HostNotAllowed(
            f"The server named {what} at {origin.scheme}://{origin}, which is not configured. If "
            f"it belongs to the server, run this again with --allow-host {scheme}{origin}"
        )


def origin_of(url: str | httpx.URL) -> Origin | None:
    """The origin of a URL; None where there is none, or where it holds a password.

    >>> origin_of("https://FHIR.example.org/r4")
    Origin(scheme='https', host='fhir.example.org', port=443)
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    if parsed.scheme not in _PORTS or not parsed.host or parsed.userinfo:
        return None
    host = parsed.raw_host.decode("ascii").lower().strip("[]").removesuffix(".")
    if not _HOST.fullmatch(host):
        return None
    return Origin(parsed.scheme, host, parsed.port or _PORTS[parsed.scheme])


def _origins(entry: str) -> Iterator[Origin]:
    """What an entry of the configuration allows; plain HTTP only if it says so, or on loopback."""
    url = entry if "://" in entry else f"https://{entry}"
    origin = origin_of(url)
    if origin is None or httpx.URL(url).path not in ("", "/"):
        raise HostNotAllowed(
            "An allowed host is written as host, host:port or http://host:port, without a path."
        )
    yield origin
    if _is_loopback(origin.host) and (plain := origin_of(f"http://{entry}")):
        yield plain


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
