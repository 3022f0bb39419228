"""What it takes to bring a value from one UCUM unit to another.

ucumvert reads UCUM (https://ucum.org/ucum), pint does the arithmetic. What units alone cannot say
is told by a `Substance`: its molar mass, its charge, and what its international unit stands for.

Not here: which unit is wanted for which code, and other ways to write a unit.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lark import Lark
    from pint.facets.plain import PlainQuantity
    from ucumvert import UcumToPintTransformer

PURE_NUMBER = "1"
"""The UCUM unit of a number without a unit."""

_SPECIFIC_DIGITS = 12
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_SHARES = ("{ratio}", "{fraction}")
_SUBSTANCE = "[substance]"
# Numbers by another name. Every other unit without a dimension (international units, fields of a
# microscope, Hounsfield units) counts something of its own and equals nothing else.
_NUMBERS = frozenset({"_10", "percent", "permille", "ppth", "ppm", "ppb", "pptr"})
# Defined as one mole, though a mole of what has to be known.
_AMOUNTS = frozenset({"equivalents", "osmole"})


class UnitError(ValueError):
    """A value cannot be brought to the unit that is wanted."""


class NotUcum(UnitError):
    """The text is no unit of UCUM, or one of a scale that cannot be converted (pH)."""


class NotCommensurable(UnitError):
    """The two units measure different kinds of quantity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Substance:
    """What has to be known of a substance to convert between kinds of quantity.

    Parameters
    ----------
    molar_mass
        In g/mol, for mass and amount: mg/dL and mmol/L.
    charge
        Absolute charge number, for equivalents and moles: 1 meq/L of Ca++ is 0.5 mmol/L.
    international_unit
        What one [IU] of it is, in UCUM: U for an enzyme.
    """

    molar_mass: float | None = None
    charge: int | None = None
    international_unit: str | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """value in the wanted unit = value * factor + intercept."""

    factor: float = 1.0
    intercept: float = 0.0


def convert(delivered: str, wanted: str, substance: Substance | None = None) -> Conversion:
    """How to bring values from one UCUM unit to another.

    Raises
    ------
    NotUcum
        One of the two cannot be read.
    NotCommensurable
        They measure different kinds of quantity. So do % and mmol/mol (percent of what?), % and
        {INR}, {FEU} and {DDU}, and arbitrary units such as [IU] and U, unless the substance says
        what they stand for.

    Examples
    --------
    >>> convert("mmol/L", "mg/dL", Substance(molar_mass=180.156)).factor
    18.0156
    >>> convert("[degF]", "Cel")
    Conversion(factor=0.555555555556, intercept=-17.7777777778)
    """
    if delivered == wanted or (is_number(delivered) and is_number(wanted)):
        return Conversion()
    substance = substance or Substance()
    source = _resolve(_parse(delivered), substance)
    target = _resolve(_parse(wanted), substance)
    is_alike = _fibrin(delivered) in (_fibrin(wanted), frozenset()) or not _fibrin(wanted)
    if _is_index(delivered) or _is_index(wanted) or not is_alike or _kind(source) != _kind(target):
        raise NotCommensurable(f"{delivered} and {wanted} count different things")
    if source.dimensionality == target.dimensionality:
        return _affine(source, target)
    for bridge in _bridges(substance):
        if source.dimensionality * bridge.dimensionality == target.dimensionality:
            return _affine(source * bridge, target)
    raise NotCommensurable(f"{delivered} and {wanted} are of different dimensions")


def is_number(unit: str) -> bool:
    """Whether the unit only annotates a number: 1, {INR}, {score}; pH is a number as well."""
    return unit == "[pH]" or _ANNOTATION.sub("", unit) in ("", PURE_NUMBER)


def _is_index(unit: str) -> bool:
    """Whether the unit annotates a number that is no share: 35 % of normal is no INR of 0.35."""
    return is_number(unit) and unit not in (PURE_NUMBER, "[pH]", *_SHARES)


