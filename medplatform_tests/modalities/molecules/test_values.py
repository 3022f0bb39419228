"""What a delivered value says."""

import pytest

from medplatform.modalities.molecules.values import parse_value, unit_of


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
