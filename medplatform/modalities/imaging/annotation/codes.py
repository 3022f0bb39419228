"""Coded concepts (PS3.3 8.8) of public terminologies, and units of UCUM.

Codes of private schemes are free text of their makers: nothing is kept of them.
"""

import re
from dataclasses import dataclass

from pydicom import Dataset

from medplatform.modalities.imaging import terms
from medplatform.modalities.imaging.deidentify.codes import public_meaning
from medplatform.modalities.imaging.elements import Elements
from medplatform.modalities.imaging.values import to_short_text, to_text

UCUM = "UCUM"
_UNIT = re.compile(r"[!-~]{1,32}")
_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of a public terminology: `scheme:value` and its meaning there."""

    code: str
    meaning: str | None = None


def read_concept(
    elements: Elements, keyword: str, dataset: Dataset | None = None
) -> Concept | None:
    """The first item of a code sequence; None where there is none, or none of a public scheme."""
    item = elements.item(keyword, dataset)
    return None if item is None else concept_of(elements, item)


def concept_of(elements: Elements, item: Dataset) -> Concept | None:
    """The concept that an item codes; None for those of private schemes."""
    scheme = elements.read("CodingSchemeDesignator", to_text, item)
    value = _value(elements, item)
    code = terms.public_code(scheme, value)
    if code is None:
        if value:
            elements.remark("annotation.private_code", "CodingSchemeDesignator")
        return None
    meaning = elements.read("CodeMeaning", to_short_text, item)
    return Concept(code, public_meaning(scheme or "", value or "", meaning))


def read_unit(elements: Elements, item: Dataset) -> str | None:
    """UCUM code in the Measurement Units Code Sequence (0040,08EA)."""
    unit = elements.item("MeasurementUnitsCodeSequence", item)
    if unit is None:
        return None
    scheme, value = elements.read("CodingSchemeDesignator", to_text, unit), _value(elements, unit)
    if scheme == UCUM and value and _UNIT.fullmatch(value):
        return value
    elements.remark("annotation.private_code", "MeasurementUnitsCodeSequence")
    return None


def as_columns(name: str, concept: Concept | None) -> dict[str, str | None]:
    """The two columns of a concept: `code` and `meaning`, or those of `name`."""
    prefix = f"{name}_" if name else ""
    code, meaning = (concept.code, concept.meaning) if concept else (None, None)
    return {f"{prefix}code": code, f"{prefix}meaning": meaning}


def _value(elements: Elements, item: Dataset) -> str | None:
    found = (elements.read(keyword, to_text, item) for keyword in _VALUES)
    return next((value for value in found if value), None)
