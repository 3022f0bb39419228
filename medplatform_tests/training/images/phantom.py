"""Images that show which way they lie, and caches of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medplatform.training.images.build import Layout, Sample, build_cache
from medplatform.training.images.cache import CacheKey, ImageCache

KEY = CacheKey("d" * 64, {"limits": [0, 255]}, "c" * 64)


def phantom(size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """An F (C, H, W): no flip and no turn of it looks like it. The mask is where it is bright."""
    image = np.full((1, size, size), 20, np.uint8)
    unit = size // 8
    image[:, unit : 7 * unit, 2 * unit : 3 * unit] = 220
    image[:, unit : 2 * unit, 2 * unit : 6 * unit] = 220
    image[:, 3 * unit : 4 * unit, 2 * unit : 5 * unit] = 220
    return image, (image > 128).astype(np.uint8)


def numbered(row: int, size: int = 8) -> Sample:
    """A row whose pixels all hold its number."""
    image = np.full((1, size, size), row % 251, np.uint8)
    return row, {"image": image, "mask": (image % 2).astype(np.uint8)}


def layouts(size: int = 8) -> dict[str, Layout]:
    return {name: Layout("uint8", (1, size, size)) for name in ("image", "mask")}


def make(row: int) -> Iterator[Sample]:
    yield numbered(row)


def cache_of(root: Path, rows: int, key: CacheKey = KEY) -> ImageCache:
    """A cache of numbered rows."""
    return build_cache(root, key, count=rows, layouts=layouts(), tasks=range(rows), make=make)
