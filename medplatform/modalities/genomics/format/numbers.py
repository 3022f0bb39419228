"""Numbers of many tokens at once (VCF 4.3, section 1.3: Integer and Float)."""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.genomics.format.tokens import Tokens

# BCF gives the lowest eight values other meanings, so no VCF may hold them (section 1.3).
SMALLEST, LARGEST = -(2**31) + 8, 2**31 - 1
_INTEGER = re.compile(rb"[+-]?[0-9]{1,10}")
_FLOAT = re.compile(
    rb"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,4})?|inf(?:inity)?|nan)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """One value per token: an array, the tokens that are missing, and those that are no number."""

    values: np.ndarray
    is_missing: np.ndarray
    is_wrong: np.ndarray


def read_integers(tokens: Tokens, which: np.ndarray) -> Numbers:
    """Some tokens as int32."""
    digits, is_odd = tokens.digits
    values, is_missing = digits[which], tokens.is_missing[which]
    is_wrong = np.zeros(len(which), bool)
    known: dict[bytes, int | None] = {}
    for place in np.flatnonzero(is_odd[which] & ~is_missing).tolist():
        text = tokens.text(int(which[place]))
        if text not in known:
            known[text] = _integer(text)
        value = known[text]
        is_wrong[place], values[place] = value is None, value or 0
    return Numbers(values, is_missing, is_wrong)


def _integer(text: bytes) -> int | None:
    value = int(text) if _INTEGER.fullmatch(text) else None
    return value if value is not None and SMALLEST <= value <= LARGEST else None


def read_floats(tokens: Tokens, which: np.ndarray) -> Numbers:
    """Some tokens as float64."""
    is_missing = tokens.is_missing[which]
    is_wrong = np.zeros(len(which), bool)
    texts = pc.if_else(pa.array(is_missing), pa.scalar("nan"), tokens.texts(which))
    try:
        values = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # one of them is no number, or has a sign that Arrow does not know
        known = {text: _float(text.encode()) for text in texts.unique().to_pylist()}
        found = [known[text] for text in texts.to_pylist()]
        is_wrong = np.array([value is None for value in found], bool)
        values = np.array([value or 0.0 for value in found], np.float64)
    return Numbers(values, is_missing, is_wrong)


def _float(text: bytes) -> float | None:
    return float(text) if _FLOAT.fullmatch(text) else None
