"""Boundaries by the examples of the FHIRPath specification, and those of partial dates."""

from decimal import Decimal

import pytest

from medplatform.views import run_view
from medplatform_tests.views.build import columns, view


def boundary(element: str, value: object, call: str) -> object:
    resource = {"resourceType": "Observation", f"value{element[0].upper()}{element[1:]}": value}
    path = f"value.ofType({element}).{call}"
    (row,) = run_view([resource], view("Observation", columns(value=path)))
    return row["value"]


@pytest.mark.parametrize(
    ("value", "call", "expected"),
    [
        ("1.587", "lowBoundary()", "1.5865"),
        ("1.587", "lowBoundary(6)", "1.5865"),
        ("1.587", "lowBoundary(2)", "1.58"),
        ("1.587", "lowBoundary(0)", "1"),
        ("-1.587", "lowBoundary()", "-1.5875"),
        ("-1.587", "lowBoundary(2)", "-1.59"),
        ("-1.587", "lowBoundary(0)", "-2"),
        ("1.587", "highBoundary()", "1.5875"),
        ("1.587", "highBoundary(2)", "1.59"),
        ("1.587", "highBoundary(0)", "2"),
        ("-1.587", "highBoundary()", "-1.5865"),
        ("-1.587", "highBoundary(2)", "-1.58"),
        ("1.0", "lowBoundary()", "0.95"),
        ("1.0", "highBoundary()", "1.05"),
        ("1.00", "lowBoundary()", "0.995"),
        ("12", "lowBoundary()", "11.5"),
        ("100", "highBoundary(0)", "101"),
        ("0.000000001", "lowBoundary()", "0"),
    ],
)
def test_boundary_of_a_decimal(value: str, call: str, expected: str) -> None:
    quantity = {"resourceType": "Observation", "valueQuantity": {"value": Decimal(value)}}
    path = f"value.ofType(Quantity).value.{call}"
    (row,) = run_view([quantity], view("Observation", columns(value=path)))
    assert row["value"] == Decimal(expected)


def test_a_precision_beyond_the_implementation_gives_nothing() -> None:
    assert boundary("integer", 1, "lowBoundary(31)") is None


@pytest.mark.parametrize(
    ("value", "call", "expected"),
    [
        ("2010", "lowBoundary()", "2010-01-01"),
        ("2010-06", "lowBoundary()", "2010-06-01"),
        ("2010-06-05", "lowBoundary()", "2010-06-05"),
        ("2010", "highBoundary()", "2010-12-31"),
        ("2010-06", "highBoundary()", "2010-06-30"),
        ("2024-02", "highBoundary()", "2024-02-29"),
        ("2014", "lowBoundary(6)", "2014-01"),
        ("2014", "highBoundary(6)", "2014-12"),
        ("2014", "lowBoundary(5)", None),
    ],
)
def test_boundary_of_a_date(value: str, call: str, expected: str | None) -> None:
    patient = {"resourceType": "Patient", "birthDate": value}
    (row,) = run_view([patient], view("Patient", columns(value=f"birthDate.{call}")))
    assert row["value"] == expected


@pytest.mark.parametrize(
    ("value", "call", "expected"),
    [
        ("2010-10-10", "lowBoundary()", "2010-10-10T00:00:00.000+14:00"),
        ("2010-10-10", "highBoundary()", "2010-10-10T23:59:59.999-12:00"),
        ("2010", "highBoundary()", "2010-12-31T23:59:59.999-12:00"),
        ("2010-10-10T10:30:00Z", "lowBoundary()", "2010-10-10T10:30:00.000Z"),
        ("2010-10-10T10:30:00+02:00", "highBoundary()", "2010-10-10T10:30:00.999+02:00"),
        ("2010-10-10T10:30:00.5Z", "highBoundary()", "2010-10-10T10:30:00.599Z"),
        ("2010", "lowBoundary(6)", "2010-01"),
        ("2010", "lowBoundary(12)", "2010-01-01T00:00+14:00"),
        ("2010", "lowBoundary(13)", None),
    ],
)
def test_boundary_of_a_date_time(value: str, call: str, expected: str | None) -> None:
    assert boundary("dateTime", value, call) == expected


def test_boundary_of_an_instant_is_itself() -> None:
    instant = "2015-02-07T13:28:17.239+02:00"
    assert boundary("instant", instant, "lowBoundary()") == instant
    assert boundary("instant", instant, "highBoundary()") == instant


@pytest.mark.parametrize(
    ("value", "call", "expected"),
    [
        ("12:34", "lowBoundary()", "12:34:00.000"),
        ("12:34", "highBoundary()", "12:34:59.999"),
        ("12:34:56", "highBoundary()", "12:34:56.999"),
        ("12:34", "highBoundary(4)", "12:34"),
    ],
)
def test_boundary_of_a_time(value: str, call: str, expected: str) -> None:
    assert boundary("time", value, call) == expected


def test_boundaries_of_a_period_are_those_of_its_ends() -> None:
    period = {"start": "2010", "end": "2010-02"}
    assert boundary("Period", period, "lowBoundary()") == "2010-01-01T00:00:00.000+14:00"
    assert boundary("Period", period, "highBoundary()") == "2010-02-28T23:59:59.999-12:00"
