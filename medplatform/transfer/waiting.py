"""How a server is reached, and how long to wait for it."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How servers are reached, and how patiently.

    Parameters
    ----------
    ca_file
        Certificates (PEM) of the authorities to trust, instead of the public ones.
    proxy
        Address of an HTTP proxy.
    timeout_s
        Longest silence of a server within one request.
    parallel
        Files that are fetched at a time.
    attempts
        Failures in a row, of one request or file, that are borne.
    first_wait_s, longest_wait_s
        Bounds of the exponential back-off where a server does not say when to come back.
    longest_retry_after_s
        The most that is waited where it does.
    ready_within_s
        How long the server may prepare what it was asked for.
    """

    ca_file: Path | None = None
    proxy: str | None = None
    timeout_s: float = 60.0
    parallel: int = 4
    attempts: int = 8
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    longest_retry_after_s: float = 3600.0
    ready_within_s: float = 30 * 86400.0

    def wait_s(self, turn: int, headers: Mapping[str, str]) -> float:
        """How long to wait before turn `turn + 1`: what the server said, else a back-off.

        The back-off doubles with each turn and is spread over its upper half, so that clients
        that were turned away together do not return together.
        """
        asked = retry_after_s(headers)
        if asked is not None:
            return min(max(asked, self.first_wait_s), self.longest_retry_after_s)
        full = min(self.first_wait_s * 2 ** min(turn, 30), self.longest_wait_s)
        return full * random.uniform(0.5, 1.0)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` (RFC 9110, 10.2.3) asks for; None where it is absent or unusable.

    A date is compared with the server's own clock, where it tells it.

    >>> retry_after_s({"Retry-After": "120"})
    120.0
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    moment = http_date(text)
    if moment is None:
        return None
    now = http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max((moment - now).total_seconds(), 0.0)


def http_date(text: str) -> datetime | None:
    """A date of an HTTP header (RFC 9110, 5.6.7), in UTC."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
