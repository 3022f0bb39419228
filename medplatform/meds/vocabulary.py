"""How code systems are called in the codes of events.

A code begins with the short name of its vocabulary, as in `LOINC//4548-4//mg/dL`; the parts are
joined with `//` and a missing one is `UNK`, as MEDS-Extract does. Parent codes name the concept as
`<vocabulary of OMOP>/<code>`, as meds_etl and MIMIC_IV_MEDS do, so that ontologies can be joined.
"""

import re
from typing import NamedTuple

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UNKNOWN = "UNK"
"""Stands for a part of a code that was not delivered."""


class Vocabulary(NamedTuple):
    """The short name of a code system, and its id in the OMOP vocabularies where it has one."""

    name: str
    omop: str | None = None


# https://terminology.hl7.org/external_terminologies.html; https://athena.ohdsi.org
_KNOWN: dict[str, Vocabulary] = {
    "http://loinc.org": Vocabulary("LOINC", "LOINC"),
    "http://snomed.info/sct": Vocabulary("SNOMED", "SNOMED"),
    RXNORM: Vocabulary("RXNORM", "RxNorm"),
    "http://hl7.org/fhir/sid/icd-10": Vocabulary("ICD10", "ICD10"),
    "http://hl7.org/fhir/sid/icd-10-cm": Vocabulary("ICD10CM", "ICD10CM"),
    "http://hl7.org/fhir/sid/icd-9-cm": Vocabulary("ICD9CM", "ICD9CM"),
    "http://www.cms.gov/Medicare/Coding/ICD10": Vocabulary("ICD10PCS", "ICD10PCS"),
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm": Vocabulary("ICD10GM", "ICD10GM"),
    "http://fhir.de/CodeSystem/bfarm/ops": Vocabulary("OPS", "OPS"),
    "http://www.ama-assn.org/go/cpt": Vocabulary("CPT4", "CPT4"),
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": Vocabulary("HCPCS", "HCPCS"),
    "http://hl7.org/fhir/sid/cvx": Vocabulary("CVX", "CVX"),
    "http://hl7.org/fhir/sid/ndc": Vocabulary("NDC", "NDC"),
    "http://www.whocc.no/atc": Vocabulary("ATC", "ATC"),
    "http://unitsofmeasure.org": Vocabulary("UCUM", "UCUM"),
}
_HL7 = "http://terminology.hl7.org/CodeSystem/"
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def name_vocabulary(system: str) -> Vocabulary:
    """The vocabulary of a code system.

    One that has no common short name keeps its URI, without the scheme: that would hold the
    separator.

    >>> name_vocabulary("http://loinc.org").name
    'LOINC'
    >>> name_vocabulary("http://terminology.hl7.org/CodeSystem/v3-ActCode").name
    'v3-ActCode'
    >>> name_vocabulary("https://hospital.example//codes/lab").name
    'hospital.example/codes/lab'
    """
    if system in _KNOWN:
        return _KNOWN[system]
    name = system.removeprefix(_HL7) if system.startswith(_HL7) else _SCHEME.sub("", system)
    return Vocabulary(re.sub("/+", "/", name) or UNKNOWN)
