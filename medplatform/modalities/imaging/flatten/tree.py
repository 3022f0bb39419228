"""The elements of a data set that pydicom has parsed: any transfer syntax, any character set."""

import struct
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from pydicom import Dataset, Sequence
from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue
from pydicom.values import convert_SQ

from medplatform.modalities.imaging.flatten.charset import (
    DEFAULT,
    Charset,
    charset_of_encodings,
)
from medplatform.modalities.imaging.flatten.dictionary import (
    implicit_vr,
    is_private_creator,
    known_vr,
    resolve_vr,
)
from medplatform.modalities.imaging.flatten.element import (
    LONGEST_UN,
    PIXEL_TAGS,
    UNDEFINED,
    VRS,
    Element,
)
from medplatform.modalities.imaging.flatten.values import (
    EMPTY,
    NUMBER_CODES,
    Value,
    convert,
)

VALUE_ERRORS = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,  # a sequence without an item
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom raises on an element whose bytes are not of its VR."""

Stored = DataElement | RawDataElement
MAX_DEPTH = 100
WORD_BYTES = {
    **dict.fromkeys(("AT", "OW", "SS", "US"), 2),
    **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}
"""VRs whose bytes have an order, with the length of their words (PS3.5 7.3)."""

_PIXEL_REPRESENTATION = 0x00280103
_LUT_DESCRIPTOR = 0x00283002
_ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00", b"\xfe\xff\xdd\xe0", b"\xff\xfe\xe0\xdd")


class _Level(NamedTuple):
    """What an item has from the data sets around it."""

    prefix: str = ""
    depth: int = 0
    pixel_representation: float | None = None
    lut_entries: float | None = None


def flatten_dataset(dataset: Dataset) -> list[Element]:
    """All elements but the pixel data, those of its file meta information first.

    Of an element that the file has twice only the last is here, as pydicom drops the others.

    Raises
    ------
    RecursionError
        Sequences are nested more than `MAX_DEPTH` deep.
    """
    meta = getattr(dataset, "file_meta", None)
    with warnings.catch_warnings(action="ignore"):
        found = list(_elements(meta, _Level())) if meta is not None else []
        found += _elements(dataset, _Level())
    return found


def _elements(dataset: Dataset, level: _Level) -> Iterator[Element]:
    if level.depth > MAX_DEPTH:
        raise RecursionError("sequences are nested too deep")
    charset = charset_of_encodings(dataset.original_character_set or default_encoding)
    level = level._replace(lut_entries=_first(dataset, _LUT_DESCRIPTOR))
    if _PIXEL_REPRESENTATION in dataset:
        level = level._replace(pixel_representation=_first(dataset, _PIXEL_REPRESENTATION))
    creators: dict[int, str | None] = {}
    for tag in sorted(dataset.keys()):
        if level.depth == 0 and tag in PIXEL_TAGS:
            continue
        stored = _stored(dataset, tag)
        creator = None if is_private_creator(tag) else creators.get(tag >> 8) or None
        vr = _vr(stored, tag, creator, level)
        path = f"{level.prefix}{tag:08X}"
        if vr == "SQ" and (items := _items(stored, charset)) is not None:
            yield Element(path, vr, creator, None, (len(items),))
            for number, item in enumerate(items):
                inner = level._replace(prefix=f"{path}[{number}].", depth=level.depth + 1)
                yield from _elements(item, inner)
            continue
        text, numbers, binary = _value(vr, stored, charset)
        yield Element(path, vr, creator, text, numbers, binary)
        if is_private_creator(tag):
            creators[tag.group << 8 | tag.element] = text[0] if text and len(text) == 1 else None


def _stored(dataset: Dataset, tag: int) -> Stored:
    """An element as it was read, or as it was set; one that was left in the file is read now."""
    stored = dataset.get_item(tag, keep_deferred=True)
    is_left = isinstance(stored, RawDataElement) and stored.value is None and stored.length
    return dataset[tag] if is_left else stored


def _first(dataset: Dataset, tag: int) -> float | None:
    """The first value of an element of VR US."""
    if tag not in dataset:
        return None
    _, numbers, _ = _value("US", _stored(dataset, tag), DEFAULT)
    return numbers[0] if numbers else None


def _vr(stored: Stored, tag: int, creator: str | None, level: _Level) -> str:
    vr = stored.VR
    length = stored.length if isinstance(stored, RawDataElement) else 0
    if vr is None:
        vr = implicit_vr(tag, creator)
    elif vr == "UN" and length != UNDEFINED and (tag >> 16 & 1 or length < LONGEST_UN):
        vr = known_vr(tag, creator)
    if " " in vr:
        return resolve_vr(
            vr,
            tag,
            pixel_representation=level.pixel_representation,
            lut_entries=level.lut_entries,
        )
    return str(vr) if vr in VRS else "UN"


def _items(stored: Stored, charset: Charset) -> list[Dataset] | None:
    """The items of a sequence, None where its bytes are none."""
    if isinstance(stored, RawDataElement):
        if not stored.value:
            return []
        if not stored.value.startswith(_ITEMS):
            return None
        try:
            return list(
                convert_SQ(
                    stored.value,
                    stored.is_implicit_VR,
                    stored.is_little_endian,
                    list(charset.encodings),
                )
            )
        except VALUE_ERRORS:
            return None
    return list(stored.value) if isinstance(stored.value, Sequence) else None


def _value(vr: str, stored: Stored, charset: Charset) -> Value:
    if isinstance(stored, RawDataElement):
        content = stored.value or b""
        if stored.is_little_endian or len(content) % WORD_BYTES.get(vr, 1):
            return convert(vr, content, charset)
        return convert(vr, _swap(content, WORD_BYTES.get(vr, 1)), charset)
    return _held(vr, stored.value)


def _swap(content: bytes, size: int) -> bytes:
    return np.frombuffer(content, f">u{size}").astype(f"<u{size}").tobytes()


def _held(vr: str, value: Any) -> Value:
    """The value of an element that pydicom has converted, or that a program has set."""
    if value is None or (isinstance(value, str | bytes) and not value):
        return EMPTY[vr]
    if isinstance(value, bytes):
        return None, None, value
    parts: list[Any] = list(value) if isinstance(value, MultiValue | list | tuple) else [value]
    if vr in NUMBER_CODES:
        return None, tuple(parts), None
    if vr == "AT":
        return tuple([f"{int(part):08X}" for part in parts]), None, None
    text = tuple(["" if part is None else str(part) for part in parts])
    if vr in ("DS", "IS"):
        return convert(vr, "\\".join(text).encode("latin-1", "replace"), DEFAULT)
    return text, None, None
