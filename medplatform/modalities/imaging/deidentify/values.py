"""Dates of DICOM, moved in the precision that they have; texts that may stand in for values."""

import re
from collections.abc import Callable
from datetime import date

from medplatform.privacy.policy import OLDEST_AGE

YEARS = range(1700, 2200)
ANONYMIZED = "ANONYMIZED"

_DATE = re.compile(r"(\d{4})([.-]?)(\d{2})\2(\d{2})")
_DATETIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?((?<=\d{8})\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?")
_TIME = re.compile(r"\d{2}(:?\d{2}(:?\d{2}(\.\d{1,6})?)?)?")
_AGE = re.compile(r"(\d{1,3})([DWMYdwmy])")
_OFFSET = re.compile(r"[+-]\d{4}")

DUMMIES: dict[str, tuple[tuple[str, ...] | None, tuple[float, ...] | None, bytes | None]] = {
    "AS": (("000Y",), None, None),
    "AT": (("00000000",), None, None),
    "DA": (("19000101",), None, None),
    "DS": (("0",), (0.0,), None),
    "DT": (("19000101000000",), None, None),
    "IS": (("0",), (0,), None),
    "SV": (("0",), None, None),
    "TM": (("000000",), None, None),
    "UI": (("2.25.0",), None, None),
    "UR": (("about:blank",), None, None),
    "UV": (("0",), None, None),
    **dict.fromkeys(("FD", "FL", "SL", "SS", "UL", "US"), (None, (0,), None)),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), (None, None, b"\x00" * 8)),
}
"""Values (text, number, binary) that a VR allows and that say nothing; other VRs take a text."""


def shift_date(value: str, shift: Callable[[date], date]) -> str:
    """A DA, moved; empty where it is none.

    Examples
    --------
    >>> from datetime import timedelta
    >>> shift_date("2020.02.29", lambda day: day + timedelta(days=10))
    '20200310'
    """
    match = _DATE.fullmatch(value.strip())
    if not match:
        return ""
    moved = _shift(int(match[1]), int(match[3]), int(match[4]), shift)
    return f"{moved:%Y%m%d}" if moved else ""


def shift_datetime(value: str, shift: Callable[[date], date]) -> str:
    """A DT, moved, with its time of day and zone; empty where it is none.

    Of a partial one the first day is moved and cut to the precision that it had.
    """
    match = _DATETIME.fullmatch(value.strip())
    if not match:
        return ""
    year, month, day, time, zone = match.groups()
    moved = _shift(int(year), int(month or 1), int(day or 1), shift)
    if not moved:
        return ""
    precision = 8 if day else 6 if month else 4
    return f"{moved:%Y%m%d}"[:precision] + (time or "") + (zone or "")


def is_time(value: str) -> bool:
    """Whether a value is a TM, with the colons of ACR-NEMA too."""
    return bool(_TIME.fullmatch(value.strip()))


def is_offset(value: str) -> bool:
    """Whether a value is an offset from UTC such as +0100."""
    return bool(_OFFSET.fullmatch(value.strip()))


def cap_age(value: str) -> str:
    """An AS, 90 years for all older ones; empty where it is none.

    >>> cap_age("094Y"), cap_age("3M"), cap_age("about 40")
    ('090Y', '003M', '')
    """
    match = _AGE.fullmatch(value.strip())
    if not match:
        return ""
    number, unit = int(match[1]), match[2].upper()
    return f"{min(number, OLDEST_AGE) if unit == 'Y' else number:03d}{unit}"


def _shift(year: int, month: int, day: int, shift: Callable[[date], date]) -> date | None:
    if year not in YEARS:
        return None
    try:
        return shift(date(year, month, day))
    except ValueError:
        return None
