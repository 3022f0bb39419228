"""Who made an annotation and when, in the elements that several kinds of objects share."""

from datetime import UTC, datetime, timedelta

from pydicom import Dataset

from medplatform.modalities.imaging.elements import Elements
from medplatform.modalities.imaging.values import to_date, to_offset, to_text, to_time

_SOURCES = {
    "MANUAL": "manual",
    "SEMIAUTOMATIC": "semiautomatic",
    "AUTOMATIC": "automatic",
}


def as_source(elements: Elements, keyword: str, dataset: Dataset) -> str | None:
    """`manual`, `semiautomatic` or `automatic`; null for other terms."""
    term = (elements.read(keyword, to_text, dataset) or "").upper()
    if term and term not in _SOURCES:
        elements.remark("dicom.unknown_term", keyword)
    return _SOURCES.get(term)


def made_at(elements: Elements, prefix: str) -> datetime | None:
    """A date and its time in UTC, such as Content Date (0008,0023) and Time (0008,0033)."""
    day = elements.read(f"{prefix}Date", to_date)
    if day is None:
        return None
    offset = elements.read("TimezoneOffsetFromUTC", to_offset) or UTC
    seconds = elements.read(f"{prefix}Time", to_time) or timedelta()
    return (datetime(day.year, day.month, day.day, tzinfo=offset) + seconds).astimezone(UTC)
