"""Values are brought to another unit where UCUM, or what is known of the substance, says how."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medplatform.warehouse.units import (
    Conversion,
    NotCommensurable,
    NotUcum,
    Substance,
    UnitError,
    convert,
    is_number,
)

GLUCOSE = Substance(molar_mass=180.156)
CALCIUM = Substance(molar_mass=40.078, charge=2)
CREATININE = Substance(molar_mass=113.12)
ENZYME = Substance(international_unit="U")


@pytest.mark.parametrize(
    ("delivered", "wanted", "factor"),
    [
        ("mg/dL", "mg/dL", 1),
        ("g/L", "g/dL", 0.1),
        ("10*9/L", "10*3/uL", 1),
        ("{cells}/uL", "10*3/uL", 0.001),
        ("L/L", "%", 100),
        ("{ratio}", "%", 100),
        ("ug/mL{FEU}", "ng/mL{FEU}", 1000),
        ("ng/mL", "ng/mL{FEU}", 1),
        ("[ppm]", "%", 0.0001),
        ("kPa", "mm[Hg]", 7.50061575846),
        ("[lb_av]", "kg", 0.45359237),
        ("[in_i]", "cm", 2.54),
        ("ukat/L", "U/L", 60),
        ("u[IU]/mL", "m[IU]/L", 1),
        ("[iU]/L", "[IU]/L", 1),
        ("ug/mL{FEU}", "ng/mL{FEU}", 1000),
        ("mL/min", "mL/min/{1.73_m2}", 1),
        ("g/(24.h)", "mg/h", 1000 / 24),
    ],
)
def test_units_of_one_kind_are_converted(delivered: str, wanted: str, factor: float) -> None:
    assert convert(delivered, wanted) == Conversion(pytest.approx(factor), 0.0)


@pytest.mark.parametrize(
    ("delivered", "wanted", "substance", "factor"),
    [
        ("mmol/L", "mg/dL", GLUCOSE, 18.0156),
        ("mg/dL", "mmol/L", GLUCOSE, 1 / 18.0156),
        ("meq/L", "mmol/L", CALCIUM, 0.5),
        ("meq/L", "mg/dL", CALCIUM, 2.0039),
        ("mg/mmol", "mg/g", CREATININE, 8.84016973126),
        ("k[IU]/L", "U/L", ENZYME, 1000),
    ],
)
def test_a_substance_joins_mass_amount_charge_and_activity(
    delivered: str, wanted: str, substance: Substance, factor: float
) -> None:
    assert convert(delivered, wanted, substance) == Conversion(pytest.approx(factor), 0.0)
    with pytest.raises(NotCommensurable):
        convert(delivered, wanted)


def test_temperatures_have_another_zero() -> None:
    to_celsius = convert("[degF]", "Cel")
    assert 98.6 * to_celsius.factor + to_celsius.intercept == pytest.approx(37)
    assert convert("K", "Cel") == Conversion(1.0, -273.15)


def test_binary_noise_does_not_reach_the_values() -> None:
    assert convert("10*9/L", "10*3/uL").factor == 1.0
    assert convert("g/L", "mg/dL").factor == 100.0


@pytest.mark.parametrize(
    ("delivered", "wanted"),
    [
        ("mg/dL", "mm[Hg]"),
        ("mmol/mol", "%"),  # glycated haemoglobin: 48 mmol/mol is 6.5 %, not 4.8
        ("%", "mmol/mol"),
        ("%", "{INR}"),  # Quick's percentage
        ("{INR}", "%"),
        ("10*3", "{score}"),
        ("ng/mL{DDU}", "ng/mL{FEU}"),
        ("ug/mL{FEU}", "ng/mL{DDU}"),
        ("[arb'U]/mL", "[IU]/mL"),
        ("[IU]/mL", "/mL"),
        ("/[HPF]", "/uL"),
        ("mosm/kg", "mmol/kg"),
        ("deg", "1"),
        ("Cel", "mg/dL"),
        ("dB", "1"),
    ],
)
def test_quantities_of_different_kinds_are_not_converted(delivered: str, wanted: str) -> None:
    with pytest.raises(NotCommensurable):
        convert(delivered, wanted, GLUCOSE)


@pytest.mark.parametrize("text", ["mmHg", "K / uL", "", "(", "mg/dL/", "µg/L", "Cel/h"])
def test_a_text_that_is_no_unit_is_told_apart(text: str) -> None:
    with pytest.raises(NotUcum):
        convert(text, "mg/dL") if text else convert("mg/dL", "foo")


def test_annotated_numbers_are_numbers() -> None:
    assert all(is_number(unit) for unit in ("1", "{INR}", "{score}", "1{ratio}", "[pH]"))
    assert not any(is_number(unit) for unit in ("%", "10*3", "mg{a}/dL"))
    assert convert("{nominal}", "1") == convert("1", "[pH]") == Conversion()


PIECES = """
mg dL / . 10*3 {a} ( ) % Cel [degF] [pH] mol eq osm [IU] U 2 -1 0 B dB [HPF] µ ' [m/s2/Hz^(1/2)]
"""


@settings(deadline=None, max_examples=150, derandomize=True)
@given(
    st.lists(st.sampled_from(PIECES.split()), max_size=4).map("".join),
    st.sampled_from(["mg/dL", "Cel", "%", "U/L"]),
)
def test_any_text_is_converted_or_refused(delivered: str, wanted: str) -> None:
    try:
        conversion = convert(delivered, wanted, Substance(molar_mass=10, charge=1))
    except UnitError:
        return
    assert conversion.factor != 0


def test_the_libraries_are_imported_only_where_a_unit_is_read() -> None:
    program = (
        "import sys, medplatform.warehouse.conversions as c;"
        "c.convert('mg/dL', 'mg/dL'); print([m for m in ('pint', 'ucumvert') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout.strip() == b"[]"
