"""The 18 identifiers of 45 CFR 164.514(b)(2)(i): no byte of any of them is published."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medplatform.modalities.ehr.deidentify import Deidentified
from medplatform.modalities.ehr.terminology import CODE_SHAPES, PUBLIC_PREFIXES, PUBLIC_SYSTEMS
from medplatform.privacy import SAFE_HARBOR
from medplatform_tests.modalities.ehr.deidentify.conftest import Comparer

_UCUM = "http://unitsofmeasure.org"
_MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
_BIRTH_PLACE = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
_OWN_PREFIX = "http://hl7.org/fhir/StructureDefinition/humanname-own-prefix"
_AGE = {"coding": [{"code": "local"}, {"system": "http://loinc.org", "code": "30525-0"}]}
_BIRTH_DATE = {"coding": [{"system": "http://loinc.org", "code": "21112-8"}]}
_BORN = {"code": _BIRTH_DATE, "valueDateTime": "1920-03-17"}


def _identifier(value: str, system: str = "https://hospital.example/numbers") -> dict[str, Any]:
    return {"system": system, "value": value, "type": {**_MR, "text": value}}


# Identifier of the rule -> (resource type, content, the texts that identify).
PLANTED: dict[str, list[tuple[str, dict[str, Any], list[str]]]] = {
    "names": [
        (
            "Patient",
            {
                "name": [{"family": "Canaryson", "given": ["Zelda"], "text": "Zelda Canaryson"}],
                "contact": [{"name": {"text": "Mother Canaryson"}}],
                "extension": [
                    {"url": _BIRTH_PLACE, "valueHumanName": {"text": "Canaryson"}},
                    {"url": "mothersMaidenName", "valueString": "Canaryson"},
                ],
                "text": {"status": "generated", "div": "<div>Zelda Canaryson</div>"},
            },
            ["Canaryson", "Zelda"],
        ),
        (
            "Patient",
            {
                "name": [
                    {"_family": {"extension": [{"url": _OWN_PREFIX, "valueString": "van Canary"}]}}
                ]
            },
            ["van Canary"],
        ),
        (
            "Observation",
            {
                "subject": {"reference": "Patient/p1", "display": "Zelda Canaryson"},
                "performer": [{"display": "Dr. Canaryson"}],
                "note": [{"text": "Zelda called", "authorString": "Nurse Canaryson"}],
                "valueString": "Canaryson",
                "code": {"text": "as told by Zelda", "coding": [{"display": "Zelda"}]},
            },
            ["Canaryson", "Zelda", "Patient/p1"],
        ),
    ],
    "geographic subdivisions smaller than a state": [
        (
            "Patient",
            {
                "address": [
                    {
                        "text": "12 Canary Street",
                        "line": ["12 Canary Street"],
                        "city": "Canaryville",
                        "district": "Canary County",
                        "postalCode": "02139",
                        "state": "MA",
                    },
                    {"postalCode": "03601"},
                    {"postalCode": "CN4 7RY", "country": "GB"},
                ]
            },
            ["Canary", "02139", "036", "CN4"],
        ),
        ("Location", {"position": {"longitude": "-71.0942", "latitude": "42.3601"}}, ["71.09"]),
    ],
    "dates": [
        (
            "Patient",
            {"birthDate": "1987-11-23", "deceasedDateTime": "2020-03-17T04:05:06Z"},
            ["1987-11", "2020-03-17"],
        ),
        (
            "Observation",
            {
                "effectivePeriod": {"start": "2020-03-17", "end": "2020-03"},
                "issued": "2020-03-17T04:05:06.789Z",
                "meta": {"lastUpdated": "2020-03-17T04:05:06.789Z"},
            },
            ["2020-03"],
        ),
        ("Condition", {"onsetAge": {"value": "104", "code": "a"}}, ["104"]),
        ("Patient", {"birthDate": "1919-11-23"}, ["1919"]),
        (
            "Observation",
            {"code": _BIRTH_DATE, "valueDateTime": "1920-03-17", "component": [_BORN]},
            ["1920", "-03-", "-04-"],
        ),
    ],
    "telephone numbers": [
        ("Patient", {"telecom": [{"system": "phone", "value": "+1-555-0142"}]}, ["555-0142"]),
        ("Practitioner", {"telecom": [{"system": "phone", "value": "555-0142"}]}, ["555-0142"]),
    ],
    "fax numbers": [
        ("Organization", {"telecom": [{"system": "fax", "value": "555-0143"}]}, ["555-0143"])
    ],
    "e-mail addresses": [
        ("Patient", {"telecom": [{"system": "email", "value": "z@canary.example"}]}, ["canary"])
    ],
    "social security numbers": [
        (
            "Patient",
            {"identifier": [_identifier("999-18-8203", "http://hl7.org/fhir/sid/us-ssn")]},
            ["999-18-8203"],
        ),
        (
            "Claim",
            {
                "patient": {
                    "identifier": _identifier("999-18-8203", "urn:oid:2.16.840.1.113883.4.1")
                }
            },
            ["999-18-8203"],
        ),
    ],
    "medical record numbers": [
        ("Patient", {"id": "MRN-77-CANARY", "identifier": [_identifier("MRN-77-CANARY")]}, ["CAN"]),
        ("Encounter", {"subject": {"identifier": _identifier("MRN-77-CANARY")}}, ["CANARY"]),
        (
            "Observation",
            {"subject": {"reference": "https://h.example/Patient/MRN-77-CANARY/_history/1"}},
            ["CANARY", "h.example"],
        ),
    ],
    "health plan beneficiary numbers": [
        (
            "Coverage",
            {"subscriberId": "HPN-CANARY", "identifier": [_identifier("HPN-CANARY")]},
            ["CANARY"],
        )
    ],
    "account numbers": [
        ("Account", {"identifier": [_identifier("ACC-CANARY")], "name": "Canary"}, ["CANARY"])
    ],
    "certificate and licence numbers": [
        (
            "Practitioner",
            {"qualification": [{"identifier": [_identifier("LIC-CANARY")]}]},
            ["CANARY"],
        ),
        (
            "Patient",
            {"identifier": [_identifier("S99914534", "urn:oid:2.16.840.1.113883.4.3.25")]},
            ["S99914534"],
        ),
    ],
    "vehicle identifiers": [
        ("Claim", {"accident": {"locationAddress": {"text": "plate CAN-4RY"}}}, ["4RY"])
    ],
    "device identifiers and serial numbers": [
        (
            "Device",
            {
                "serialNumber": "SN-CANARY",
                "distinctIdentifier": "DI-CANARY",
                "lotNumber": "LOT-CANARY",
                "identifier": [_identifier("ID-CANARY")],
                "udiCarrier": [{"deviceIdentifier": "UDI-CANARY", "carrierHRF": "HRF-CANARY"}],
                "deviceName": [{"name": "Zelda's Canary", "type": "user-friendly-name"}],
            },
            ["CANARY", "Canary"],
        )
    ],
    "URLs": [
        (
            "Patient",
            {
                "meta": {"source": "https://canary.example/zelda", "tag": [{"code": "canary"}]},
                "photo": [{"url": "https://canary.example/zelda.png", "title": "canary"}],
                "extension": [{"url": "https://h.example/canary/1234567?name=canary"}],
            },
            ["canary"],
        ),
        (
            "Observation",
            {
                "code": {"coding": [{"system": "https://h.example/?of=canary", "code": "x"}]},
                "identifier": [{"system": "https://h.example/7777777/canary", "value": "1"}],
            },
            ["canary"],
        ),
    ],
    "IP addresses": [
        ("Patient", {"telecom": [{"system": "other", "value": "203.0.113.77"}]}, ["203.0.113"])
    ],
    "biometric identifiers": [
        (
            "Observation",
            {"component": [{"extension": [{"url": "print", "valueBase64Binary": "Q0FOQVJZ"}]}]},
            ["Q0FOQVJZ"],
        )
    ],
    "full-face photographs": [
        (
            "Patient",
            {
                "photo": [
                    {
                        "contentType": "image/png; name=CANARY48",
                        "data": "Q0FOQVJZ",
                        "hash": "Q0FOQVJZ",
                    }
                ]
            },
            ["Q0FOQVJZ", "CANARY48"],
        )
    ],
    "other unique numbers": [
        (
            "Encounter",
            {
                "id": "e-CANARY",
                "meta": {"versionId": "v-CANARY"},
                "identifier": [_identifier("n-CANARY")],
            },
            ["CANARY"],
        ),
        (
            "ImagingStudy",
            {
                "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.777.888"}],
                "series": [
                    {"uid": "1.2.777.889", "instance": [{"uid": "1.2.777.890", "title": "x y"}]}
                ],
            },
            ["1.2.777"],
        ),
        (
            "Observation",
            {
                "code": {"coding": [{"code": "number of canary 777888999"}]},
                "valueQuantity": {"value": "1", "unit": "of canary", "code": "1"},
                "specimen": {"reference": "#canary"},
                "device": {"reference": "Device?identifier=canary"},
            },
            ["canary"],
        ),
    ],
}


def _bytes(made: Deidentified) -> bytes:
    """Everything that is published, as Arrow buffers and as a Parquet file."""
    table = pa.Table.from_struct_array(made.content)
    parquet = io.BytesIO()
    pq.write_table(table, parquet, compression="none", use_dictionary=False)
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return parquet.getvalue() + stream.getvalue().to_pybytes()


def test_every_identifier_is_planted() -> None:
    assert PLANTED.keys() == SAFE_HARBOR.keys()


@pytest.mark.parametrize("identifier", SAFE_HARBOR)
def test_no_byte_of_an_identifier_is_published(comparer: Comparer, identifier: str) -> None:
    for resource_type, content, texts in PLANTED[identifier]:
        # Beside a row of somebody else, and in a row of nobody.
        rows = [content, {"id": "other"}, content]
        published = _bytes(comparer.engine(resource_type, rows, without=[2]))
        for text in texts:
            assert text.encode() not in published, (resource_type, text)


def test_what_is_needed_stays(comparer: Comparer) -> None:
    observation = {
        "status": "final",
        "code": {
            "coding": [
                {"system": "http://loinc.org", "code": "8302-2", "display": "Body height"},
                {"system": "https://hospital.example/codes", "code": "HGT", "display": "Hgt"},
            ]
        },
        "valueQuantity": {
            "value": "181.20",
            "unit": "cm",
            "system": _UCUM,
            "code": "cm",
        },
        "dataAbsentReason": {"coding": [{"code": "masked"}]},
        "meta": {
            "versionId": "3",
            "profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-body-height"],
        },
    }
    made = comparer.compare("Observation", [observation])[0]
    local = {"system": "https://hospital.example/codes", "code": "HGT"}
    assert made["code"]["coding"] == [observation["code"]["coding"][0], local]
    assert made["valueQuantity"] == {**observation["valueQuantity"], "value": 181.2} | {
        "value__text": "181.20"
    }
    assert made["meta"] == observation["meta"]
    assert made["status"] == "final"


@pytest.mark.parametrize(
    ("quantity", "published"),
    [
        ({"value": "1141", "code": "mo"}, 1080),
        ({"value": "34698", "code": "d"}, 32872),
        ({"value": "5000", "code": "wk"}, 4696),
        ({"value": "96", "unit": "yr"}, 90),
        ({"value": "96", "unit": "Years old"}, 90),
        ({"value": "1141", "unit": "month"}, 1080),
        ({"value": "33000", "unit": "days"}, 32872),
        ({"value": "89", "unit": "years"}, 89),
        ({"value": "1079", "code": "mo"}, 1079),
        ({"value": "120", "code": "mm[Hg]"}, 120),
        ({"value": "120", "unit": "min", "code": "258701004"}, 120),
        ({"value": "1141", "unit": "months", "code": "M"}, 1080),
        ({"value": "96", "code": "a{estimated}"}, 90),
        ({"value": "1141", "code": "mo{completed}"}, 1080),
        ({"value": "120", "code": "A{peak}"}, 120),
    ],
)
def test_ages_over_89_are_merged_in_every_unit_of_time(
    comparer: Comparer, quantity: dict[str, str], published: int
) -> None:
    """Durations of 90 years are ages, whatever code stands over them."""
    contents = [
        {"valueQuantity": quantity},
        {"component": [{"valueQuantity": quantity}]},
        {"valueRange": {"low": quantity}},
    ]
    for content in contents:
        made = comparer.engine("Observation", [content]).content.to_pylist()[0]
        assert _values(made) == [published]


def _values(content: Any) -> list[float]:
    if isinstance(content, dict):
        here = [content["value"]] if isinstance(content.get("value"), float) else []
        return here + [value for item in content.values() for value in _values(item)]
    if isinstance(content, list):
        return [value for item in content for value in _values(item)]
    return []


def test_an_observed_age_needs_no_unit_to_be_merged(comparer: Comparer) -> None:
    heart_rate = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    ages = [
        {"code": _AGE, "valueInteger": 97},
        {"code": _AGE, "valueInteger": 62},
        {"code": _AGE, "valueQuantity": {"value": "97"}},
        {"code": _AGE, "valueRange": {"low": {"value": "88"}, "high": {"value": "98"}}},
        {"code": heart_rate, "component": [{"code": _AGE, "valueInteger": 97}]},
        {"code": heart_rate, "valueInteger": 97, "valueQuantity": {"value": "98"}},
        {"code": {"text": "no coding"}, "valueInteger": 97},
        {"valueInteger": 97},
    ]
    made = comparer.compare("Observation", ages)
    assert [row.get("valueInteger") for row in made] == [90, 62, None, None, None, 97, 97, 97]
    assert made[2]["valueQuantity"]["value"] == 90
    assert [made[3]["valueRange"][end]["value"] for end in ("low", "high")] == [88, 90]
    assert made[4]["component"][0]["valueInteger"] == 90
    assert made[5]["valueQuantity"]["value"] == 98


@pytest.mark.parametrize(
    "code", ["21611-9", "21612-7", "29553-5", "30972-4", "39016-1", "63900-5", "445518008"]
)
def test_an_age_is_merged_however_it_was_observed(comparer: Comparer, code: str) -> None:
    observation = {"code": {"coding": [{"code": code}]}, "valueInteger": 97}
    (made,) = comparer.compare("Observation", [observation])
    assert made["valueInteger"] == 90


def test_an_observed_birth_date_is_that_of_a_patient(comparer: Comparer) -> None:
    observed = [
        {"code": _BIRTH_DATE, "valueDateTime": "1920-01-01"},
        {"code": _BIRTH_DATE, "valueDateTime": "1987-11-23"},
    ]
    births = [{"birthDate": content["valueDateTime"]} for content in observed]
    published = [row["birthDate"] for row in comparer.compare("Patient", births)]
    made = comparer.compare("Observation", observed)
    assert [row["valueDateTime"] for row in made] == published == ["1934", "1988"]


@pytest.mark.parametrize(
    ("delivered", "published"),
    [
        ("text/plain; name=CANARY48", "text/plain"),
        ("text/html;charset=UTF-8; name=x", "text/html;charset=UTF-8"),
        ("text/plain; charset=canary", "text/plain"),
        ("application/hl7-cda+xml", "application/hl7-cda+xml"),
        ("CANARY48", None),
    ],
)
def test_of_a_media_type_only_the_charset_is_said_too(
    comparer: Comparer, delivered: str, published: str | None
) -> None:
    made = comparer.engine("DocumentReference", [{"content": [_content(delivered)]}]).content
    assert made.to_pylist()[0]["content"][0]["attachment"]["contentType"] == published


def _content(media_type: str) -> dict[str, Any]:
    return {"attachment": {"contentType": media_type}}


@pytest.mark.parametrize(
    ("delivered", "published"),
    [
        ("mg/dL", "mg/dL"),
        ("nmol / L", "nmol / L"),
        ("mm Hg", "mm Hg"),
        ("per cent", "per cent"),
        ("Mrs Doe", "[REDACTED]"),
        ("Doe / Mrs Jo", "[REDACTED]"),
        ("mg / 1234567", "[REDACTED]"),
        ("m / " * 6, "[REDACTED]"),
    ],
)
def test_a_unit_is_short_or_known_and_shows_that_it_is_there(
    comparer: Comparer, delivered: str, published: str
) -> None:
    observation = {"valueQuantity": {"value": "35", "unit": delivered}}
    (made,) = comparer.compare("Observation", [observation])
    assert made["valueQuantity"]["unit"] == published


@pytest.mark.parametrize(
    ("delivered", "published"),
    [
        ({"system": _UCUM, "code": "mL/min/{1.73_m2}"}, "mL/min/{1.73_m2}"),
        ({"system": _UCUM, "code": "mm Hg"}, "mm Hg"),
        ({"system": _UCUM, "code": "Mrs Doe"}, "[REDACTED]"),
        ({"system": "http://snomed.info/sct", "code": "428673006"}, "428673006"),
        ({"system": "https://h.example/units", "code": "M12"}, "M12"),
        ({"system": "https://h.example/units", "code": "Mrs Doe"}, "[REDACTED]"),
        ({"code": "Mrs Doe"}, "[REDACTED]"),
    ],
)
def test_a_code_of_a_unit_is_one(
    comparer: Comparer, delivered: dict[str, str], published: str
) -> None:
    observation = {"valueQuantity": {"value": "35", **delivered}}
    (made,) = comparer.compare("Observation", [observation])
    assert made["valueQuantity"]["code"] == published


def test_a_code_that_no_value_set_can_list_looks_like_one(comparer: Comparer) -> None:
    patients = [{"language": language} for language in ("de-CH", "of Mrs Doe")]
    made = comparer.compare("Patient", patients)
    assert [patient and patient.get("language") for patient in made] == ["de-CH", None]
    ages = [{"onsetAge": {"value": "3", "code": code}} for code in ("mo", "of Mrs Doe")]
    shown, hidden = comparer.compare("Condition", ages)
    assert (shown["onsetAge"].get("code"), hidden["onsetAge"].get("code")) == ("mo", None)


@pytest.mark.parametrize(
    ("system", "code", "is_kept", "is_shown"),
    [
        ("http://snomed.info/sct", "59621000", True, True),
        ("http://snomed.info/sct", "71341001:272741003=7771000", True, True),
        ("http://snomed.info/sct", "CANARY25 with blank", False, False),
        ("http://snomed.info/sct", "CANARY25", True, False),
        ("http://snomed.info/sct", "71341001 Doe", False, False),
        ("http://snomed.info/sct", None, False, False),
        ("http://loinc.org", "8302-2", True, True),
        ("http://loinc.org", "LA6576-8", True, True),
        ("http://loinc.org", "Mrs Doe", False, False),
        (_UCUM, "mm[Hg]", True, True),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "314076", True, True),
        ("http://hl7.org/fhir/sid/ndc", "0002-1433-80", True, True),
        ("http://hl7.org/fhir/sid/icd-10-cm", "S72.001A", True, True),
        ("http://hl7.org/fhir/sid/icd-10-cm", "I10", True, True),
        ("http://hl7.org/fhir/sid/icd-9-cm", "V45.01", True, True),
        ("http://hl7.org/fhir/sid/icd-9-cm", "4019", True, True),
        ("http://hl7.org/fhir/sid/icd-10", "CANARY", True, False),
        ("http://www.whocc.no/atc", "A10BA02", True, True),
        (
            "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
            ">",
            True,
            True,
        ),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "_ActCode", True, True),
        ("urn:ietf:bcp:47", "de-CH", True, True),
        ("https://h.example/codes", "HGT", True, False),
        ("https://h.example/codes", "Mrs Doe", False, False),
    ],
)
def test_a_code_looks_like_those_of_its_system(
    comparer: Comparer, system: str, code: str | None, is_kept: bool, is_shown: bool
) -> None:
    coding = {"system": system, "display": "Said"} | ({"code": code} if code else {})
    (made,) = comparer.compare("Observation", [{"code": {"coding": [coding]}}])
    (published,) = made["code"]["coding"]
    assert (published.get("code") == code) is (is_kept or code is None)
    assert ("display" in published) is is_shown


def test_every_public_terminology_has_a_shape_of_codes() -> None:
    systems = {system for systems in CODE_SHAPES for system in systems}
    assert systems == PUBLIC_SYSTEMS | {*PUBLIC_PREFIXES}


@pytest.mark.parametrize(
    ("system", "is_kept"),
    [
        ("https://hospital.example/lab/codes", True),
        ("urn:hospital:lab", True),
        ("urn:oid:1.2.276.0.76.5.409", True),
        ("urn:hospital:patient:1234567", False),
        ("https://hospital.example/patients/1234567", False),
        ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", False),
        ("urn:hospital:Mrs Doe", False),
        ("lab of Mrs Doe", False),
    ],
)
def test_a_code_system_is_kept_that_names_nobody(
    comparer: Comparer, system: str, is_kept: bool
) -> None:
    coding = {"system": system, "code": "HGT"}
    (made,) = comparer.compare("Observation", [{"code": {"coding": [coding]}}])
    (published,) = made["code"]["coding"]
    assert published == (coding if is_kept else {"code": "HGT"})
