"""FHIR dates as moments."""

from datetime import UTC, datetime

import pytest

from medplatform.modalities.ehr.moment import read_moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1980", datetime(1980, 1, 1, tzinfo=UTC)),
        ("1980-05", datetime(1980, 5, 1, tzinfo=UTC)),
        ("1980-05-06", datetime(1980, 5, 6, tzinfo=UTC)),
        ("2020-01-01T00:00:00Z", datetime(2020, 1, 1, tzinfo=UTC)),
        ("2020-01-01T01:30:00+05:30", datetime(2019, 12, 31, 20, tzinfo=UTC)),
        ("2020-01-01T00:00:00.123456789Z", datetime(2020, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T18:59:60.5-05:00", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_is_its_first_moment_in_utc(text: str, expected: datetime) -> None:
    assert read_moment(text) == expected


@pytest.mark.parametrize(
    "text",
    ["0001-01-01", "9999-12-31", "9999-12-31T23:59:59-12:00", "1500", "2020-01-01T00:00:00", "x"],
)
def test_what_cannot_be_stored_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        read_moment(text)
