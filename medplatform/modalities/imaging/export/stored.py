"""Pixel data as it was delivered, without what else stands in its bytes.

Behind the last frame, in bits that no pixel uses and in comments of codestreams anything may be
hidden. The pixels decode to the same values as before.
"""

from itertools import islice

import numpy as np
from pydicom import Dataset
from pydicom.encaps import encapsulate

from medplatform.modalities.imaging.decode import decode_frames, encoded_frames, is_aligned
from medplatform.modalities.imaging.elements import element
from medplatform.modalities.imaging.errors import READ_ERRORS, Unusable
from medplatform.modalities.imaging.export.codestream import strip_codestream
from medplatform.modalities.imaging.pixel_data import PixelData

_WHOLE_BYTES = (8, 16, 32, 64)
_LARGEST_OFFSET = 0xFFFFFFFF
_ITEM_BYTES = 9  # the head of an item, and a byte that makes its length even


def read_stored(dataset: Dataset, data: PixelData) -> bytes | None:
    """The value of the element of pixels; None where it has to be decoded to be clean.

    The data set must be described in full (see `description`).

    Raises
    ------
    Unusable
        `pixels.truncated`, `pixels.other_size`, `pixels.undecodable` where there are no frames.
    """
    try:
        return _encapsulated(dataset, data) if data.is_encapsulated else _native(dataset, data)
    except READ_ERRORS:
        raise Unusable("pixels.undecodable", element(data.keyword)) from None


def clear_unused_bits(array: np.ndarray, dataset: Dataset, *, is_low: bool = False) -> np.ndarray:
    """Pixels without the bits outside of those stored; above those of signed ones is the sign.

    `is_low` says that the stored bits are the low ones, whatever the data set says.
    """
    unused = 8 * array.itemsize - int(dataset.BitsStored)
    if unused <= 0:
        return array
    low = 0 if is_low else _lowest_bit(dataset)
    return ((array << (unused - low)) >> unused) << low


def _lowest_bit(dataset: Dataset) -> int:
    return 0 if is_aligned(dataset) else int(dataset.HighBit) + 1 - int(dataset.BitsStored)


def _native(dataset: Dataset, data: PixelData) -> bytes | None:
    allocated, is_integer = int(dataset.BitsAllocated), data.keyword == "PixelData"
    is_full = not is_integer or dataset.BitsStored >= allocated
    if allocated not in _WHOLE_BYTES and not is_full:
        return None
    bits = data.frame_bits() * int(dataset.NumberOfFrames)
    size = -(-bits // 8)
    with data.open() as stream:
        content = stream.read(size)
    if len(content) < size:
        raise Unusable("pixels.truncated", element(data.keyword))
    if bits % 8:
        return content[:-1] + bytes([content[-1] & ((1 << bits % 8) - 1)])
    if is_full:
        return content
    kind = "i" if dataset.PixelRepresentation else "u"
    return clear_unused_bits(np.frombuffer(content, f"<{kind}{allocated // 8}"), dataset).tobytes()


def _encapsulated(dataset: Dataset, data: PixelData) -> bytes | None:
    expected = int(dataset.NumberOfFrames)
    frames: list[bytes] = []
    is_wider = False
    for frame in islice(encoded_frames(dataset, data), expected):
        stripped = strip_codestream(frame)
        if stripped is None:
            return None
        is_wider |= stripped.precision > dataset.BitsStored
        frames.append(stripped.content)
    if len(frames) < expected:
        raise Unusable("pixels.truncated", element(data.keyword))
    if is_wider and not _uses_stored_bits_alone(dataset):
        return None
    has_table = sum(len(each) + _ITEM_BYTES for each in frames) <= _LARGEST_OFFSET
    return encapsulate(frames, has_bot=has_table)


def _uses_stored_bits_alone(dataset: Dataset) -> bool:
    """Whether no unused bit is set, where that can be told from the decoded pixels."""
    if dataset.SamplesPerPixel > 1:
        return False
    return all(
        np.array_equal(array, clear_unused_bits(array, dataset, is_low=True))
        for array, _ in decode_frames(dataset, expands_palette=False)
    )
