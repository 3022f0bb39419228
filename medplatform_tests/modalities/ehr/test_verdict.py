"""The verdict as the reader of the typed tables asks for it."""

import json
from typing import Any

from medplatform.modalities.ehr.verdict import is_patient, judge

from .conftest import observation, patient


def verdict_of(resource: Any):
    return judge(json.dumps(resource).encode())


def test_a_valid_resource_comes_back_parsed() -> None:
    verdict = verdict_of(patient(gender="female"))
    assert verdict.resource_type == "Patient"
    assert verdict.resource == patient(gender="female")
    assert verdict.issues == ()


def test_numbers_come_back_as_the_text_that_was_delivered() -> None:
    raw = json.dumps(observation(valueQuantity={"value": 0})).replace('"value": 0', '"value": %s')
    for text in ("72.50", "1e2", "-0.0", "12345678901234567890.123456789", "5"):
        resource = judge((raw % text).encode()).resource
        assert resource is not None
        assert resource["valueQuantity"]["value"] == text


def test_a_modified_resource_must_not_become_a_row() -> None:
    for elements in (
        {"modifierExtension": [{"url": "http://x.example", "valueBoolean": True}]},
        {"implicitRules": "http://x.example"},
    ):
        assert [issue.code for issue in verdict_of(patient(**elements)).issues] == ["fhir.modifier"]


def test_a_type_without_table_is_known_but_not_read() -> None:
    for name in ("Claim", "MedicinalProduct", "Bundle", "OperationOutcome"):
        verdict = verdict_of({"resourceType": name, "anything": 1})
        assert (verdict.resource_type, verdict.resource, verdict.issues) == (name, None, ())


def test_patients_are_told_from_records_that_mention_them() -> None:
    assert is_patient(json.dumps(patient()).encode())
    assert not is_patient(b'{"resourceType":"Group","type":"Patient"}')
    assert not is_patient(b'{"resourceType":"Patient"')
    assert not is_patient(b'["Patient"]')
