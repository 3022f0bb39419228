"""Values of elements from their bytes in little-endian order, by VR (PS3.5 6.2).

Each converter raises ValueError for bytes that are not of its VR. Padding is what pydicom takes
for padding.
"""

import math
from collections.abc import Callable, Mapping
from struct import Struct, unpack

from medplatform.modalities.imaging.flatten.charset import LATIN_1, Charset

Value = tuple[tuple[str, ...] | None, tuple[float, ...] | None, bytes | None]
"""The fields text, number and binary of an element."""
Converter = Callable[[bytes, Charset], Value]

PADDING = " \0"
_EXACT_DIGITS = 15
"""A whole number of so many characters is exact as a double."""


def convert(vr: str, content: bytes, charset: Charset) -> Value:
    """The value of an element that has no items; bytes that are not of its VR as they are."""
    if not content:
        return EMPTY[vr]
    try:
        return CONVERTERS[vr](content, charset)
    except ValueError:
        return None, None, content


def _strings(content: bytes, _charset: Charset) -> Value:
    text = content.decode(LATIN_1).rstrip(PADDING)
    return (tuple(text.split("\\")) if "\\" in text else (text,)), None, None


def _uids(content: bytes, _charset: Charset) -> Value:
    parts = content.decode(LATIN_1).rstrip(PADDING).split("\\")
    return tuple([part.strip() for part in parts]), None, None


def _titles(content: bytes, _charset: Charset) -> Value:
    return tuple([part.strip() for part in content.decode(LATIN_1).split("\\")]), None, None


def _link(content: bytes, _charset: Charset) -> Value:
    return (content.decode(LATIN_1).rstrip(),), None, None


def _texts(content: bytes, charset: Charset) -> Value:
    text = charset.decode(content)
    if "\\" in text:
        return tuple([part.rstrip(PADDING) for part in text.split("\\")]), None, None
    return (text.rstrip(PADDING),), None, None


def _names(content: bytes, charset: Charset) -> Value:
    return tuple(charset.decode(content.rstrip(b" \0")).split("\\")), None, None


def _paragraph(content: bytes, charset: Charset) -> Value:
    return (charset.decode(content).rstrip(PADDING),), None, None


def _decimals(content: bytes, _charset: Charset) -> Value:
    text = content.decode(LATIN_1).strip().rstrip(PADDING)
    parts = text.split("\\")
    try:
        numbers = tuple(map(float, parts))
    except ValueError:
        return _unparsed(content)
    if "_" in text or not all(map(math.isfinite, numbers)):
        return _unparsed(content)
    return tuple([part.strip() for part in parts]), numbers, None


def _integers(content: bytes, _charset: Charset) -> Value:
    text = content.decode(LATIN_1).rstrip(PADDING)
    parts = text.split("\\")
    try:
        numbers = tuple(map(int, parts))
    except ValueError:
        return _whole_decimals(content)
    if "_" in text or max(map(len, parts)) > _EXACT_DIGITS:
        return _unparsed(content)
    return tuple([part.strip() for part in parts]), numbers, None


def _whole_decimals(content: bytes) -> Value:
    """Integers written as decimals, such as 1.0, which pydicom accepts."""
    text, numbers, _ = _decimals(content, _LATIN)
    if numbers is None or not all(map(float.is_integer, numbers)):
        return _unparsed(content)
    return text, numbers, None


def _unparsed(content: bytes) -> Value:
    """Text that is no number, or nothing but padding."""
    return tuple(content.decode(LATIN_1).rstrip(PADDING).split("\\")), None, None


def _tags(content: bytes, _charset: Charset) -> Value:
    halves = _unpack_all("H", 2, content)
    if len(halves) % 2:
        raise ValueError("half a tag")
    pairs = zip(halves[::2], halves[1::2], strict=True)
    return tuple([f"{group:04X}{number:04X}" for group, number in pairs]), None, None


def _unpack_all(code: str, size: int, content: bytes) -> tuple[int, ...]:
    count, rest = divmod(len(content), size)
    if rest:
        raise ValueError("part of a number")
    return unpack(f"<{count}{code}", content)


def _numbers(code: str) -> Converter:
    one = Struct(f"<{code}")
    size = one.size

    def convert_numbers(content: bytes, _charset: Charset) -> Value:
        if len(content) == size:
            return None, one.unpack(content), None
        return None, _unpack_all(code, size, content), None

    return convert_numbers


def _long_integers(code: str) -> Converter:
    def convert_integers(content: bytes, _charset: Charset) -> Value:
        return tuple(map(str, _unpack_all(code, 8, content))), None, None

    return convert_integers


def _bytes(content: bytes, _charset: Charset) -> Value:
    return None, None, content


def _broken_sequence(_content: bytes, _charset: Charset) -> Value:
    raise ValueError("bytes without items")


_LATIN = Charset(LATIN_1, ())
NUMBER_CODES = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "UL": "I", "US": "H"}
"""Of the module `struct`."""
LONG_CODES = {"SV": "q", "UV": "Q"}
WORD_BYTES = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}
"""VRs whose bytes have an order, with the length of their words."""

CONVERTERS: Mapping[str, Converter] = {
    **dict.fromkeys(("AS", "CS", "DA", "DT", "TM"), _strings),
    **dict.fromkeys(("LO", "SH", "UC"), _texts),
    **dict.fromkeys(("LT", "ST", "UT"), _paragraph),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), _bytes),
    **{vr: _numbers(code) for vr, code in NUMBER_CODES.items()},
    **{vr: _long_integers(code) for vr, code in LONG_CODES.items()},
    "AE": _titles,
    "AT": _tags,
    "DS": _decimals,
    "IS": _integers,
    "PN": _names,
    "SQ": _broken_sequence,
    "UI": _uids,
    "UR": _link,
}
EMPTY: Mapping[str, Value] = {
    vr: (None, None, b"")
    if converter is _bytes
    else (
        None if vr in NUMBER_CODES else (),
        () if vr in NUMBER_CODES or vr in ("DS", "IS") else None,
        None,
    )
    for vr, converter in CONVERTERS.items()
} | {"SQ": (None, (0,), None)}
"""Values of length zero."""
