"""Codes of the synthetic records and the FHIR elements that carry them.

SNOMED CT for conditions and procedures, LOINC with UCUM units for measures, RxNorm for drugs.
"""

from typing import Any

from medplatform.synthetic.risk import MEASURES

Element = dict[str, Any]
Code = tuple[str, str]
"""A code and its display text."""

HL7 = "http://terminology.hl7.org/CodeSystem/"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
CVX = "http://hl7.org/fhir/sid/cvx"
US_SSN = "http://hl7.org/fhir/sid/us-ssn"

CHECK_UP: Code = ("185349003", "Encounter for check up")
ADMISSION: Code = ("32485007", "Hospital admission")
HYPERTENSION: Code = ("59621000", "Essential hypertension")
DIABETES: Code = ("44054006", "Diabetes mellitus type 2")
EVENTS: tuple[Code, ...] = (
    ("22298006", "Myocardial infarction"),
    ("53741008", "Coronary arteriosclerosis"),
    ("230690007", "Cerebrovascular accident"),
    ("84114007", "Heart failure"),
)
"""Cardiovascular events; the first two are treated with `INTERVENTION`."""
INTERVENTION: Code = ("415070008", "Percutaneous coronary intervention")
MINOR: tuple[Code, ...] = (
    ("444814009", "Viral sinusitis"),
    ("10509002", "Acute bronchitis"),
    ("279039007", "Low back pain"),
)
CURRENT_SMOKER: Code = ("449868002", "Smokes tobacco daily")
FORMER_SMOKER: Code = ("8517006", "Ex-smoker")
NEVER_SMOKER: Code = ("266919005", "Never smoked tobacco")
SMOKING_STATUS: Code = ("72166-2", "Tobacco smoking status")
BLOOD_PRESSURE: Code = ("85354-9", "Blood pressure panel")
LAB_REPORT: Code = ("11502-2", "Laboratory report")
LISINOPRIL: Code = ("314076", "lisinopril 10 MG Oral Tablet")
METFORMIN: Code = ("860975", "metformin 500 MG Oral Tablet")
ACETAMINOPHEN: Code = ("313782", "acetaminophen 325 MG Oral Tablet")
ASPIRIN: Code = ("243670", "aspirin 81 MG Oral Tablet")
ATORVASTATIN: Code = ("617318", "atorvastatin 20 MG Oral Tablet")
INFLUENZA_VACCINE: Code = ("140", "Influenza, seasonal, injectable, preservative free")


def coding(system: str, code: str) -> Element:
    """A Coding without display."""
    return {"system": system, "code": code}


def concept(system: str, code: Code) -> Element:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code[0], "display": code[1]}], "text": code[1]}


def status(system: str, code: str) -> Element:
    """A CodeableConcept of an HL7 code system."""
    return {"coding": [coding(HL7 + system, code)]}


def measure_concept(name: str) -> Element:
    """The LOINC code of one of `MEASURES`."""
    return concept(LOINC, (MEASURES[name].loinc, MEASURES[name].display))


def quantity(name: str, value: float) -> Element:
    """A Quantity with the decimals and the unit of one of `MEASURES`."""
    measure = MEASURES[name]
    number = int(value) if measure.decimals == 0 else value
    return {"value": number, "unit": measure.unit, "system": UCUM, "code": measure.unit}
