"""How the values of each delivered code and unit are converted, and what the seeds must keep."""

import csv
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.ehr.units import UCUM_CODES, UNIT_TEXTS
from medplatform.warehouse.conversions import (
    SEEDS,
    Measurement,
    Reference,
    describe,
    read_reference,
    write_ucum_conversions,
)
from medplatform.warehouse.units import Conversion, NotCommensurable, Substance, convert, is_number
from medplatform_tests.warehouse.records import LOINC, observation, publish

REFERENCE = Reference(
    measurements={
        (LOINC, "2345-7"): Measurement("glucose", "mg/dL", Substance(molar_mass=180.156)),
        (LOINC, "777-3"): Measurement("platelets", "10*3/uL", Substance()),
        (LOINC, "6301-6"): Measurement("inr", "{INR}", Substance()),
        (LOINC, "4544-3"): Measurement("hematocrit", "%", Substance()),
        (LOINC, "4548-4"): Measurement("hba1c", "%", Substance()),
    },
    spellings={"K/uL": "10*3/uL", "mg/dl": "mg/dL", "mg per dl": "mg/dL"},
    reviewed={("hba1c", "mmol/mol", "%"): Conversion(0.09148, 2.152)},
)


def row(code: str, unit: str | None) -> dict[str, Any]:
    pair = {"observation_system": LOINC, "observation_code": code, "value_unit": unit}
    return describe(pair | {"value_count": 3}, REFERENCE)


def rule(code: str, unit: str | None) -> tuple[Any, ...]:
    described = row(code, unit)
    return tuple(described.get(name) for name in ("ucum_unit", "unit", "factor", "intercept"))


def test_a_unit_is_converted_to_that_of_the_code() -> None:
    assert rule("2345-7", "mmol/L") == ("mmol/L", "mg/dL", 18.0156, 0.0)
    assert row("2345-7", "mmol/L")["value_count"] == 3


def test_a_common_spelling_goes_before_ucum() -> None:
    """K/uL is kelvin per microlitre in UCUM."""
    assert rule("777-3", "K/uL") == ("10*3/uL", "10*3/uL", 1.0, 0.0)


def test_a_reviewed_conversion_goes_before_what_is_computed() -> None:
    assert rule("4548-4", "mmol/mol") == ("mmol/mol", "%", 0.09148, 2.152)


def test_a_missing_unit_means_a_number_and_never_a_percentage() -> None:
    assert rule("6301-6", None) == (None, "{INR}", 1.0, 0.0)
    assert row("4544-3", None)["problem"] == "unit missing"
    assert row("2345-7", None)["problem"] == "unit missing"


@pytest.mark.parametrize(
    ("code", "unit", "problem"),
    [
        ("2345-7", "mm[Hg]", "unit of another kind of quantity"),
        ("777-3", "mmol/L", "unit of another kind of quantity"),
        ("2345-7", "mg per dL", "unit not in UCUM"),
        ("99999-9", "mg/dl", "code not listed"),
        ("6301-6", "%", "unit of another kind of quantity"),
        ("6301-6", "[REDACTED]", "unit not in UCUM"),
        ("2345-7", "mg/ML", "unit not in UCUM"),
        ("2345-7", "Mg/L", "unit not in UCUM"),
    ],
)
def test_what_cannot_be_converted_stays_and_says_why(code: str, unit: str, problem: str) -> None:
    described = row(code, unit)
    assert described["problem"] == problem
    assert "factor" not in described


@pytest.mark.parametrize("unit", ["mg / dl", "mg/ dl", "mg /dL", "mg per dl"])
def test_blanks_in_a_unit_mean_nothing(unit: str) -> None:
    assert rule("2345-7", unit) == ("mg/dL", "mg/dL", 1.0, 0.0)


