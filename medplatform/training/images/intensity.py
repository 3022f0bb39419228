"""What stored pixel values mean, and how they are shown (DICOM PS3.3 C.11.1, C.11.2, C.7.6.3).

Pure functions of arrays: stored values -> values of the modality (HU, Bq/ml, …) -> display range.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medplatform.modalities.imaging.rescaling import to_floating

VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
FUNCTIONS: tuple[VoiFunction, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")

Pixels = NDArray[np.number]
Values = NDArray[np.floating]
Valid = NDArray[np.bool_] | None
"""Where pixels are of the patient; None: everywhere."""


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window, PS3.3 C.11.2.1.2 and C.11.2.1.3: center and width in units of the modality.

    Raises
    ------
    ValueError
        The width is below 1 for LINEAR, or not above 0 for the others, which the standard excludes.
    """

    center: float
    width: float
    function: VoiFunction = "LINEAR"

    def __post_init__(self) -> None:
        is_enough = self.width >= 1 if self.function == "LINEAR" else self.width > 0
        if not (is_enough and np.isfinite(self.width) and np.isfinite(self.center)):
            raise ValueError(
                f"No {self.function} window has center {self.center:g} and width "
                f"{self.width:g} (PS3.3 C.11.2.1.2)."
            )

    @property
    def limits(self) -> tuple[float, float]:
        """The values at which a linear window reaches its lowest and its highest output."""
        if self.function == "LINEAR":
            middle, half = self.center - 0.5, (self.width - 1) / 2
        else:
            middle, half = self.center, self.width / 2
        return middle - half, middle + half

    def apply(self, values: Pixels, low: float = 0, high: float = 1) -> Values:
        """Values of the modality as display values between `low` and `high`."""
        x = to_floating(values)
        if self.function == "SIGMOID":
            with np.errstate(over="ignore"):  # far below the window: 1 / inf is the 0 that is meant
                return (high - low) / (1 + np.exp(-4 * (x - self.center) / self.width)) + low
        lower, upper = self.limits
        if lower == upper:
            return np.where(x > upper, high, low).astype(x.dtype)
        share = np.clip((x - lower) / (upper - lower), 0, 1)
        return share * (high - low) + low


LUNG = Window(-600, 1500)
SOFT_TISSUE = Window(40, 400)
BONE = Window(400, 1800)
BRAIN = Window(40, 80)
PRESETS = {"lung": LUNG, "soft_tissue": SOFT_TISSUE, "bone": BONE, "brain": BRAIN}
"""Windows of CT in Hounsfield units, by the names that radiologists use."""


def choose_window(
    centers: Sequence[float | None] | float | None,
    widths: Sequence[float | None] | float | None,
    function: str | None = None,
) -> Window | None:
    """The first usable window of Window Center (0028,1050) and Window Width (0028,1051).

    Several are alternatives, of which the first is the default (PS3.3 C.11.2.1.2.1). None where
    there is none, or its width is one that the standard excludes, such as 0.

    Parameters
    ----------
    function
        VOI LUT Function (0028,1056); LINEAR where it is absent or no defined term.
    """
    kinds: dict[str | None, VoiFunction] = {name: name for name in FUNCTIONS}
    kind = kinds.get(function, "LINEAR")
    for center, width in zip(_several(centers), _several(widths), strict=False):
        if center is None or width is None:
            continue
        try:
            return Window(float(center), float(width), kind)
        except ValueError:
            continue
    return None


def apply_table(pixels: Pixels, first: int, entries: Pixels) -> Pixels:
    """A Modality or VOI LUT: values below the first mapped one take the first entry, those beyond
    the last take the last (PS3.3 C.11.1.1.1, C.11.2.1.1)."""
    index = np.clip(pixels.astype(np.int64) - first, 0, len(entries) - 1)
    return entries[index]


def find_padding(
    pixels: Pixels, value: float | None, limit: float | None = None
) -> NDArray[np.bool_]:
    """Where stored values are padding: Pixel Padding Value (0028,0120), or between it and Pixel
    Padding Range Limit (0028,0121), both included (PS3.3 C.7.5.1.1.2)."""
    if value is None:
        return np.zeros(pixels.shape, bool)
    low, high = sorted((value, value if limit is None else limit))
    return (pixels >= low) & (pixels <= high)


def percentile_limits(
    values: Pixels, low: float, high: float, valid: Valid = None
) -> tuple[float, float]:
    """The values at two percentiles (0 … 100); of an image that is nearly flat, its extremes.

    Pixels that are not valid, and values that are no numbers, do not count.
    """
    chosen = values[valid] if valid is not None else values
    chosen = chosen[np.isfinite(chosen)]
    if not chosen.size:
        return 0.0, 0.0
    lower, upper = np.percentile(chosen, (low, high))
    if upper <= lower:
        lower, upper = chosen.min(), chosen.max()
    return float(lower), float(upper)


def stretch(values: Pixels, lower: float, upper: float) -> Values:
    """Values as their share of the way from `lower` to `upper`, clipped to 0 … 1; a flat image
    is 0."""
    x = np.nan_to_num(to_floating(values))
    return np.clip((x - lower) / max(upper - lower, 1e-6), 0, 1)


def show(
    values: Pixels,
    window: Window | tuple[float, float],
    *,
    inverted: bool = False,
    valid: Valid = None,
) -> Values:
    """Values of the modality as 0 (black) … 1 (white).

    Parameters
    ----------
    window
        A VOI window, or the values that are shown black and white.
    inverted
        MONOCHROME1, where the lowest value is white: applied after the VOI (PS3.3 C.7.6.3.1.2).
    valid
        Pixels that are no padding; all others are shown black.
    """
    shown = window.apply(values) if isinstance(window, Window) else stretch(values, *window)
    shown = np.nan_to_num(shown)
    if inverted:
        shown = 1 - shown
    return shown if valid is None else np.where(valid, shown, shown.dtype.type(0))


def _several(value: Sequence[float | None] | float | None) -> Sequence[float | None]:
    return value if isinstance(value, Sequence) else [value]
