"""The action codes of PS3.15 E.1 as functions of an element, and what is left to do with it."""

from collections.abc import Callable, Iterable
from enum import IntEnum, auto
from typing import NamedTuple

from medplatform.modalities.imaging.deidentify import vocabulary
from medplatform.modalities.imaging.deidentify.code_strings import is_code_string
from medplatform.modalities.imaging.deidentify.values import (
    ANONYMIZED,
    DUMMIES,
    cap_age,
    is_offset,
    is_time,
)
from medplatform.modalities.imaging.flatten import Element

Function = Callable[[Element], Element | None]
"""What becomes of an element; None where it is removed, with its items if it is a sequence."""


class Mark(IntEnum):
    """What takes the key and is left to `finish`, or is settled per item."""

    UID = auto()
    DATE = auto()
    PATIENT = auto()
    TOKEN = auto()
    CODE = auto()


class Action(NamedTuple):
    """What is done with an element."""

    apply: Function
    mark: Mark | None = None


def keep(element: Element) -> Element | None:
    """K: as it is, but no bytes that are not of its VR."""
    return None if element.is_broken else element


def remove(_element: Element) -> None:
    """X."""


def empty(element: Element) -> Element:
    """Z: zero length; a sequence without items."""
    number = (0,) if element.vr == "SQ" else None
    text = None if element.vr == "SQ" or element.vr in _NOT_TEXT else ()
    binary = b"" if element.vr in _BINARY else None
    if element.vr in _NUMBERS:
        number = ()
    return Element(element.path, element.vr, None, text, number, binary)


def dummy(element: Element) -> Element:
    """D: a value that says nothing; a sequence stays, since its items are acted on one by one."""
    if element.vr == "SQ":
        return element
    text, number, binary = DUMMIES.get(element.vr, ((ANONYMIZED,), None, None))
    return Element(element.path, element.vr, None, text, number, binary)


def where(accepts: Callable[[Iterable[str]], bool], otherwise: Function) -> Function:
    """C of a text: kept where it is acceptable, else what the basic profile does with it."""

    def clean(element: Element) -> Element | None:
        if element.text is None or not accepts(element.text):
            return otherwise(element)
        return element

    return clean


def each(accepts: Callable[[str], bool], nothing_left: Function = remove) -> Function:
    """C of each of several texts: those that are not acceptable are emptied."""

    def clean(element: Element) -> Element | None:
        if element.text is None:
            return nothing_left(element)
        if all(map(accepts, element.text)):
            return element
        texts = tuple([text if accepts(text) else "" for text in element.text])
        return element._replace(text=texts) if any(texts) else nothing_left(element)

    return clean


def cap_ages(element: Element) -> Element | None:
    """Ages of 90 and more become 90 years."""
    if element.text is None:
        return None
    return element._replace(text=tuple([cap_age(text) for text in element.text]))


def keep_number(element: Element) -> Element | None:
    """K of DS and IS, which are texts: only where they are numbers."""
    is_number = element.number is not None or not any(element.text or ())
    return element if is_number and not element.is_broken else None


def terms_or(otherwise: Function) -> Function:
    """Kept where all values are terms of imaging."""
    return where(vocabulary.are_terms, otherwise)


def technical_or(otherwise: Function) -> Function:
    """Kept where all values are short and hold no long number."""
    return where(lambda texts: all(map(vocabulary.is_technical, texts)), otherwise)


keep_code_string = each(is_code_string)
keep_time = each(lambda text: not text or is_time(text))
keep_offset = each(lambda text: not text or is_offset(text))

_NUMBERS = frozenset({"FD", "FL", "SL", "SS", "UL", "US"})
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_NOT_TEXT = _NUMBERS | _BINARY
