"""Instants as FHIR writes them: a date, a time to the second at least, and a time zone."""

import re
from datetime import UTC, datetime

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def parse_instant(text: str) -> datetime:
    """An instant as time. Servers that leave the zone out are taken to mean UTC.

    Raises
    ------
    ValueError
        It is none.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_instant(text: str) -> bool:
    """Whether a text is an instant as the FHIR data type demands."""
    if not _INSTANT.fullmatch(text):
        return False
    try:
        parse_instant(text)
    except ValueError:
        return False
    return True


def as_instant(text: str) -> str:
    """The text itself where it is an instant, so that no precision is lost; else made into one.

    >>> as_instant("2026-01-31T10:00:00")
    '2026-01-31T10:00:00.000000+00:00'
    """
    return text if is_instant(text) else parse_instant(text).isoformat(timespec="microseconds")
