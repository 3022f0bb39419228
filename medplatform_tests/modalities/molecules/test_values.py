"""What a delivered value says."""

import pytest

from medplatform.modalities.molecules.values import Value, has_comma, parse_value, unit_of


@pytest.mark.parametrize(
    ("text", "number", "relation"),
    [
        ("1", 1, "="),
        ("-0.77", -0.77, "="),
        ("<-0.77", -0.77, "<"),
        (">= 1e3", 1000, ">="),
        ("≤5", 5, "<="),
        ("~.5", 0.5, "~"),
        ("True", 1, "="),
        ("CI", None, None),
        ("1.2.3", None, None),
        ("inf", None, None),
        ("1e999", None, None),
        ("5 nM", None, None),
    ],
)
def test_a_value(text: str, number: float | None, relation: str | None) -> None:
    value = parse_value(text)
    assert value == (text, number, relation)


@pytest.mark.parametrize(
    ("text", "number", "relation"),
    [
        ("6,25", 6.25, "="),
        ("-0,77", -0.77, "="),
        ("> 1,5E-3", 0.0015, ">"),
        ("6.25", 6.25, "="),
        ("1,2,3", None, None),
        ("1.234,5", None, None),
        (",5", None, None),
        ("5,", None, None),
    ],
)
def test_a_decimal_comma_is_read_where_one_is_expected(
    text: str, number: float | None, relation: str | None
) -> None:
    assert parse_value(text, decimal_comma=True) == (text, number, relation)


@pytest.mark.parametrize(
    ("text", "expected"), [("6,25", True), ("<1,5", True), ("a,b", False), ("1,2,3", False)]
)
def test_a_comma_that_may_be_decimal_is_told_from_others(text: str, expected: bool) -> None:
    assert parse_value(text) == Value(text)
    assert has_comma(Value(text)) is expected


@pytest.mark.parametrize("text", ["", " ", "NA", "nan", "NULL", "-", "."])
def test_a_missing_value_is_none(text: str) -> None:
    assert parse_value(text) is None


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("IC50 (nM)", "nM"),
        ("Ki_nM", "nM"),
        ("dG [kcal/mol]", "kcal/mol"),
        ("NR-AR", None),
        ("activity (yes/no)", None),
    ],
)
def test_a_unit_in_the_name_of_a_column(column: str, unit: str | None) -> None:
    assert unit_of(column) == unit
