"""FHIR dates, dateTimes and instants of a whole column: moved by days, and as UTC timestamps.

A vectorised `read_moment`: the same values are accepted, and begin at the same moment. Dates keep
the form and precision they were delivered in; only the digits of year, month and day change. A
partial date begins with its year or month, also when it was moved: its first moment plus the shift
would tell the shift.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.ehr.moment import EARLIEST_YEAR, LATEST_YEAR, read_moment
from medplatform.privacy.identity import MAX_SHIFT_DAYS

TIMESTAMP = pa.timestamp("us", tz="UTC")
PRECISIONS = ("year", "month", "day", "minute", "second", "millisecond", "microsecond")
_YEAR, _MONTH, _DAY, _MINUTE, _SECOND, _MILLISECOND, _MICROSECOND = range(len(PRECISIONS))
_DATE_LENGTHS = {4: _YEAR, 7: _MONTH, 10: _DAY}
_SHORTEST_TIME = len("2020-01-01T00:00:00Z")
_DAY_US = 86_400_000_000
_MICROSECOND_STEP = timedelta(microseconds=1)
_DASH, _COLON, _POINT, _T, _Z, _PLUS, _ZERO = (ord(c) for c in "-:.TZ+0")
_TEXT = re.compile(r"\d{4}-\d\d-\d\dT.*")
_ISO_DATE_BYTES = 10


@dataclass(frozen=True, slots=True)
class Calendar:
    """Every day that can be stored, moved by up to a shift: its number and its ten digits."""

    first_day: int
    """Of `text`, in days since 1970."""
    text: np.ndarray
    """uint8 (days, 10)."""
    month_starts: np.ndarray
    """First day of each month since `EARLIEST_YEAR`, in days since 1970."""


@cache
def calendar() -> Calendar:
    """The table of days, made once (180,000 days, 2 MB)."""
    margin = np.timedelta64(MAX_SHIFT_DAYS + 1, "D")
    first = np.datetime64(f"{EARLIEST_YEAR}-01-01", "D") - margin
    last = np.datetime64(f"{LATEST_YEAR + 1}-01-01", "D") + margin
    days = np.arange(first, last)
    months = days.astype("datetime64[M]")
    years = days.astype("datetime64[Y]")
    text = np.full((len(days), _ISO_DATE_BYTES), _DASH, dtype=np.uint8)
    _write(text[:, 0:4], years.astype(np.int64) + 1970)
    _write(text[:, 5:7], (months - years).astype(np.int64) + 1)
    _write(text[:, 8:10], (days - months).astype(np.int64) + 1)
    starts = np.arange(f"{EARLIEST_YEAR}-01", f"{LATEST_YEAR + 1}-02", dtype="datetime64[M]")
    month_starts = starts.astype("datetime64[D]").astype(np.int32)
    return Calendar(int(first.astype(np.int64)), text, month_starts)


def _write(digits: np.ndarray, numbers: np.ndarray) -> None:
    for place in range(digits.shape[1] - 1, -1, -1):
        numbers, digit = np.divmod(numbers, 10)
        digits[:, place] = digit + _ZERO


@dataclass(slots=True)
class Moments:
    """A column of dates: texts, first moments in microseconds since 1970 UTC, and precisions.

    `days` counts the days of the texts' dates since 1970. Where `is_valid` is False there is
    nothing, or a value that was not accepted (`is_wrong`).
    """

    text: pa.StringArray
    start: np.ndarray
    days: np.ndarray
    precision: np.ndarray
    is_valid: np.ndarray
    is_wrong: np.ndarray

    def columns(self, is_shown: np.ndarray | None = None) -> list[pa.Array]:
        """Text, start and precision as published, where there is a value and it is shown."""
        shown = self.is_valid if is_shown is None else self.is_valid & is_shown
        hidden = None if shown.all() else ~shown
        text: pa.Array = self.text
        if hidden is not None:
            text = pc.if_else(pa.array(shown), text, pa.scalar(None, pa.string()))
        start = pa.array(self.start, pa.int64(), mask=hidden).cast(TIMESTAMP)
        codes = pa.array(self.precision, mask=hidden)
        return [text, start, pa.array(PRECISIONS).take(codes)]


def read_moments(array: pa.StringArray, shift_days: np.ndarray | None = None) -> Moments:
    """Read a column of dates, each moved by its days (int32, one per value)."""
    size = len(array)
    offsets = np.frombuffer(array.buffers()[1] or b"\0\0\0\0", dtype=np.int32)
    offsets = offsets[array.offset : array.offset + size + 1]
    base = offsets[0]
    data = np.array(_bytes(array)[base : offsets[-1]])
    starts = offsets[:-1] - base
    lengths = np.diff(offsets)
    is_there = _is_valid(array)
    reading = _Reading(size)
    shift = np.zeros(size, np.int32) if shift_days is None else shift_days
    for length in np.unique(lengths[is_there]) if size else ():
        is_whole = len(data) == size * length
        rows = np.flatnonzero(is_there & (lengths == length))
        if is_whole and len(rows) == size:
            reading.read(rows, data.reshape(size, length), shift)
            continue
        at = starts[rows][:, None] + np.arange(length)
        block = data[at]
        reading.read(rows, block, shift[rows])
        data[at] = block
    text = pa.StringArray.from_buffers(
        size,
        pa.py_buffer(np.ascontiguousarray(offsets - base)),
        pa.py_buffer(data),
        pa.array(is_there).buffers()[1] if array.null_count else None,
    )
    is_valid = reading.is_read & is_there
    moments = Moments(
        text, reading.start, reading.days, reading.precision, is_valid, is_there & ~is_valid
    )
    _read_unusual(array, moments, shift)
    return moments


def _bytes(array: pa.StringArray) -> np.ndarray:
    buffer = array.buffers()[2]
    return np.frombuffer(buffer, dtype=np.uint8) if buffer else np.zeros(0, np.uint8)


def _is_valid(array: pa.Array) -> np.ndarray:
    if array.null_count == 0:
        return np.ones(len(array), dtype=bool)
    return array.is_valid().to_numpy(zero_copy_only=False)


class _Reading:
    """What has been read of a column, one group of equally long texts after the other."""

    def __init__(self, size: int) -> None:
        self.start = np.zeros(size, np.int64)
        self.days = np.zeros(size, np.int32)
        self.precision = np.zeros(size, np.int8)
        self.is_read = np.zeros(size, bool)

    def read(self, rows: np.ndarray, block: np.ndarray, shift: np.ndarray) -> None:
        """Read texts (uint8, one per row) and move their dates in place."""
        length = block.shape[1]
        if length not in _DATE_LENGTHS and length < _SHORTEST_TIME:
            return
        table = calendar()
        days, good = _read_date(block, table)
        if length in _DATE_LENGTHS:
            within_day, precision = np.int64(0), np.full(len(rows), _DATE_LENGTHS[length], np.int8)
        else:
            within_day, precision, has_time = _read_time(block)
            good &= has_time
        moved = days + shift
        date = table.text[moved - table.first_day]
        if length < _ISO_DATE_BYTES:
            moved = _first_days(date, length, table)
        width = min(length, _ISO_DATE_BYTES)
        block[good, :width] = date[good, :width]
        self.days[rows] = moved
        self.start[rows] = moved.astype(np.int64) * _DAY_US + within_day
        self.precision[rows] = precision
        self.is_read[rows] = good


def _digits(block: np.ndarray, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A number of so many digits, and where all of them are digits."""
    number = np.zeros(len(block), np.int32)
    good = np.ones(len(block), bool)
    for place in range(first, first + count):
        digit = block[:, place] - np.uint8(_ZERO)  # wraps around below "0"
        good &= digit <= 9
        number = number * 10 + digit
    return number, good


