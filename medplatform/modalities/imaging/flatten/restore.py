"""Elements back to a data set of pydicom: the inverse of flattening."""

import struct
from collections.abc import Iterable

from pydicom import Dataset, Sequence, config
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import BaseTag

from medplatform.modalities.imaging.flatten.charset import LATIN_1
from medplatform.modalities.imaging.flatten.element import CHARSET_VRS, UNDEFINED, Element
from medplatform.modalities.imaging.flatten.values import LONG_CODES, NUMBER_CODES

_FRAGMENT = b"\xfe\xff\x00\xe0"
_PIXEL_DATA = 0x7FE00010
_LAST_OF_META = 0x0002FFFF


def to_dataset(elements: Iterable[Element]) -> Dataset:
    """The data set of flattened elements; those of group 0002 are its `file_meta`.

    Each of its elements equals what pydicom reads from the file, but for padding, for whether
    sequences have a length or a delimiter, for big-endian words (OW, OL, OF, OD and OV are
    little-endian here), and for text that pydicom reads with loss (bytes that are not of the
    declared character set, which are kept here).

    Raises
    ------
    KeyError
        An element stands in an item of which the sequence is not there.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    places: dict[str, Dataset] = {"": dataset}
    for element in elements:
        place, _, name = element.path.rpartition(".")
        tag = BaseTag(int(name, 16))
        target = places[place]
        if not place and tag <= _LAST_OF_META and tag >> 16 == 2:
            target = dataset.file_meta
        if element.vr == "SQ" and element.number is not None:
            items = [Dataset() for _ in range(int(element.number[0]))]
            places |= {f"{element.path}[{i}]": item for i, item in enumerate(items)}
            target[tag] = DataElement(tag, "SQ", Sequence(items))
        else:
            target[tag] = _stored(tag, element)
    return dataset


def to_bytes(element: Element) -> bytes | None:
    """The value of an element that is no sequence, unpadded and in little-endian order.

    None where its bytes depend on the character set.
    """
    _, vr, _, text, number, binary = element
    if binary is not None:
        return binary
    if text is None:
        values = list(number or ())
        if vr not in ("FD", "FL"):
            values = [int(value) for value in values]
        return struct.pack(f"<{len(values)}{NUMBER_CODES[vr]}", *values)
    if vr in LONG_CODES:
        return struct.pack(f"<{len(text)}{LONG_CODES[vr]}", *map(int, text))
    if vr == "AT":
        return b"".join(struct.pack("<HH", int(tag[:4], 16), int(tag[4:], 16)) for tag in text)
    joined = "\\".join(text)
    if vr in CHARSET_VRS and not joined.isascii():
        return None
    try:
        return joined.encode(LATIN_1)
    except UnicodeEncodeError:
        return None


def _stored(tag: BaseTag, element: Element) -> DataElement | RawDataElement:
    content = to_bytes(element)
    if content is None:
        text = list(element.text or ())
        value = text if len(text) > 1 else text[0]
        return DataElement(tag, element.vr, value, validation_mode=config.IGNORE)
    if len(content) % 2:
        is_text = element.text is not None and element.vr != "UI"
        content += b" " if is_text else b"\0"
    is_fragments = tag == _PIXEL_DATA and content.startswith(_FRAGMENT)
    length = UNDEFINED if is_fragments else len(content)
    return RawDataElement(tag, element.vr, length, content, 0, False, True)
