"""Which code of a concept is kept, and of whom its display text may be kept.

A concept often holds several codings of one meaning. The table keeps one: of the preferred
terminology if there is one, else of a public one, else the first. The others stay in landing.
"""

import re
from typing import NamedTuple

from medplatform.modalities.ehr.element import Element

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
DIAGNOSTIC_SERVICE = "http://terminology.hl7.org/CodeSystem/v2-0074"

PUBLIC_SYSTEMS = frozenset(
    {
        SNOMED,
        LOINC,
        RXNORM,
        UCUM,
        "http://hl7.org/fhir/sid/ndc",
        "http://hl7.org/fhir/sid/cvx",
        "http://www.whocc.no/atc",
    }
)
PUBLIC_PREFIXES = ("http://terminology.hl7.org/CodeSystem/", "http://hl7.org/fhir/sid/icd-")
# A unit is a short token such as mg/dL or 10*3/uL; longer or spaced texts may say anything.
_UNIT = re.compile(r"[A-Za-z0-9%µμ°Ω/.,*^'\[\]{}()_-]{1,24}")


class Concept(NamedTuple):
    """A code with its system and, for public terminologies only, its display text."""

    code: str | None = None
    system: str | None = None
    display: str | None = None


def is_public(system: str | None) -> bool:
    """Whether the terminology is published, so that its display texts name nobody."""
    return system is not None and (system in PUBLIC_SYSTEMS or system.startswith(PUBLIC_PREFIXES))


def read_concept(concept: Element, preferred: str | None = None) -> Concept:
    """The coding of a CodeableConcept that is kept."""
    return choose([read_coding(coding) for coding in concept.children("coding")], preferred)


def choose(codings: list[Concept], preferred: str | None) -> Concept:
    """The first coding of the preferred system, else of a public one, else any with a code."""
    coded = [coding for coding in codings if coding.code]
    for coding in coded:
        if coding.system == preferred:
            return coding
    for coding in coded:
        if is_public(coding.system):
            return coding
    return coded[0] if coded else Concept()


def read_coding(coding: Element) -> Concept:
    """Code and system of a Coding; the display text of public terminologies only."""
    system = coding.text("system")
    display = coding.text("display") if is_public(system) else None
    return Concept(coding.text("code"), system, display)


def read_unit(quantity: Element) -> str | None:
    """The UCUM code of a Quantity, else its unit where that is a short token."""
    code = quantity.text("code")
    unit = quantity.text("unit")
    if code and quantity.text("system") == UCUM:
        return code
    return unit if unit and _UNIT.fullmatch(unit) else None
