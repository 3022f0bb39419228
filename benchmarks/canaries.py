"""Made-up resources of every shape, with identifiers of a person that nobody has."""

from typing import Any

CANARIES = (
    *("Xylophonowitz", "Quetzalina", "CANARY-MRN-8841", "canary-local-id", "555-013-4477"),
    *("quetzalina@canary.example", "17 Unmistakable Lane", "Canaryville", "CANARY-SSN-7766"),
    *("canary-encounter", "Q0FOQVJZ", "https://canary.example/photo", "canary-contained"),
)
"""Texts that must stand in no table."""

DIRECT_ELEMENTS = frozenset(
    {"family", "given", "value", "id", "reference", "line", "city", "text", "div", "display"}
    | {"valueString", "data", "url", "fullUrl", "note", "comment", "valueReference", "contact"}
)
"""JSON names of the elements that they stand in."""

_NAME = "Quetzalina Xylophonowitz"
_SUBJECT = {"reference": "Patient/canary-local-id", "display": _NAME}
_NOTE = [{"text": f"{_NAME}, 555-013-4477"}]
_EXTENSION = {"url": "http://hospital.example/nickname", "valueString": "Quetzalina"}
_RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
_HUMAN_NAME = {
    "use": "official",
    "family": "Xylophonowitz",
    "given": ["Quetzalina", None],
    "_given": [None, {"extension": [_EXTENSION]}],
}

RESOURCES: tuple[dict[str, Any], ...] = (
    {
        "resourceType": "Patient",
        "id": "canary-local-id",
        "meta": {"versionId": "3", "lastUpdated": "2020-03-01T10:20:30.123456789+05:30"},
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{_NAME}</div>',
        },
        "extension": [
            {
                "url": _RACE,
                "extension": [
                    {
                        "url": "ombCategory",
                        "valueCoding": {
                            "system": "urn:oid:2.16.840.1.113883.6.238",
                            "code": "2106-3",
                            "display": "White",
                        },
                    },
                    {"url": "text", "valueString": "White"},
                ],
            },
            _EXTENSION,
        ],
        "identifier": [
            {
                "type": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
                            "code": "MR",
                        }
                    ]
                },
                "system": "https://hospital.example/mrn",
                "value": "CANARY-MRN-8841",
            },
            {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "CANARY-SSN-7766"},
        ],
        "name": [_HUMAN_NAME],
        "telecom": [
            {"system": "phone", "value": "555-013-4477"},
            {"system": "email", "value": "quetzalina@canary.example"},
        ],
        "gender": "female",
        "birthDate": "1971-03",
        "_birthDate": {"extension": [{"url": "http://x.example", "valueCode": "approximate"}]},
        "address": [
            {"line": ["17 Unmistakable Lane"], "city": "Canaryville", "postalCode": "02139"}
        ],
        "photo": [{"contentType": "image/png", "data": "Q0FOQVJZ"}],
        "contact": [{"name": _HUMAN_NAME}],
        "multipleBirthInteger": 2,
    },
    {
        "resourceType": "Encounter",
        "id": "canary-encounter",
        "status": "finished",
        "class": {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "code": "AMB",
        },
        "subject": _SUBJECT,
        "period": {"start": "2020-01", "end": "2020-02-01T00:00:00-05:00"},
        "participant": [{"individual": {"reference": "Practitioner/9", "display": _NAME}}],
    },
    {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": _NAME},
        "subject": _SUBJECT,
        "encounter": {"reference": "Encounter/canary-encounter"},
        "effectiveDateTime": "2020-01-15T10:00:00Z",
        "component": [
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
                "valueQuantity": {"value": 72.50, "unit": "mmHg", "code": "mm[Hg]"},
            },
            {"code": {"text": _NAME}, "valueString": _NAME},
        ],
        "note": _NOTE,
    },
    {
        "resourceType": "Observation",
        "id": "o2",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "72166-2"}]},
        "subject": _SUBJECT,
        "valueRange": {"low": {"value": 1}, "high": {"value": 1e2}},
        "modifierExtension": [{"url": "http://x.example/not", "valueBoolean": True}],
    },
    {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "contained": [
            {
                "resourceType": "Medication",
                "id": "canary-contained",
                "code": {
                    "coding": [
                        {
                            "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
                            "code": "1191",
                        }
                    ],
                    "text": _NAME,
                },
            },
            {"resourceType": "Practitioner", "id": "p", "name": [_HUMAN_NAME]},
        ],
        "medicationReference": {"reference": "#canary-contained", "display": _NAME},
        "requester": {"reference": "#p"},
        "subject": _SUBJECT,
        "authoredOn": "2020-01-15",
        "dosageInstruction": [{"text": _NAME, "doseAndRate": [{"doseQuantity": {"value": 1.0}}]}],
    },
    {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "status": "completed",
        "subject": _SUBJECT,
        "item": [
            {
                "linkId": "1",
                "item": [
                    {"linkId": "1.1", "answer": [{"valueString": _NAME}, {"valueDecimal": 0.10}]}
                ],
            }
        ],
    },
    {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "subject": _SUBJECT,
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain",
                    "url": "https://canary.example/photo",
                    "data": "Q0FOQVJZ",
                }
            }
        ],
    },
    {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                    "code": "active",
                }
            ]
        },
        "code": {
            "coding": [
                {"system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertension"}
            ]
        },
        "subject": {"reference": "urn:uuid:canary-local-id"},
        "onsetAge": {"value": 42, "code": "a", "system": "http://unitsofmeasure.org"},
        "recordedDate": "2021",
    },
    {"resourceType": "Patient", "id": "p2", "gender": "male"},
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]},
    {"resourceType": "Organization", "id": "org", "name": "Canaryville General"},
)
"""Records of one patient and what surrounds them; some valid, some to be refused."""