def _read_date(block: np.ndarray, table: Calendar) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970 of the dates that texts begin with, and where there is such a date."""
    length = block.shape[1]
    year, good = _digits(block, 0, 4)
    good &= (year >= EARLIEST_YEAR) & (year <= LATEST_YEAR)
    month, day = np.int32(1), np.int32(1)
    if length > 4:
        month, is_number = _digits(block, 5, 2)
        good &= is_number & (block[:, 4] == _DASH) & (month >= 1) & (month <= 12)
    if length > 7:
        day, is_number = _digits(block, 8, 2)
        good &= is_number & (block[:, 7] == _DASH) & (day >= 1)
    index = np.where(good, (year - EARLIEST_YEAR) * 12 + month - 1, 0)
    days = table.month_starts[index] + day - 1
    good &= days < table.month_starts[index + 1]
    return np.where(good, days, 0), good


def _first_days(date: np.ndarray, length: int, table: Calendar) -> np.ndarray:
    """First day of the year or month that a moved date falls in."""
    whole = date.copy()
    whole[:, length:] = np.frombuffer(b"0000-01-01", dtype=np.uint8)[length:]
    year = _digits(whole, 0, 4)[0]
    month = _digits(whole, 5, 2)[0]
    first = ((year - 1970).astype("timedelta64[Y]") + np.datetime64("1970", "Y")).astype(
        "datetime64[M]"
    ) + (month - 1).astype("timedelta64[M]")
    return first.astype("datetime64[D]").astype(np.int32)


def _read_time(block: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Microseconds between the date's midnight in UTC and the moment, precision, where valid."""
    length = block.shape[1]
    hour, good = _digits(block, 11, 2)
    minute, is_minute = _digits(block, 14, 2)
    second, is_second = _digits(block, 17, 2)
    good &= is_minute & is_second & (hour < 24) & (minute < 60) & (second <= 60)
    good &= (block[:, 10] == _T) & (block[:, 13] == _COLON) & (block[:, 16] == _COLON)
    seconds = hour * 3600 + minute * 60 + second
    fraction = np.zeros(len(block), np.int64)
    precision = np.full(len(block), _SECOND, np.int8)
    is_utc = block[:, -1] == _Z
    for has_z, zone_length in ((True, 1), (False, 6)):
        rows = np.flatnonzero(is_utc == has_z)
        if not len(rows):
            continue
        part = block if len(rows) == len(block) else block[rows]
        zone = length - zone_length
        value, code, is_fraction = _read_fraction(part, zone)
        fraction[rows], precision[rows] = value, code
        offset, is_offset = (np.int32(0), True) if has_z else _read_offset(part, zone)
        good[rows] &= is_fraction & is_offset
        seconds[rows] -= offset
    # A second 60 is the first moment of the next minute.
    fraction[second == 60] = 0
    return seconds.astype(np.int64) * 1_000_000 + fraction, precision, good