def _fibrin(unit: str) -> frozenset[str]:
    """What D-dimer is counted as: fibrinogen or D-dimer units, which differ by about 2."""
    return frozenset(_ANNOTATION.findall(unit)) & {"{FEU}", "{DDU}"}


@cache
def _reader() -> "tuple[Lark, UcumToPintTransformer]":
    from ucumvert import UcumToPintTransformer, get_ucum_parser

    return get_ucum_parser(), UcumToPintTransformer()


def _registry() -> Any:  # pint's registry makes its classes when it is made
    return _reader()[1].ureg


def _parse(unit: str) -> "PlainQuantity[Any]":
    from lark.exceptions import VisitError
    from ucumvert.parser import InvalidUcumError, parse_ucum

    parser, transformer = _reader()
    if is_number(unit) and unit != "[pH]":
        return _registry().Quantity(1.0)
    try:
        return transformer.transform(parse_ucum(unit, parser))
    except (InvalidUcumError, VisitError):
        raise NotUcum(f"{unit} is no unit of UCUM that can be converted") from None


def _units(quantity: "PlainQuantity[Any]") -> "Iterator[tuple[str, str, float]]":
    """The units of a quantity: name, name without prefix (milliequivalents: equivalents), power."""
    for name, exponent in quantity.unit_items():
        parsed = _registry().parse_unit_name(name)
        yield name, parsed[0][1] if parsed else name, float(str(exponent))


def _resolve(quantity: "PlainQuantity[Any]", substance: Substance) -> "PlainQuantity[Any]":
    """Say equivalents and international units as what they are of this substance."""
    registry = _registry()
    meaning = {}
    if substance.charge:
        meaning["equivalents"] = registry.Quantity(1 / substance.charge, "mole")
    if substance.international_unit:
        meaning["international_unit"] = _parse(substance.international_unit)
    for name, base, exponent in _units(quantity):
        if base in meaning:
            unit = registry.Quantity(1.0, name)
            meant = meaning[base] * unit.to(base).magnitude
            quantity = quantity * (meant / unit) ** exponent
    return quantity


def _kind(quantity: "PlainQuantity[Any]") -> tuple[object, ...]:
    """What the dimension does not tell: arbitrary units, and whether it is a share of moles."""
    arbitrary: dict[str, float] = {}
    moles_above = moles_below = False
    for _, base, exponent in _units(quantity):
        dimension = _registry().get_dimensionality(base)
        if _SUBSTANCE in dimension:
            moles_above |= dimension[_SUBSTANCE] * exponent > 0
            moles_below |= dimension[_SUBSTANCE] * exponent < 0
        if base in _AMOUNTS or (not dimension and base not in _NUMBERS):
            arbitrary[base] = arbitrary.get(base, 0) + exponent
    return (moles_above and moles_below, *sorted(arbitrary.items()))


def _bridges(substance: Substance) -> "Iterator[PlainQuantity[Any]]":
    """Factors from amount to mass, and back."""
    if substance.molar_mass:
        molar_mass = _registry().Quantity(substance.molar_mass, "gram / mole")
        yield molar_mass
        yield 1 / molar_mass


def _affine(source: "PlainQuantity[Any]", target: "PlainQuantity[Any]") -> Conversion:
    """Factor and intercept between units of one dimension; temperatures have an intercept."""
    registry = _registry()

    def value(number: float) -> float:
        scaled = registry.Quantity(number * source.magnitude, source.units)
        return float(scaled.to(target.units).magnitude / target.magnitude)

    intercept = value(0.0)
    factor = value(1.0) - intercept
    if abs(value(3.0) - (3 * factor + intercept)) > 1e-9 * abs(factor):
        raise NotCommensurable("one of the units is of a logarithmic scale")
    return Conversion(_rounded(factor), _rounded(intercept))


def _rounded(number: float) -> float:
    """Without the noise of binary arithmetic: 1.0000000000000002 is 1."""
    return float(f"{number:.{_SPECIFIC_DIGITS}g}")