def test_a_unit_of_an_unlisted_code_is_still_written_in_ucum() -> None:
    assert row("99999-9", "mg/dl")["ucum_unit"] == "mg/dL"
    assert row("2345-7", "mg per dL")["ucum_unit"] is None


def test_each_code_and_unit_of_labs_and_vitals_is_counted_once(tmp_path: Path) -> None:
    def value(name: str, code: str, unit: str | None, category: str | None) -> Any:
        more = {"value_number": 1.0, "value_unit": unit, "category_code": category}
        return observation("ann", name, code, "2021-01-01", **more)

    rows = [
        value("a", "2345-7", "mg/dL", "laboratory"),
        value("b", "2345-7", "mg/dL", None),
        value("c", "2345-7", "mmol/L", "laboratory"),
        value("d", "99999-9", None, "vital-signs"),
        value("e", "72106-8", "{score}", "survey"),
        observation("ann", "f", "5778-6", "2021-01-01", category_code="laboratory"),
    ]
    publish(tmp_path / "lake", "a", {"ehr_observation": rows})
    written = write_ucum_conversions(Lake(tmp_path / "lake"), tmp_path / "marts")
    columns = ["observation_code", "delivered_unit", "value_count", "factor", "problem"]
    assert written.select(columns).rows() == [
        ("2345-7", "mg/dL", 2, 1.0, None),
        ("2345-7", "mmol/L", 1, 18.0156, None),
        ("99999-9", None, 1, None, "code not listed"),
    ]
    assert pl.read_parquet(tmp_path / "marts/ucum_conversion.parquet").equals(written)


def test_an_empty_lake_has_no_conversions(tmp_path: Path) -> None:
    written = write_ucum_conversions(Lake(tmp_path / "lake"), tmp_path / "marts")
    assert written.height == 0
    assert written.schema["factor"] == pl.Float64


SEEDED = read_reference()


def seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_seeded_unit_is_one_of_ucum() -> None:
    units = {m.unit for m in SEEDED.measurements.values()} | {*SEEDED.spellings.values()}
    for unit in sorted(unit for unit in units if not is_number(unit)):
        with pytest.raises(NotCommensurable):  # NotUcum would be the other answer
            convert(unit, "cd")


def test_units_that_are_published_are_those_of_the_seeds() -> None:
    """A spelling with a blank that de-identification drops can never be read."""
    assert {spelling for spelling in SEEDED.spellings if " " in spelling} == UNIT_TEXTS
    assert {m.unit for m in SEEDED.measurements.values()} <= UCUM_CODES
    assert {*SEEDED.spellings.values()} <= UCUM_CODES


def test_milli_litres_in_capitals_are_no_megalitres() -> None:
    assert SEEDED.spellings["ng/ML"] == "ng/mL"


def test_a_measurement_has_one_unit_in_one_mart_within_limits() -> None:
    facts: dict[str, set[tuple[str, ...]]] = {}
    for code in seed("measurement_codes"):
        limits = code["plausible_low"], code["plausible_high"]
        assert float(limits[0]) < float(limits[1])
        facts.setdefault(code["measurement"], set()).add((code["mart"], code["unit"], *limits))
    assert all(len(kinds) == 1 for kinds in facts.values())


def test_reviewed_conversions_lead_to_the_unit_of_the_measurement() -> None:
    units = {m.name: m.unit for m in SEEDED.measurements.values()}
    for name, delivered, unit in SEEDED.reviewed:
        assert units[name] == unit, delivered


def test_loinc_codes_have_the_right_check_digit() -> None:
    """Luhn (LOINC Users' Guide, appendix C), but for one code that was issued without."""
    codes = {code["code"] for code in seed("measurement_codes") if code["code_system"] == LOINC}
    assert {code for code in codes if not _is_valid(code)} == {"3150-6"}


def _is_valid(code: str) -> bool:
    number, digit = code.split("-")
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(number))]
    return (sum(n // 10 + n % 10 for n in doubled) + int(digit)) % 10 == 0
