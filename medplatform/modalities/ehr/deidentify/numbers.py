"""Decimals as delivered and as numbers; ages over 89; noise."""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.ehr.deidentify.distinct import Column
from medplatform.modalities.ehr.deidentify.levels import Scope
from medplatform.modalities.ehr.deidentify.policy import Noise
from medplatform.privacy import Identity
from medplatform.privacy.policy import OLDEST_AGE

_PER_YEAR = {"a": 1, "mo": 12, "wk": 52.18, "d": 365.25, "h": 8766, "min": 525960, "s": 31557600}
# UCUM's years and months of other calendars differ by less than ages are told apart.
_CODES = {code: code for code in _PER_YEAR}
_CODES |= {f"{code}_{kind}": code for code in ("a", "mo") for kind in "jgts"}
_LIMITS = {code: float(round(OLDEST_AGE * count)) for code, count in _PER_YEAR.items()}
_WORDS = {
    "a": ("y", "ys", "yr", "yrs", "year", "years", "yo", "yoa"),
    "mo": ("mos", "mth", "mths", "mon", "month", "months"),
    "wk": ("w", "wks", "week", "weeks"),
    "d": ("day", "days"),
    "h": ("hr", "hrs", "hour", "hours"),
    "min": ("mins", "minute", "minutes"),
    "s": ("sec", "secs", "second", "seconds"),
}
_NAMES = {word: code for code, words in _WORDS.items() for word in (code, *words)}
_AGE_UNIT = re.compile(
    r"\s*([a-z]+)(?:\(s\))?\.?(?:[\s_-]*(?:old|of\s+age|age))?\s*(?:\{.*\})?\s*", re.I
)
AGE_CODES = frozenset(_CODES)
"""UCUM codes of the units of time that ages are told in."""
AGE_WORDS = _AGE_UNIT.pattern.replace("[a-z]+", "|".join(sorted(_NAMES.keys() - _CODES.keys())))
"""A regular expression of what such units are called, `(?i)` left out."""
ANNOTATED_CODES = rf"(?:{'|'.join(sorted(AGE_CODES))})\{{.*\}}"
"""A regular expression of such codes with an annotation, in which case matters."""


def read_decimals(array: pa.Array) -> tuple[pa.Array, np.ndarray | None]:
    """Text as float64, and which of the texts are no finite number, if any are not."""
    try:
        numbers = array.cast(pa.float64())
    except pa.ArrowInvalid:
        numbers = pa.array([_number(text) for text in array.to_pylist()], pa.float64())
    good = pc.fill_null(pc.is_finite(numbers), array.is_null())
    good = pc.fill_null(good, False)
    if pc.all(good, min_count=0).as_py():
        return numbers, None
    wrong = ~good.to_numpy(zero_copy_only=False)
    return pc.if_else(good, numbers, pa.scalar(None, pa.float64())), wrong


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return float("nan")


def merge_ages(array: pa.Array, quantity: Scope) -> pa.Array:
    """Decimal texts of ages, those of 90 years and more as 90 years in their unit.

    The unit is that of the quantity's code, else of its name, else years.
    """
    numbers, _ = read_decimals(array)
    nothing = pa.nulls(len(array), pa.string())
    names = [Column(quantity.fields.get(name, nothing)) for name in ("code", "unit")]
    codes = pc.coalesce(*(name.map(_read_unit) for name in names), pa.scalar("a"))
    units, indices = Column(codes).encoded
    limits = np.array([_LIMITS[unit] for unit in units], np.float64)[indices.to_numpy()]
    is_over = pc.fill_null(pc.greater_equal(numbers, pa.array(limits)), False)
    if not pc.any(is_over, min_count=0).as_py():
        return array
    merged = pa.array([f"{limit:.0f}" for limit in limits.tolist()])
    return pc.if_else(is_over, merged, array)


def _read_unit(unit: str) -> str | None:
    """The UCUM code of a unit of time; None for any other text, such as a code of SNOMED CT."""
    word = _AGE_UNIT.fullmatch(unit)
    return _CODES.get(unit.strip()) or _NAMES.get(word[1].lower() if word else "")


def merge_years(array: pa.Array) -> pa.Array:
    """Whole years of age, those of 90 years and more as 90."""
    return pc.min_element_wise(array, pa.scalar(OLDEST_AGE, array.type), skip_nulls=False)


def perturb(array: pa.Array, noise: Noise, identity: Identity) -> pa.Array:
    """Texts of numbers, each moved by noise that follows from it under a secret key.

    Equal numbers stay equal, and a delivery that is read again gives the same result.
    """

    def move(text: str) -> str | None:
        value = _number(text)
        if value is None or not np.isfinite(value):
            return text
        digest = identity.keys.mac("noise", text)
        share = int.from_bytes(digest[:8], "big") / 2**64 - 0.5
        span = noise.span * abs(value) if noise.is_proportional else noise.span
        return f"{value + share * span:.{noise.decimals}f}"

    return Column(array).map(move)