def _read_fraction(block: np.ndarray, zone: int) -> tuple[np.ndarray, int, np.ndarray]:
    """Microseconds after the second, of texts whose zone begins at a position."""
    count = zone - 20
    if zone == 19:
        return np.zeros(len(block), np.int64), _SECOND, np.ones(len(block), bool)
    if count < 1:
        return np.zeros(len(block), np.int64), _SECOND, np.zeros(len(block), bool)
    number, good = _digits(block, 20, min(count, 6))
    for place in range(26, zone):
        good &= block[:, place] - np.uint8(_ZERO) <= 9
    number = number.astype(np.int64) * 10 ** max(6 - count, 0)
    return number, _MILLISECOND if count <= 3 else _MICROSECOND, good & (block[:, 19] == _POINT)


def _read_offset(block: np.ndarray, zone: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds that a zone such as -05:00 is ahead of UTC."""
    hour, good = _digits(block, zone + 1, 2)
    minute, is_minute = _digits(block, zone + 4, 2)
    sign = block[:, zone]
    good &= is_minute & (hour < 24) & (minute < 60) & (block[:, zone + 3] == _COLON)
    good &= (sign == _PLUS) | (sign == _DASH)
    seconds = hour * 3600 + minute * 60
    return np.where(sign == _DASH, -seconds, seconds), good


def _read_unusual(array: pa.StringArray, moments: Moments, shift: np.ndarray) -> None:
    """Read what is not written as FHIR writes it, yet is a moment: times without seconds."""
    rows = np.flatnonzero(moments.is_wrong)
    if not len(rows):
        return
    texts = moments.text.to_pylist()
    epoch = read_moment("1970")
    is_changed = False
    for row in rows.tolist():
        text = array[row].as_py()
        try:
            start = read_moment(text)
        except (ValueError, OverflowError):
            continue
        if not _TEXT.fullmatch(text):
            continue
        days = np.datetime64(text[:_ISO_DATE_BYTES], "D").astype(np.int64) + shift[row]
        texts[row] = str(np.datetime64(int(days), "D")) + text[_ISO_DATE_BYTES:]
        moments.start[row] = (start - epoch) // _MICROSECOND_STEP + int(shift[row]) * _DAY_US
        moments.days[row] = days
        moments.precision[row] = _SECOND if text.count(":", 0, 19) == 2 else _MINUTE
        moments.is_valid[row], moments.is_wrong[row], is_changed = True, False, True
    if is_changed:
        moments.text = pa.array(texts, pa.string())
