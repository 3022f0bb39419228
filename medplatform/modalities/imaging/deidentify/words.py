"""Words in pixels, found by optical character recognition: Tesseract, with the extra `ocr`."""

import shutil

import numpy as np

from medplatform.modalities.imaging.deidentify.burned_in import (
    MAY_SHOW_TEXT,
    Region,
    Treatment,
    blank,
)
from medplatform.modalities.imaging.deidentify.policy import PolicyError
from medplatform.modalities.imaging.errors import Unusable

SURE = 60
"""Confidence of 100 with which Tesseract reads letters that it is not making up."""
UNSURE = 20
"""Of marks that may be letters: enough to be blanked, where an image is kept at all."""
LEAST_CHARACTERS = 2
ROUNDS = 3
"""How often words are looked for and blanked: with those gone, others are found."""
_MARGIN = 4
_LEAST_HEIGHT = 1000  # rows below which letters are too small for Tesseract


def demand_recognition() -> None:
    """See that words can be looked for.

    Raises
    ------
    PolicyError
        pytesseract or Tesseract is not installed.
    """
    try:
        import pytesseract
    except ImportError:
        raise PolicyError(
            "The policy of images asks for `ocr`, for which pytesseract is not installed. Run: "
            "pip install 'medplatform[ocr]'"
        ) from None
    if not shutil.which(pytesseract.pytesseract.tesseract_cmd):
        raise PolicyError(
            "The policy of images asks for `ocr`, for which Tesseract is not installed. Run: "
            "apt-get install tesseract-ocr"
        )


def treat(array: np.ndarray, treatment: Treatment) -> np.ndarray:
    """A frame (rows, columns) or (rows, columns, samples) without text.

    Raises
    ------
    Unusable
        `pixels.may_show_text` where words are found that are not to be blanked, or are still found
        when all that could be read has been.
    """
    array = blank(array, treatment)
    if treatment.words == "ignore":
        return array
    if treatment.words == "blank":
        for _ in range(ROUNDS):
            marks = find_words(array, UNSURE)
            if not marks:
                return array
            array = blank(array, Treatment(blanks=marks))
    if find_words(array, SURE):
        raise Unusable(MAY_SHOW_TEXT)
    return array


def find_words(array: np.ndarray, confidence: float = SURE) -> tuple[Region, ...]:
    """Where words stand in a frame, dark or bright, with a margin."""
    picture, scale = _picture(array)
    return (*_find(picture, scale, confidence), *_find(255 - picture, scale, confidence))


def _find(picture: np.ndarray, scale: int, confidence: float) -> tuple[Region, ...]:
    import pytesseract

    found = pytesseract.image_to_data(
        picture, config="--psm 11", output_type=pytesseract.Output.DICT
    )
    places = zip(
        *(found[name] for name in ("text", "conf", "left", "top", "width", "height")), strict=True
    )
    return tuple(
        Region(
            max(left // scale - _MARGIN, 0),
            max(top // scale - _MARGIN, 0),
            (left + width) // scale + 1 + _MARGIN,
            (top + height) // scale + 1 + _MARGIN,
        )
        for text, sureness, left, top, width, height in places
        if float(sureness) >= confidence and sum(map(str.isalnum, text)) >= LEAST_CHARACTERS
    )


def _picture(array: np.ndarray) -> tuple[np.ndarray, int]:
    """The frame in 8 bits, small ones enlarged, and how many times."""
    values = array[..., :3].mean(axis=2) if array.ndim == 3 else array.astype(np.float32)
    if array.dtype != np.uint8:
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        values = (np.where(np.isfinite(values), values, low) - low) * (255 / max(high - low, 1e-6))
    grey = values.astype(np.uint8)
    scale = max(1, min(4, -(-_LEAST_HEIGHT // len(grey))))
    return grey.repeat(scale, axis=0).repeat(scale, axis=1), scale
