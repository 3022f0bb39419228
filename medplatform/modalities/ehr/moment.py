"""FHIR dates and instants as UTC datetimes (FHIR R4, Data Types: date, dateTime, instant).

A partial date (year, month, or day) means its first moment. A second 60 is the first moment of
the next minute. Digits beyond microseconds are cut.
"""

from datetime import UTC, datetime, timedelta

EARLIEST_YEAR, LATEST_YEAR = 1700, 2199
"""With a shift of a year these stay within the nanosecond timestamps of pandas and numpy."""


def read_moment(text: str) -> datetime:
    """The moment that a FHIR date, dateTime or instant begins.

    Raises
    ------
    ValueError
        No such moment, a time without a zone, or a year outside 1700 to 2199.
    """
    if "T" not in text:
        return _within(datetime.fromisoformat((text + "-01-01"[len(text) - 4 :])[:10] + "T00Z"))
    is_leap = text[17:19] == "60"
    moment = datetime.fromisoformat(f"{text[:17]}59{text[19:]}" if is_leap else text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    moment = _within(moment).astimezone(UTC)
    return moment.replace(microsecond=0) + timedelta(seconds=1) if is_leap else moment


def _within(moment: datetime) -> datetime:
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError("a year that cannot be stored")
    return moment
