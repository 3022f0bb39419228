"""Text in pixels: where images are known to show some, and which may show some anywhere.

The regions of `burned_in.json` are those that pydicom/deid and RSNA CTP publish for screens and
captures of some devices. An image that shows what it was made for, such as a slice of CT, is taken
for clean; one whose modality or making suggests text, and which no rule fits, is refused.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Literal, NamedTuple

import numpy as np

from medplatform.modalities.imaging.deidentify.policy import Policy
from medplatform.modalities.imaging.deidentify.screens import ULTRASOUND, Screen, read_screen
from medplatform.modalities.imaging.deidentify.table import read_data
from medplatform.modalities.imaging.flatten import Element

UNDECLARED = "OT"
"""Modality of pictures and volumes whose delivery declares none."""
MAY_SHOW_TEXT = "pixels.may_show_text"
MAY_SHOW_FACE = "pixels.may_show_face"


class Region(NamedTuple):
    """Pixels from `left` and `top`, to `right` and `bottom` exclusively."""

    left: int
    top: int
    right: int
    bottom: int


class Treatment(NamedTuple):
    """What is done with the pixels of one image.

    Attributes
    ----------
    keeps
        Regions outside of which all is blanked; None for no such limit.
    blanks
        Regions that are blanked.
    refusal
        Code of the reason for which the image must not be read.
    is_clean
        Whether the pixels show no text once they are treated.
    words
        What becomes of the image if words are found in it: `ignore` where none are looked for,
        `refuse` or `blank`.
    """

    keeps: tuple[Region, ...] | None = None
    blanks: tuple[Region, ...] = ()
    refusal: str | None = None
    is_clean: bool = True
    words: Literal["ignore", "refuse", "blank"] = "ignore"

    @property
    def changes_pixels(self) -> bool:
        """Whether pixels are certain to be blanked."""
        return self.keeps is not None or bool(self.blanks)


AS_IT_IS = Treatment()


def pixel_treatment(elements: Iterable[Element], policy: Policy) -> Treatment:
    """What a policy asks to be done with the pixels of a data set, as delivered."""
    screen = read_screen(elements)
    if policy.recognizable_features == "refuse" and screen.may_show_face:
        return Treatment(refusal=MAY_SHOW_FACE)
    if not policy.clean_pixel_data:
        return Treatment(is_clean=False)
    if screen.shows_document:
        return Treatment(refusal=MAY_SHOW_TEXT)
    keeps = _keeps(screen)
    blanks = _blanks(screen)
    words = look_for_words(policy).words
    if screen.says_text and not blanks and words != "blank":
        # The text that the sender knows of may stand in what the regions leave.
        return Treatment(refusal=MAY_SHOW_TEXT)
    if keeps is not None or blanks:
        return Treatment(keeps, blanks, words=words)
    if _is_trusted(screen, policy):
        return Treatment(words=words if screen.is_suspect else "ignore")
    if words == "ignore":
        return Treatment(refusal=MAY_SHOW_TEXT)
    # What was found or not found is a guess, which no stamp may confirm.
    return Treatment(words=words, is_clean=False)


def look_for_words(policy: Policy) -> Treatment:
    """What is done with an image that may show words anywhere, where the policy looks for them."""
    return Treatment(words="ignore" if policy.ocr == "off" else policy.ocr)


def undescribed_treatment(modality: str, policy: Policy, *, is_volume: bool = False) -> Treatment:
    """The same for a picture or volume, of which no more is known than what its delivery declares.

    OT is what a delivery declares that declares nothing: it is taken, unless words are looked for.
    """
    screen = Screen({"Modality": modality})
    may_show_face = screen.may_show_face or (is_volume and screen.modality == UNDECLARED)
    if policy.recognizable_features == "refuse" and may_show_face:
        return Treatment(refusal=MAY_SHOW_FACE)
    if not policy.clean_pixel_data:
        return Treatment(is_clean=False)
    if policy.ocr != "off" and screen.is_suspect:
        return look_for_words(policy)
    if screen.modality == UNDECLARED or _is_trusted(screen, policy):
        return Treatment()
    return Treatment(refusal=MAY_SHOW_TEXT)


def blank(array: np.ndarray, treatment: Treatment) -> np.ndarray:
    """A frame (rows, columns) or (rows, columns, samples) with its texts blanked.

    The array itself where there is nothing to blank, else a copy; blank is 0, or the least value
    of signed pixels.
    """
    if not treatment.changes_pixels:
        return array
    empty = array.min() if array.dtype.kind in "if" else 0
    blanked = array.copy()
    if treatment.keeps is not None:
        blanked[...] = empty
        for left, top, right, bottom in treatment.keeps:
            blanked[top:bottom, left:right] = array[top:bottom, left:right]
    for left, top, right, bottom in treatment.blanks:
        blanked[top:bottom, left:right] = empty
    return blanked


def _is_trusted(screen: Screen, policy: Policy) -> bool:
    """Whether an image that no rule fits is taken for free of text."""
    if screen.says_text:
        return False
    return screen.says_no_text or screen.modality in policy.declared_clean or not screen.is_suspect


def _keeps(screen: Screen) -> tuple[Region, ...] | None:
    """The regions of ultrasound (PS3.3 C.8.5.5), where they leave out a part of the picture.

    Only the objects of ultrasound have them: in a capture of a screen they prove nothing.
    """
    if screen.modality not in ULTRASOUND or screen.is_capture:
        return None
    regions = tuple(Region(*corners) for corners in screen.ultrasound_regions)
    if not regions or any(region.top < _BANNER * screen.rows for region in regions):
        return None
    return regions


def _blanks(screen: Screen) -> tuple[Region, ...]:
    for rule in _rules_of(screen.texts.get("Modality", "")):
        if rule.fits(screen):
            return rule.regions
    return ()


class _Rule(NamedTuple):
    """Regions that show text, in images of which attributes contain some words or numbers."""

    texts: dict[str, list[list[str]]]
    numbers: dict[str, list[int]]
    regions: tuple[Region, ...]

    def fits(self, screen: Screen) -> bool:
        """Whether all conditions hold."""
        for keyword, groups in self.texts.items():
            text = screen.texts.get(keyword, "")
            if not all(any(word in text for word in words) for words in groups):
                return False
        return all(
            screen.numbers.get(keyword) in numbers for keyword, numbers in self.numbers.items()
        )


@lru_cache(maxsize=64)
def _rules_of(modality: str) -> tuple[_Rule, ...]:
    """The rules for images of a modality."""
    screen = Screen({"Modality": modality})
    return tuple(
        rule
        for rule in _rules()
        if _Rule({"Modality": rule.texts.get("Modality", [])}, {}, ()).fits(screen)
    )


@cache
def _rules() -> tuple[_Rule, ...]:
    content = read_data("burned_in")
    rules = []
    for rule in content["rules"]:
        texts: dict[str, list[list[str]]] = {}
        numbers: dict[str, list[int]] = {}
        for keyword, values in rule["when"].items():
            if isinstance(values[0], int):
                numbers[keyword] = values
            else:
                texts[keyword] = [value.split("|") for value in values]
        rules.append(_Rule(texts, numbers, tuple(Region(*box) for box in rule["boxes"])))
    return tuple(rules)


_BANNER = 0.02
"""Regions that begin in this part of the rows include what stands above the picture."""
