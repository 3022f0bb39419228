"""Labels for delivered files that cannot carry an identifier.

File and folder names often hold names or record numbers, so outside the vault a file is named by
its digest; only names from a fixed vocabulary (FHIR resource types, crosswalk.csv, …) are shown.
"""

import re
from pathlib import PurePath

_SAFE_STEMS = frozenset(
    {"crosswalk", "labels", "index", "genotypes", "cohort", "calls", "DICOMDIR"}
)
# A FHIR export names files Type.ndjson or Type.000.ndjson.
_RESOURCE_FILE = re.compile(
    r"(Patient|Encounter|Condition|Observation|MedicationRequest|Procedure|DiagnosticReport|"
    r"AllergyIntolerance|CarePlan|CareTeam|Claim|Device|ExplanationOfBenefit|ImagingStudy|"
    r"Immunization|Location|Medication|Organization|Practitioner|PractitionerRole|Bundle)"
    r"(\.\d{1,4})?"
)
_SUFFIX = re.compile(
    r"(\.(ndjson|json|gz|dcm|vcf|bgz|bcf|csv|tsv|png|jpe?g|tiff?|zip|tar|txt)){1,2}$"
)


def source_label(path: PurePath, source_id: str) -> str:
    """A name for a delivered file that is safe outside the vault.

    >>> source_label(PurePath("in/Patient.000.ndjson.gz"), "1a2b3c4d5e6f7a8b")
    'Patient.000.ndjson.gz'
    >>> source_label(PurePath("in/DOE_JANE_1950.dcm"), "1a2b3c4d5e6f7a8b")
    '1a2b3c4d5e6f7a8b.dcm'
    """
    match = _SUFFIX.search(path.name.lower())
    suffix = match.group(0) if match else ""
    stem = path.name[: len(path.name) - len(suffix)]
    if stem in _SAFE_STEMS or _RESOURCE_FILE.fullmatch(stem):
        return stem + suffix
    return source_id + suffix
