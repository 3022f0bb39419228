"""From stored values to values of the modality: HU of CT, Bq/ml of PT, … (PS3.3 C.11.1.1.2)."""

import numpy as np
from numpy.typing import NDArray

SLOPE, INTERCEPT = 1.0, 0.0
"""What Rescale Slope (0028,1053) and Rescale Intercept (0028,1052) are where one is absent."""


def rescale(
    pixels: NDArray[np.number],
    slope: float | NDArray[np.floating] | None,
    intercept: float | NDArray[np.floating] | None,
) -> NDArray[np.floating]:
    """Stored values as values of the modality.

    Parameters
    ----------
    pixels
        (H, W), or (frames, H, W) with a slope and an intercept per frame.
    slope, intercept
        None: absent, so 1 and 0, each for itself.

    Returns
    -------
    NDArray
        float32 for stored values of up to 16 bits, else float64.
    """
    values = to_floating(pixels)
    said = (SLOPE if slope is None else slope, INTERCEPT if intercept is None else intercept)
    factors = [np.asarray(each, values.dtype) for each in said]
    slopes, intercepts = (
        each.reshape(each.shape + (1,) * (values.ndim - each.ndim)) if each.ndim else each
        for each in factors
    )
    return values * slopes + intercepts


def to_floating(values: NDArray[np.number]) -> NDArray[np.floating]:
    """float32 for values of up to 16 bits and for float32, else float64."""
    if values.dtype == np.float64 or (values.dtype.kind in "iu" and values.dtype.itemsize > 2):
        return values.astype(np.float64)
    return values.astype(np.float32)
