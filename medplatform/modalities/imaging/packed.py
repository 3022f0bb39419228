"""Native pixels that do not fill whole bytes: 1 and 12 bits allocated (PS3.5 8.1.1).

Pixel cells follow each other without gaps, the least significant bits first, so that a frame may
begin within a byte.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

PACKED_BITS = frozenset({1, 12})
_STEP = 24  # bits: whole pixels of 12 bits end together with bytes


def read_packed(stream: BinaryIO, bits: int, pixels: int, frames: int) -> Iterator[np.ndarray]:
    """The frames behind where a stream stands, each of some pixels, without a dimension.

    uint8 for 1 bit, uint16 for 12. There are fewer frames where the stream ends.
    """
    start = stream.tell()
    for number in range(frames):
        first = number * pixels * bits
        aligned = first - first % _STEP
        end = first + pixels * bits
        stream.seek(start + aligned // 8)
        content = stream.read(-(-end // 8) - aligned // 8)
        if 8 * len(content) < end - aligned:
            return
        cells = (
            _unpack_12(content) if bits == 12 else np.unpackbits(_bytes(content), bitorder="little")
        )
        skipped = (first - aligned) // bits
        yield cells[skipped : skipped + pixels]


def _unpack_1(content: bytes) -> np.ndarray:
    return np.unpackbits(_bytes(content), bitorder="little")


def _unpack_12(content: bytes) -> np.ndarray:
    """Two pixels of every three bytes."""
    padded = content + bytes(-len(content) % 3)
    low, middle, high = _bytes(padded).astype(np.uint16).reshape(-1, 3).T
    return np.stack([low | (middle & 0x0F) << 8, middle >> 4 | high << 4], axis=1).ravel()


def _bytes(content: bytes) -> np.ndarray:
    return np.frombuffer(content, np.uint8)
