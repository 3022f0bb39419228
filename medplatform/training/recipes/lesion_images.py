"""Pictures as the segmentation model sees them: uint8, stretched, one common square size."""

import numpy as np
from numpy.typing import NDArray

from medplatform.training.images.intensity import percentile_limits, show

PERCENTILES = (0.5, 99.5)
LUMA = np.array([0.299, 0.587, 0.114])
"""Rec. 601 weights of red, green and blue."""


def to_uint8(pixels: NDArray[np.generic], *, inverted: bool = False) -> NDArray[np.uint8]:
    """Stretch the range between two percentiles of an image to 0 … 255.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, C) of any numeric type; a fourth channel (alpha) is dropped.
    inverted
        Bright means little, as in MONOCHROME1 (PS3.3 C.7.6.3.1.2).
    """
    values = (pixels[..., :3] if pixels.ndim == 3 else pixels).astype(np.float32)
    shown = show(values, percentile_limits(values, *PERCENTILES), inverted=inverted)
    return np.rint(shown * 255).astype(np.uint8)


def resize_image(image: NDArray[np.uint8], size: int, channels: int) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) to (size, size, channels), bilinear and antialiased."""
    from PIL import Image

    if image.ndim == 3 and channels == 1:
        image = np.rint(image @ LUMA).astype(np.uint8)
    picture = Image.fromarray(image)
    if picture.size != (size, size):
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    array = np.asarray(picture)
    return array if array.ndim == 3 else np.repeat(array[..., None], channels, axis=2)


def resize_mask(mask: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(H, W) of 0 and 1 to (size, size): 1 where at least half of the area is covered."""
    from PIL import Image

    if mask.shape == (size, size):
        return mask.astype(np.uint8)
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return (np.asarray(picture.resize((size, size), Image.Resampling.BOX)) >= 128).astype(np.uint8)
