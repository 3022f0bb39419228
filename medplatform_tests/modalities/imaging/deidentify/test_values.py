"""Dates of DICOM, moved in the precision that they have."""

from datetime import date, timedelta

import pytest

from medplatform.modalities.imaging.deidentify.values import shift_date, shift_datetime


def move(day: date) -> date:
    return day + timedelta(days=10)


@pytest.mark.parametrize(
    ("delivered", "published"),
    [
        ("20200225", "20200306"),
        ("2020.02.25", "20200306"),
        ("2020-02-25", "20200306"),
        (" 20200225 ", "20200306"),
        ("2020.0225", ""),
        ("20200230", ""),
        ("16991231", ""),
        ("2020", ""),
        ("", ""),
    ],
)
def test_days(delivered: str, published: str) -> None:
    assert shift_date(delivered, move) == published


@pytest.mark.parametrize(
    ("delivered", "published"),
    [
        ("20200225101500.123456+0100", "20200306101500.123456+0100"),
        ("2020022510", "2020030610"),
        ("20200225-0500", "20200306-0500"),
        ("202002", "202002"),
        ("202012", "202012"),
        ("2020", "2020"),
        ("2020+0100", "2020+0100"),
        ("20200225Jane", ""),
        ("yesterday", ""),
    ],
)
def test_moments(delivered: str, published: str) -> None:
    assert shift_datetime(delivered, move) == published
