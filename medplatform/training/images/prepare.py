"""From decoded frames to the image that a recipe declared: values, display range, size, type."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medplatform.modalities.imaging.rescaling import rescale
from medplatform.training.images.intensity import (
    Pixels,
    Valid,
    Values,
    Window,
    choose_window,
    find_padding,
    percentile_limits,
    show,
    stretch,
)
from medplatform.training.images.resample import (
    crop_or_pad,
    fitting_size,
    resize_image,
    resize_mask,
    size_at_spacing,
)
from medplatform.training.images.spec import FixedWindow, ImageSpec, Percentiles, Units

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601 weights of red, green and blue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What is said of the stored values of a frame."""

    slope: float | None = None
    intercept: float | None = None
    photometric: str | None = None
    window_center: float | None = None
    window_width: float | None = None
    voi_function: str | None = None
    padding: float | None = None


def prepare_image(
    frames: Sequence[Pixels],
    meanings: Sequence[Meaning],
    spec: ImageSpec,
    spacing_mm: Sequence[float] | None = None,
) -> NDArray[np.number]:
    """One frame, or the slices of one volume, as `spec` says.

    Parameters
    ----------
    frames
        Stored values, (H, W) or (H, W, C) each.
    spacing_mm
        Of the frames, in the order of `spec.size`; needed where the spec has one.

    Returns
    -------
    NDArray
        `spec.shape` of `spec.dtype`.
    """
    if frames[0].ndim == 3:
        planes = _show_colour(frames, spec)
    else:
        planes = _show_grey(frames, meanings, spec)[None]
    if spec.of == "frames":
        planes = planes[:, 0]
    image = _fit_image(planes, spec, spacing_mm)
    if image.shape[0] != spec.channels:
        image = np.repeat(image, spec.channels, axis=0)
    return _quantize(image, spec)


def prepare_mask(
    masks: Sequence[Pixels], spec: ImageSpec, spacing_mm: Sequence[float] | None = None
) -> NDArray[np.uint8]:
    """Masks (H, W) of one frame or of the slices of one volume, where the image is: (1, …)."""
    stacked = np.stack(masks)[None].astype(np.uint8)
    if spec.of == "frames":
        stacked = stacked[:, 0]
    resized = resize_mask(stacked, _scaled_size(stacked.shape[1:], spec, spacing_mm))
    return crop_or_pad(resized, spec.size).astype(np.uint8)


def _show_grey(frames: Sequence[Pixels], meanings: Sequence[Meaning], spec: ImageSpec) -> Values:
    """(D, H, W): 0 … 1, or units."""
    pairs = list(zip(frames, meanings, strict=True))
    values = np.stack([rescale(pixels, m.slope, m.intercept) for pixels, m in pairs])
    valid: Valid = ~np.stack([find_padding(p, m.padding) for p, m in pairs])
    if isinstance(spec.intensity, Units):
        low, high = spec.intensity.low, spec.intensity.high
        return np.where(valid, np.clip(np.nan_to_num(values, nan=low), low, high), low)
    window = _window(values, valid, meanings[0], spec)
    inverted = meanings[0].photometric == "MONOCHROME1"
    return show(values, window, inverted=inverted, valid=valid)


def _window(
    values: Values, valid: Valid, meaning: Meaning, spec: ImageSpec
) -> Window | tuple[float, float]:
    intensity = spec.intensity
    if isinstance(intensity, FixedWindow):
        return intensity.window
    if isinstance(intensity, Percentiles):
        return percentile_limits(values, intensity.low, intensity.high, valid)
    stored = choose_window(meaning.window_center, meaning.window_width, meaning.voi_function)
    return stored or percentile_limits(values, 0, 100, valid)


def _show_colour(frames: Sequence[Pixels], spec: ImageSpec) -> Values:
    """(1 or 3, D, H, W) in 0 … 1; a fourth channel (alpha) is dropped."""
    stacked = np.stack([pixels[..., :3] for pixels in frames])
    kind = stacked.dtype
    values = stacked.astype(np.float32)
    if spec.channels == 1:
        values = (values @ LUMA)[..., None]
    if isinstance(spec.intensity, Percentiles):
        limits = percentile_limits(values, spec.intensity.low, spec.intensity.high)
    else:
        limits = (0.0, float(np.iinfo(kind.name).max) if kind.kind in "iu" else 1.0)
    return np.moveaxis(stretch(values, *limits), -1, 0)


def _fit_image(
    image: Values, spec: ImageSpec, spacing_mm: Sequence[float] | None
) -> NDArray[np.number]:
    resized = resize_image(image, _scaled_size(image.shape[1:], spec, spacing_mm))
    fill = spec.intensity.low if isinstance(spec.intensity, Units) else 0
    return crop_or_pad(resized, spec.size, fill=fill)


def _scaled_size(
    size: tuple[int, ...], spec: ImageSpec, spacing_mm: Sequence[float] | None
) -> tuple[int, ...]:
    if spec.spacing_mm is not None:
        if spacing_mm is None:
            raise ValueError("An image without spacing cannot be resampled to one.")
        return size_at_spacing(size, spacing_mm, spec.spacing_mm)
    return spec.size if spec.fit == "stretch" else fitting_size(size, spec.size)


def _quantize(image: NDArray[np.number], spec: ImageSpec) -> NDArray[np.number]:
    if spec.dtype == "float16":
        return image.astype(np.float16)
    if not isinstance(spec.intensity, Units):
        image = image * spec.limits[1]
    bounds = np.iinfo(spec.dtype)
    return np.clip(np.rint(image), bounds.min, bounds.max).astype(spec.dtype)
