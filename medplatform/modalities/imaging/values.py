"""Converters from the values that pydicom returns to typed ones.

All raise ValueError, TypeError, KeyError or OverflowError for a value that is not of its type;
the messages say the type, never the value.
"""

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from pydicom.pixels.common import PhotometricInterpretation

from medplatform.modalities.imaging.deidentify.vocabulary import is_technical

_INT32 = 1 << 31
_YEARS = range(1900, 2100)
_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(?:(\d{2}):?(?:(\d{2})(?:\.(\d{1,6}))?)?)?")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")
_MOMENT = re.compile(r"(\d{8})(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_UNITS_PER_YEAR = {"D": 365.25, "W": 52.1775, "M": 12, "Y": 1}
_UID = re.compile(r"[0-9.]{1,64}")


def to_moment(value: Any, offset: timezone) -> datetime:
    """A DT in UTC; `offset` holds where the value names none."""
    match = _MOMENT.fullmatch(to_text(value))
    if not match:
        raise ValueError("no DT")
    day = to_date(match[1])
    zone = to_offset(match[3]) if match[3] else offset
    seconds = to_time(match[2]) if match[2] else timedelta()
    return (datetime(day.year, day.month, day.day, tzinfo=zone) + seconds).astimezone(UTC)


def to_date(value: Any) -> date:
    """A DA, with the dots or dashes of ACR-NEMA too."""
    match = _DATE.fullmatch(to_text(value))
    if not match:
        raise ValueError("no DA")
    day = date(*map(int, match.groups()))
    if day.year not in _YEARS:
        raise ValueError("implausible year")
    return day


def to_time(value: Any) -> timedelta:
    """A TM, as the time since midnight."""
    match = _TIME.fullmatch(to_text(value))
    if not match:
        raise ValueError("no TM")
    hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:
        raise ValueError("no TM")
    fraction = int((match[4] or "").ljust(6, "0"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=fraction)


def to_offset(value: Any) -> timezone:
    """A time zone such as +0100."""
    match = _OFFSET.fullmatch(to_text(value))
    if not match:
        raise ValueError("no offset from UTC")
    shift = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-shift if match[1] == "-" else shift)


def to_years(value: Any) -> int:
    """The whole years of an AS."""
    match = _AGE.fullmatch(to_text(value).upper())
    if not match:
        raise ValueError("no AS")
    return int(int(match[1]) / _UNITS_PER_YEAR[match[2]])


def to_text(value: Any) -> str:
    """One text, without its padding."""
    if not isinstance(value, str):
        raise TypeError("more than one value, or no text")
    return value.strip(" \0")


def to_texts(value: Any) -> list[str]:
    """One or more texts, without their padding."""
    return [to_text(part) for part in ([value] if isinstance(value, str) else value)]


def to_terms(value: Any) -> list[str]:
    """One or more texts, in capitals."""
    return [text.upper() for text in to_texts(value)]


def to_short_text(value: Any) -> str | None:
    """An LO that may be the name of a maker or a model; None for an empty one."""
    text = " ".join(to_text(value).split())
    if not is_technical(text):
        raise ValueError("no name of a device")
    return text or None


def to_uid(value: Any) -> str | None:
    """A UID, None for an empty one."""
    text = to_text(value)
    if text and not _UID.fullmatch(text):
        raise ValueError("no UI")
    return text or None


def to_photometric(value: Any) -> str | None:
    """A photometric interpretation of the standard, None for an empty one."""
    text = to_text(value)
    return PhotometricInterpretation(text).value if text else None


def to_number(value: Any) -> float:
    """A finite number."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def to_first_number(value: Any) -> float:
    """The first of one or more numbers."""
    return to_number(value if isinstance(value, str | int | float) else value[0])


def to_all_numbers(value: Any) -> list[float]:
    """One or more numbers."""
    return [to_number(part) for part in (value if isinstance(value, list) else [value])]


def to_numbers(value: Any, count: int) -> list[float]:
    """As many numbers as there must be."""
    numbers = [to_number(part) for part in value]
    if len(numbers) != count:
        raise ValueError("another number of values")
    return numbers


def to_integer(value: Any) -> int:
    """A 32-bit integer."""
    number = int(value)
    if not -_INT32 <= number < _INT32:
        raise ValueError("beyond 32 bits")
    return number


def to_first_integer(value: Any) -> int:
    """The first of one or more 32-bit integers."""
    return to_integer(value[0] if isinstance(value, list) else value)


def to_positive(value: Any) -> int:
    """A positive 32-bit integer."""
    number = to_integer(value)
    if number < 1:
        raise ValueError("not positive")
    return number


def to_flag(value: Any) -> bool:
    """0 or 1."""
    return {0: False, 1: True}[int(value)]
