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

# A token of up to eight digits is one word: by its length, how far to shift it so that zeros stand
# before its digits, and which bits to take off to make numbers of characters.
_WORD = 8
_SHIFTS = (np.arange(_WORD, -1, -1) * 8 % 64).astype(np.uint64)
_ZEROS = np.array([0x3030303030303030 << 8 * (8 - n) & (2**64 - 1) for n in range(9)], np.uint64)
_SLICE_TOKENS = 1 << 14
"""Tokens that are read at once: what fits the cache of a core."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """One value per token: an array, the tokens that are missing, and those that are no number."""

    values: np.ndarray
    is_missing: np.ndarray
    is_wrong: np.ndarray


def read_integers(tokens: Tokens, which: np.ndarray) -> Numbers:
    """Some tokens as int32."""
    starts = tokens.starts[which]
    lengths = tokens.ends[which] - starts
    words = np.ndarray(len(tokens.content) - _WORD + 1, "<u8", tokens.content, strides=(1,))
    values = np.empty(len(which), np.int32)
    is_odd = np.empty(len(which), bool)
    for begin in range(0, len(which), _SLICE_TOKENS):
        part = slice(begin, begin + _SLICE_TOKENS)
        values[part], is_odd[part] = _digits(words[starts[part]], lengths[part])
    is_missing, is_wrong = np.zeros((2, len(which)), bool)
    odd = np.flatnonzero(is_odd)
    is_missing[odd] = tokens.is_missing(which[odd])
    known: dict[bytes, int | None] = {}
    for place in odd[~is_missing[odd]].tolist():
        text = tokens.text(int(which[place]))
        if text not in known:
            known[text] = _integer(text)
        value = known[text]
        is_wrong[place], values[place] = value is None, value or 0
    return Numbers(values, is_missing, is_wrong)


def _digits(words: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of words that begin with so many digits, and which are none of one to eight digits."""
    u = np.uint64
    known = np.minimum(lengths, _WORD)
    digits = (words << _SHIFTS[known]) ^ _ZEROS[known]
    # A byte above nine overflows into its highest bit, or has that set.
    above = ((digits + u(0x7676767676767676)) | digits) & u(0x8080808080808080)
    is_odd = (above != 0) | (lengths > _WORD) | (lengths == 0)
    # Pairs of digits, of pairs, of fours are joined, all of a word at once.
    digits = digits * u(10 << 8 | 1) >> u(8) & u(0x00FF00FF00FF00FF)
    digits = digits * u(100 << 16 | 1) >> u(16) & u(0x0000FFFF0000FFFF)
    return (digits * u(10000 << 32 | 1) >> u(32)).astype(np.int32), is_odd


def _integer(text: bytes) -> int | None:
    value = int(text) if _INTEGER.fullmatch(text) else None
    return value if value is not None and SMALLEST <= value <= LARGEST else None


def read_floats(tokens: Tokens, which: np.ndarray) -> Numbers:
    """Some tokens as float64."""
    is_missing = tokens.is_missing(which)
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
