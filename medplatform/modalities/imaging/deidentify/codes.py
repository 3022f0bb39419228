"""Code sequences (PS3.3 8): a code of a public terminology is named as that one names it.

The meaning that was delivered is free text, so it never stays by itself.
"""

import re
from functools import cache

from medplatform.modalities.imaging.deidentify.values import ANONYMIZED
from medplatform.modalities.imaging.deidentify.vocabulary import is_term
from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.terms import TERMINOLOGIES

VALUES = frozenset({"00080100", "00080119", "00080120"})
SCHEME = "00080102"
MEANING = "00080104"
IDENTIFYING = ("00401101", "0040A088", "00080082", "00700086")
"""Code sequences of persons and institutions: whatever they hold is somebody's number."""

_CODE = re.compile(r"(?!.*\d{5})[A-Za-z0-9][A-Za-z0-9._:/+^-]{0,15}")
_PUBLIC_CODE = re.compile(r"[A-Za-z0-9./*^%\[\]{}'_:+()-]{1,64}")
_SCHEMES = TERMINOLOGIES | {"UCUM", "NCIt", "MDC", "MSH", "RXNORM", "I10", "I9C", "NEU", "BARI"}
_MAX_MEANING = 64


def settle_codes(elements: list[Element], places: list[int]) -> None:
    """Clean the codes at these places, which hold values, schemes and meanings, in their items."""
    items: dict[str, dict[str, int]] = {}
    for place in places:
        path = elements[place].path
        items.setdefault(path[:-8], {})[path[-8:]] = place
    for item, found in items.items():
        texts = {tag: _first(elements[place]) for tag, place in found.items()}
        cleaned = _anonymous(texts) if _is_identifying(item) else _clean(texts)
        for tag, place in found.items():
            elements[place] = _with(elements[place], cleaned[tag])


def _clean(texts: dict[str, str]) -> dict[str, str]:
    scheme = texts.get(SCHEME, "")
    value = next((texts[tag] for tag in VALUES if texts.get(tag)), "")
    concept = standard_meaning(scheme, value)
    if concept is None and not _is_code(scheme, value):
        value = ANONYMIZED
    meaning = concept or (value if scheme == "UCUM" else None)
    if meaning is None:
        delivered = texts.get(MEANING, "")
        meaning = delivered if not delivered or is_term(delivered) else ANONYMIZED
    return {
        tag: value
        if tag in VALUES
        else meaning
        if tag == MEANING
        else scheme
        if _CODE.fullmatch(scheme)
        else ANONYMIZED
        for tag in texts
    }


def _is_code(scheme: str, value: str) -> bool:
    """Whether a value is a code of a public terminology, or short and no long number."""
    pattern = _PUBLIC_CODE if scheme in _SCHEMES else _CODE
    return not value or bool(pattern.fullmatch(value))


def _anonymous(texts: dict[str, str]) -> dict[str, str]:
    return {tag: "99ANON" if tag == SCHEME else ANONYMIZED for tag in texts}


def _is_identifying(item: str) -> bool:
    return bool(item) and any(tag in item for tag in IDENTIFYING)


def standard_meaning(scheme: str, value: str) -> str | None:
    """The meaning of a code that DICOM lists (PS3.16), None for others.

    >>> standard_meaning("DCM", "113100")
    'Basic Application Confidentiality Profile'
    """
    if not scheme or not value:
        return None
    if scheme in ("SRT", "SNM3", "99SDM"):
        scheme, value = "SCT", _snomed_codes().get(value, "")
    return _meanings().get(scheme, {}).get(value)


def public_meaning(scheme: str, value: str, delivered: str | None) -> str | None:
    """The meaning of a code of a public terminology: that of DICOM, else a delivered one that is
    a term of imaging; None for one that could say anything.
    """
    known = standard_meaning(scheme, value)
    return known or (delivered if delivered and is_term(delivered) else None)


@cache
def _meanings() -> dict[str, dict[str, str]]:
    from pydicom.sr._concepts_dict import concepts

    return {
        scheme: {
            code: meaning[:_MAX_MEANING]
            for codes in keywords.values()
            for code, (meaning, *_) in codes.items()
        }
        for scheme, keywords in concepts.items()
    }


@cache
def _snomed_codes() -> dict[str, str]:
    """SNOMED CT codes of SNOMED RT ones."""
    from pydicom.sr._snomed_dict import mapping

    return mapping["SRT"]


def _first(element: Element) -> str:
    return element.text[0].strip() if element.text else ""


def _with(element: Element, text: str) -> Element:
    return element if element.text == (text,) else element._replace(text=(text,) if text else ())
