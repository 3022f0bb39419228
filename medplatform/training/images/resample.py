"""Images and masks in another size or at another spacing, once, before training.

Conventions, for all axes alike: a pixel is an area, its value belongs to its centre, and the outer
edges of an image stay where they are (`align_corners=False`). So (n_old, spacing_old) becomes
(n_new, n_old * spacing_old / n_new). Images are interpolated linearly and antialiased where they
shrink, masks take the nearest centre. An image that is not to change is returned as it is.

Arrays are (C, H, W) or (C, D, H, W); sizes and spacings are in the order of the axes after C.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Size = tuple[int, ...]


def size_at_spacing(size: Size, spacing: Sequence[float], wanted: Sequence[float]) -> Size:
    """How many pixels of the wanted spacing cover an image best; at least one per axis.

    Raises
    ------
    ValueError
        A spacing is not above 0.
    """
    if not all(value > 0 for value in (*spacing, *wanted)):
        raise ValueError("A spacing is not above 0 mm.")
    pairs = zip(size, spacing, wanted, strict=True)
    return tuple(max(1, round(number * old / new)) for number, old, new in pairs)


def fitting_size(size: Size, bounds: Size) -> Size:
    """The largest size of the same shape within bounds."""
    factor = min(bound / number for number, bound in zip(size, bounds, strict=True))
    return tuple(max(1, round(number * factor)) for number in size)


def resize_image(image: NDArray[np.floating], size: Size) -> NDArray[np.float32]:
    """Linear, antialiased; float32. In-plane first, then along the first axis of a volume."""
    image = image.astype(np.float32, copy=False)
    if image.shape[1:] == size:
        return image
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(image))
    tensor = _interpolate(tensor.flatten(0, -3)[:, None], size[-2:])
    if image.ndim == 3:
        return tensor[:, 0].numpy()
    channels, depth = image.shape[:2]
    planes = tensor.reshape(channels, 1, depth, -1)
    planes = _interpolate(planes, (size[0], planes.shape[-1]))
    return planes.reshape(channels, *size).numpy()


def resize_mask(mask: NDArray[Any], size: Size) -> NDArray[Any]:
    """Each pixel as the old one whose area its centre lies in."""
    for axis, number in enumerate(size, 1):
        old = mask.shape[axis]
        if old != number:
            nearest = (2 * np.arange(number) + 1) * old // (2 * number)
            mask = np.take(mask, nearest, axis=axis)
    return mask


def crop_or_pad(image: NDArray[Any], size: Size, *, fill: float = 0) -> NDArray[Any]:
    """Cut off or fill up evenly on both sides; the odd pixel is at the end."""
    cut = [slice(None)]
    pad = [(0, 0)]
    for number, wanted in zip(image.shape[1:], size, strict=True):
        start = max(number - wanted, 0) // 2
        cut.append(slice(start, start + min(number, wanted)))
        missing = max(wanted - number, 0)
        pad.append((missing // 2, missing - missing // 2))
    image = image[tuple(cut)]
    return np.pad(image, pad, constant_values=fill) if any(map(any, pad)) else image


def _interpolate(planes: "Tensor", size: Size) -> "Tensor":
    """(N, 1, H, W) to another height and width."""
    from torch.nn import functional

    if tuple(planes.shape[-2:]) == tuple(size):
        return planes
    return functional.interpolate(
        planes, size=size, mode="bilinear", align_corners=False, antialias=True
    )
