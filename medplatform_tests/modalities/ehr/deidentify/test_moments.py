"""Dates of a column: accepted, moved and placed in time as `read_moment` does it one by one."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medplatform.modalities.ehr.deidentify.moments import PRECISIONS, Moments, read_moments
from medplatform.modalities.ehr.moment import read_moment

_YEARS = st.integers(1690, 2210)
_TWO = st.integers(0, 61)
_ZONES = st.sampled_from(["Z", "+00:00", "-05:00", "+05:30", "-11:45", "+14:00", "+24:00", ""])
_FRACTIONS = st.sampled_from(["", ".5", ".123", ".1234567", ".999999999", ".", ".x"])


@st.composite
def _texts(draw: st.DrawFn) -> str:
    """Texts that look like dates; some are none."""
    text = f"{draw(_YEARS):04d}"
    if draw(st.booleans()):
        return text
    text += f"-{draw(st.integers(0, 13)):02d}"
    if draw(st.booleans()):
        return text
    text += f"-{draw(st.integers(0, 32)):02d}"
    if draw(st.booleans()):
        return text
    hour, minute, second = draw(st.integers(0, 24)), draw(_TWO), draw(_TWO)
    clock = f"T{hour:02d}:{minute:02d}" + draw(st.sampled_from([f":{second:02d}", ""]))
    return text + clock + draw(_FRACTIONS) + draw(_ZONES)


def _read(texts: list[str | None], shifts: list[int]) -> Moments:
    return read_moments(pa.array(texts, pa.string()), np.array(shifts, np.int32))


def _expected(text: str, shift: int) -> tuple[str, datetime] | None:
    try:
        moment = read_moment(text)
    except ValueError:
        return None
    first = date.fromisoformat((text + "-01-01"[len(text) - 4 :])[:10])
    moved = first + timedelta(days=shift)
    if len(text) >= 10:
        return moved.isoformat() + text[10:], moment + timedelta(days=shift)
    start = moved.replace(day=1) if len(text) == 7 else moved.replace(month=1, day=1)
    return moved.isoformat()[: len(text)], datetime.combine(start, time(), UTC)


@given(st.lists(st.tuples(_texts(), st.integers(-365, 365)), max_size=6))
@example([("2000-02-29", 365), ("1999-12-31T23:59:60.5-05:00", -1), ("2016", 20)])
@example([("1700-01-01", -365), ("2199-12-31T23:59:59Z", 365), ("2020-01-01T10:30Z", 3)])
@example([("2023-02-29", 1), ("9999-12-31", 1), ("2020-01-01T24:00:00Z", 1), ("", 0)])
def test_a_column_is_read_like_its_values(pairs: list[tuple[str, int]]) -> None:
    moments = _read([text for text, _ in pairs], [shift for _, shift in pairs])
    texts, starts, _ = (column.to_pylist() for column in moments.columns())
    for row, (text, shift) in enumerate(pairs):
        expected = _expected(text, shift)
        assert moments.is_wrong[row] == (expected is None)
        assert (texts[row], starts[row]) == (expected or (None, None))


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("2020", "year"),
        ("2020-02", "month"),
        ("2020-02-03", "day"),
        ("2020-02-03T10:30Z", "minute"),
        ("2020-02-03T10:30:00Z", "second"),
        ("2020-02-03T10:30:00.5Z", "millisecond"),
        ("2020-02-03T10:30:00.123456+01:00", "microsecond"),
    ],
)
def test_the_precision_is_that_of_the_text(text: str, precision: str) -> None:
    assert precision in PRECISIONS
    assert _read([text], [10]).columns()[2].to_pylist() == [precision]


def test_a_partial_date_does_not_tell_the_shift() -> None:
    moments = _read(["2020", "2020-06"], [17, 17])
    text, start, _ = (column.to_pylist() for column in moments.columns())
    assert text == ["2020", "2020-06"]
    assert start == [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 6, 1, tzinfo=UTC)]


@pytest.mark.parametrize("texts", [[], [None], [None, None, "2020", None]])
def test_nulls_stay_and_are_not_wrong(texts: list[str | None]) -> None:
    moments = _read(texts, [5] * len(texts))
    assert moments.columns()[0].to_pylist() == texts
    assert not moments.is_wrong.any()


def test_a_slice_is_read_from_where_it_begins() -> None:
    whole = pa.array(["1850", None, "2020-01-01", "2020-01-02", "nothing"])
    moments = read_moments(whole[2:4], np.array([1, 1], np.int32))
    assert moments.columns()[0].to_pylist() == ["2020-01-02", "2020-01-03"]


def test_what_was_delivered_is_not_changed_in_place() -> None:
    delivered = pa.array(["2020-01-01"] * 3)
    read_moments(delivered, np.full(3, 7, np.int32))
    assert delivered.to_pylist() == ["2020-01-01"] * 3
