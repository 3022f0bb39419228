"""An export at the server: asked for, waited for, its manifest read, in the end dropped.

HL7 FHIR Bulk Data Access 2.0 and 3.0, "Bulk Data Kick-off", "Status", "Delete Request".
"""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urljoin

from medplatform.bulk_export import outcome
from medplatform.bulk_export.client import Client
from medplatform.bulk_export.errors import (
    ExportExpired,
    ExportFailed,
    ExportRefused,
)
from medplatform.bulk_export.manifest import Page, parse_page
from medplatform.bulk_export.request import ExportRequest
from medplatform.modalities.modality import Progress
from medplatform.transfer.errors import ServerUnavailable, TransferError
from medplatform.transfer.reply import Reply
from medplatform.transfer.waiting import http_date

Notify = Callable[[str], None]
"""Called with a sentence about what happens."""

_MOST_PAGES = 100_000
_FHIR_VERSION = re.compile(r"\d+\.\d+(\.\d+)?(-[A-Za-z0-9.-]{1,20})?")


def kick_off(client: Client, request: ExportRequest) -> str:
    """Ask for an export.

    Returns
    -------
    str
        The status URL.

    Raises
    ------
    ExportRefused
        The server does not start it.
    ServerUnavailable
        It does not answer. After a request that may have arrived, it is not asked again: it could
        be working on the export already.
    """
    headers = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
    what = "the start of the export"
    reply = client.ask("GET", str(request.url), what=what, headers=headers, resend=False)
    location = reply.headers.get("Content-Location")
    if reply.status == 202 and location:
        return urljoin(reply.url, location)
    if reply.status == 202:
        raise ExportRefused(
            "The server started an export without saying where its status is (Content-Location). "
            "Tell its operator."
        )
    remedy = {
        401: "It wants an access token: give --client-id and --key.",
        403: "Ask its operator which exports this client may start, and check the scope.",
        404: "Check the address, and that the group exists.",
    }.get(reply.status, "It may not know a level, type, type filter or other part of the request.")
    reason = outcome.describe(reply.body)
    raise ExportRefused(
        f"The server did not start the export: it answered {reply.status} {reason}. {remedy}"
    )


def wait_for_manifest(
    client: Client, status_url: str, *, progress: Progress, notify: Notify
) -> tuple[list[Page], str | None]:
    """Wait until an export is ready and read all pages of its manifest.

    Returns
    -------
    tuple
        The pages, and until when (ISO 8601) the server keeps the files, if it says.

    Raises
    ------
    ExportExpired
        The server does not know the export (any more).
    ExportFailed
        It gave the export up, or its manifest cannot be read.
    """
    reply = _poll(client, status_url, progress, notify)
    expires = http_date(reply.headers.get("Expires", ""))
    if expires and expires <= datetime.now(UTC):
        expires = None  # a past date only says that the answer is not to be cached
    pages = [parse_page(reply.body)]
    seen = {status_url}
    while following := pages[-1].next_url:
        url = urljoin(reply.url, following)
        if url in seen or len(pages) >= _MOST_PAGES:
            raise ExportFailed(
                "The pages of the manifest lead in circles. Tell the operator of the server."
            )
        seen.add(url)
        reply = _poll(client, url, progress, notify)
        pages.append(parse_page(reply.body))
        progress("manifest", len(pages), len(pages) + bool(pages[-1].next_url))
    return pages, expires.isoformat() if expires else None


def drop(client: Client, status_url: str) -> bool:
    """Tell the server that an export is not, or no longer, wanted. Returns whether it agreed."""
    try:
        reply = client.ask("DELETE", status_url, what="the status of the export", attempts=2)
    except TransferError:
        return False
    return reply.status < 300 or reply.status in (404, 410)


def fhir_version(client: Client, base_url: str) -> str | None:
    """The FHIR version that a server says it speaks (CapabilityStatement), e.g. `4.0.1`."""
    try:
        reply = client.ask(
            "GET",
            f"{base_url}/metadata?_summary=true",
            what="its capability statement",
            headers={"Accept": "application/fhir+json"},
            authorize=False,
            attempts=2,
        )
        document = json.loads(reply.body)
    except (TransferError, ValueError):
        return None
    version = document.get("fhirVersion") if isinstance(document, dict) else None
    return version if isinstance(version, str) and _FHIR_VERSION.fullmatch(version) else None


def has_expired(expires_at: str | None) -> bool:
    """Whether the time until which the server keeps an export is over."""
    return bool(expires_at) and datetime.fromisoformat(str(expires_at)) <= datetime.now(UTC)


def _poll(client: Client, url: str, progress: Progress, notify: Notify) -> Reply:
    """Ask until something is ready; between, wait as long as the server says."""
    deadline = time.monotonic() + client.network.ready_within_s
    said = ""
    turn = 0
    while True:
        reply = client.ask("GET", url, what="the status of the export")
        if reply.status == 200:
            return reply
        if reply.status in (404, 410):
            raise ExportExpired(
                f"The server does not know the export any more (it answered {reply.status}). Run "
                f"this again: it begins a new one."
            )
        if reply.status != 202:
            reason = outcome.describe(reply.body)
            raise ExportFailed(
                f"The server gave the export up: it answered {reply.status} {reason}. Run this "
                f"again: it begins a new one."
            )
        if time.monotonic() > deadline:
            raise ServerUnavailable("The server is still not ready. Run this again: it continues.")
        said = _show(reply.headers.get("X-Progress", ""), said, progress, notify)
        client.pause(client.network.wait_s(turn, reply.headers))
        turn += 1


def _show(text: str, before: str, progress: Progress, notify: Notify) -> str:
    """Pass on what the server says about its progress, when it changes."""
    text = re.sub(r"[^ -~]", "", text)[:100].strip()
    if text and text != before:
        notify(f"The server: {text}")
        if percent := re.search(r"(\d{1,3})(?:\.\d+)?\s*%", text):
            progress("export", min(int(percent[1]), 100), 100)
    return text
