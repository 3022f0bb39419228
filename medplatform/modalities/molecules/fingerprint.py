"""The stored form of fingerprints: bit i is bit i % 8 of byte i // 8, the lowest first."""

from collections.abc import Sequence

import numpy as np

BITS = 2048
RADIUS = 2


def pack(bits: np.ndarray) -> bytes:
    """A cell of 256 bytes from bits (uint8 of 0 and 1, shape (2048,))."""
    return np.packbits(bits, bitorder="little").tobytes()


def unpack(cells: Sequence[bytes]) -> np.ndarray:
    """The bits of many cells: uint8 of 0 and 1, shape (molecules, 2048)."""
    packed = np.frombuffer(b"".join(cells), np.uint8).reshape(-1, BITS // 8)
    return np.unpackbits(packed, axis=1, bitorder="little")
