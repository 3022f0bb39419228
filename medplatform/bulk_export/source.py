"""What the lake calls a server, so that Patient/1 of one is never Patient/1 of another."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path

import httpx

from medplatform.bulk_export import history
from medplatform.bulk_export.delivered import read_export
from medplatform.bulk_export.instants import parse_instant

_NAME_CHARACTERS = 48
_DIGEST_DIGITS = 8


def name_source(base_url: str) -> str:
    """A name made of host and path of a server; two servers have two.

    The same however the address is written: scheme, capitals of the host, default port and a slash
    at the end do not count.

    >>> name_source("https://FHIR.example.org/r4/")
    'fhir.example.org-r4-92094f07'
    """
    address = _address(base_url)
    words = re.sub(r"[^A-Za-z0-9.]+", "-", address)[:_NAME_CHARACTERS].strip("-.")
    return f"{words}-{sha256(address.encode()).hexdigest()[:_DIGEST_DIGITS]}"


def choose_source(
    landing: Path, base_url: str, wanted: str | None, notify: Callable[[str], None]
) -> str | None:
    """What the records of a server are delivered under: as wanted, as before, or as it is named.

    None where its latest export was delivered without a name, since what comes later refers to
    what came before. Says so where another name is wanted than before.
    """
    exports = sorted(_exports_of(landing, base_url), key=lambda export: export[0])
    if not exports:
        return wanted or name_source(base_url)
    _, before = exports[-1]
    if wanted in (None, before):
        return before
    notify(
        f"The server is called {wanted} from now on: its records do not refer to those that were "
        f"delivered without that name."
    )
    return wanted


def _exports_of(landing: Path, base_url: str) -> Iterator[tuple[datetime, str | None]]:
    """When the exports of a server were, and its name then."""
    address = _address(base_url)
    # Both, since deliveries may be removed and what is not complete is not in the history.
    delivered = (read_export(path.parent.parent) for path in landing.glob("ehr/*/.export/*.json"))
    for export in chain(filter(None, delivered), history.last_exports(landing)):
        if _address(export.request["base_url"]) == address:
            yield parse_instant(export.transaction_time), export.source


def _address(base_url: str) -> str:
    """Host, port unless it is the default one, and path."""
    url = httpx.URL(base_url)
    host = url.raw_host.decode("ascii").lower().removesuffix(".")
    port = f":{url.port}" if url.port else ""
    return f"{host}{port}{url.path.rstrip('/')}"
