"""Texts to numbers by the rules of VCF (VCF 4.5, section 1.3): what is no number is told apart.

A batch is cast at once; only where that fails are its texts looked at for those at fault.
"""

# pyarrow.compute makes its functions when it is imported.
# pyright: reportAttributeAccessIssue=false

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MISSING = "."
_INTEGER = r"^[+-]?[0-9]{1,18}$"
_FLOAT = (
    r"(?i)^(?:[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,4})?|[+-]?inf(?:inity)?|[+-]?nan)$"
)
_INTEGER_RANGE = (-(2**31) + 8, 2**31 - 1)
"""BCF reserves the eight lowest values (VCF 4.5, section 1.3)."""
_ESCAPE = re.compile("%(3A|3B|3D|25|2C|0D|0A|09)", re.IGNORECASE)


def cast_texts(texts: pa.StringArray, dtype: pa.DataType) -> tuple[pa.Array, np.ndarray | None]:
    """The values of texts, null where they are '.' or at fault.

    Returns
    -------
    values
        Of the wanted type: int32, float64 or string.
    is_broken : bool
        Which texts are no value of the type; None where all are.
    """
    if pa.types.is_string(dtype):
        return _without_missing(texts), None
    values = _cast_all(texts, dtype)
    return _cast_carefully(texts, dtype) if values is None else (values, None)


def unescape(text: str) -> str:
    """Characters that VCF 4.3 writes with a percent sign (section 1.2)."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def _cast_all(texts: pa.StringArray, dtype: pa.DataType) -> pa.Array | None:
    """The values where all texts are ones."""
    data = texts.buffers()[2]
    # Arrow takes 0x10 for an integer, and nan(text) for a float.
    if data is not None and {ord("x"), ord("X"), ord("(")} & set(_distinct_bytes(data)):
        return None
    try:
        values = pc.cast(texts, dtype)
    except pa.ArrowInvalid:
        return None
    if pa.types.is_integer(dtype) and (pc.min(values).as_py() or 0) < _INTEGER_RANGE[0]:
        return None
    return values


def _distinct_bytes(data: pa.Buffer) -> list[int]:
    return np.flatnonzero(np.bincount(np.frombuffer(data, np.uint8), minlength=256)).tolist()


def _without_missing(texts: pa.StringArray) -> pa.StringArray:
    is_missing = pc.equal(texts, MISSING)
    if not is_missing.true_count:
        return texts
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), texts)


def _cast_carefully(
    texts: pa.StringArray, dtype: pa.DataType
) -> tuple[pa.Array, np.ndarray | None]:
    known = _without_missing(texts)
    is_integer = pa.types.is_integer(dtype)
    is_valid = pc.match_substring_regex(known, _INTEGER if is_integer else _FLOAT)
    plain = pc.if_else(is_valid, pc.utf8_ltrim(known, "+"), pa.scalar(None, pa.string()))
    if is_integer:
        wide = pc.cast(plain, pa.int64())
        least, most = _INTEGER_RANGE
        fits = pc.and_(pc.greater_equal(wide, least), pc.less_equal(wide, most))
        values = pc.cast(pc.if_else(fits, wide, pa.scalar(None, pa.int64())), dtype)
    else:
        values = pc.cast(plain, dtype)
    is_broken = pc.and_(pc.is_null(values), pc.is_valid(known)).to_numpy(zero_copy_only=False)
    return values, is_broken if is_broken.any() else None
