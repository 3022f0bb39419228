"""Bytes in, verdict out."""

import json
from typing import Any

import pytest

from medplatform.modalities.ehr.issue import REASONS
from medplatform.modalities.ehr.verdict import is_patient, is_resource_type, judge

from .conftest import observation, patient


def verdict_of(resource: Any):
    return judge(json.dumps(resource).encode())


def issues_of(resource: Any) -> list[tuple[str, str | None]]:
    return [(issue.code, issue.element) for issue in verdict_of(resource).issues]


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


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "json.invalid"),
        (b'{"resourceType":"Patient","id":"cut","na', "json.invalid"),
        (b'{"resourceType":"Patient","id":"a",}', "json.invalid"),
        (b'{"resourceType":"Patient"} // c', "json.invalid"),
        (b'{"resourceType":"Patient"}{"resourceType":"Patient"}', "json.invalid"),
        (b'{"resourceType":"Patient","id":"n\x001"}', "json.invalid"),
        (b'{"resourceType":"Patient","id":"\xe9"}', "json.invalid"),
        (b'{"resourceType":"Patient","id":"\\ud800"}', "json.invalid"),
        (b'{"resourceType":"Observation","valueQuantity":{"value":NaN}}', "json.invalid"),
        (b'{"resourceType":"Observation","valueQuantity":{"value":Infinity}}', "json.invalid"),
        (b'{"resourceType":"Observation","valueQuantity":{"value":01}}', "json.invalid"),
        (b'{"resourceType":"Observation","valueQuantity":{"value":1.}}', "json.invalid"),
        (b'{"resourceType":"Observation","valueQuantity":{"value":1e400}}', "json.invalid"),
        (b"[" * 5000, "json.invalid"),
        (b"<html>502 Bad Gateway</html>", "json.invalid"),
        (b"42", "json.not_an_object"),
        (b"[]", "json.not_an_object"),
        (b'{"id":"a"}', "record.no_type"),
        (b'{"resourceType":7}', "record.no_type"),
        (b'{"resourceType":"HospitalThing"}', "fhir.unknown_type"),
        (b'{"resourceType":"PatientContact"}', "fhir.unknown_type"),
        (b'{"resourceType":"__class__"}', "fhir.unknown_type"),
        (b'{"resourceType":"Patient","id":"k","id":"k"}', "json.duplicate_key"),
        (
            b'{"resourceType":"Patient","id":"k","name":[{"family":"a","family":"b"}]}',
            "json.duplicate_key",
        ),
    ],
)
def test_what_is_no_single_json_resource_is_refused(raw: bytes, code: str) -> None:
    assert [issue.code for issue in judge(raw).issues] == [code]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"birthDate": "1980-02-30"}, ("fhir.invalid", "Patient.birthDate")),
        ({"birthDate": "05/06/1980"}, ("fhir.invalid", "Patient.birthDate")),
        ({"birthDate": ""}, ("fhir.invalid", "Patient.birthDate")),
        ({"deceasedDateTime": "2020-01-01T10:00:00"}, ("fhir.invalid", "Patient.deceasedDateTime")),
        ({"name": {"family": "X"}}, ("fhir.invalid", "Patient.name")),
        ({"gender": ["male"]}, ("fhir.invalid", "Patient.gender")),
        ({"deceasedBoolean": True, "deceasedDateTime": "2020"}, ("fhir.invalid", "Patient")),
        ({"extension": [[[[]]]]}, ("fhir.invalid", "Patient.extension[0]")),
        ({"contained": [{"resourceType": "Nope"}]}, ("fhir.invalid", "Patient")),
        ({"address": [{"street": "x"}]}, ("fhir.unknown_element", "Patient.address[0]")),
        ({"Gender": "male"}, ("fhir.unknown_element", "Patient")),
        ({"link": [{"type": "seealso"}]}, ("fhir.missing_element", "Patient.link[0].other")),
        ({"implicitRules": "http://x.example"}, ("fhir.modifier", "Patient.implicitRules")),
        ({"modifierExtension": [{"url": "u", "valueBoolean": True}]}, ("fhir.modifier", None)),
    ],
)
def test_what_is_not_valid_fhir_names_the_element(elements, expected) -> None:
    assert issues_of(patient(**elements)) == [expected]


def test_r5_in_an_r4_delivery_is_refused() -> None:
    codes = {
        code
        for code, _ in issues_of(
            {
                "resourceType": "Encounter",
                "id": "a",
                "status": "completed",
                "class": [{"coding": [{"code": "AMB"}]}],
                "actualPeriod": {"start": "2020-01-01"},
            }
        )
    }
    assert codes <= {"fhir.invalid", "fhir.unknown_element"}
    assert codes


def test_a_required_element_may_be_present_only_as_its_extension() -> None:
    resource = observation(_status={"extension": [{"url": "http://x.example", "valueCode": "y"}]})
    del resource["status"]
    assert issues_of(resource) == []


def test_at_most_five_reasons_for_one_record() -> None:
    assert len(issues_of(patient(name=[{"family": n} for n in range(50)]))) == 5


def test_deep_extensions_are_read_and_bottomless_ones_refused() -> None:
    def nested(depth: int) -> dict[str, Any]:
        extension: dict[str, Any] = {"url": "http://x.example", "valueCode": "y"}
        for _ in range(depth):
            extension = {"url": "http://x.example", "extension": [extension]}
        return patient(extension=[extension])

    assert issues_of(nested(60)) == []
    assert {code for code, _ in issues_of(nested(400))} == {"fhir.too_deep"}


@pytest.mark.parametrize("name", ["Claim", "MedicinalProduct", "Bundle", "OperationOutcome"])
def test_other_types_of_r4_are_known_but_not_read(name: str) -> None:
    verdict = verdict_of({"resourceType": name, "anything": 1})
    assert (verdict.resource_type, verdict.resource, verdict.issues) == (name, None, ())


@pytest.mark.parametrize("name", ["Resource", "DomainResource", "HumanName", "ActorDefinition", ""])
def test_what_is_no_resource_type_of_r4(name: str) -> None:
    assert not is_resource_type(name)


def test_reasons_hold_nothing_of_the_record() -> None:
    secret = "Ottokar-Unmistakable"
    for elements in (
        {secret: secret},
        {"birthDate": secret},
        {"gender": [secret]},
        {"name": [{"family": {secret: secret}}]},
        {secret.lower().replace("-", ""): 1},
    ):
        for issue in verdict_of(patient(**elements)).issues:
            assert issue.reason == REASONS[issue.code]
            assert "ottokar" not in f"{issue}".lower()


def test_patients_are_told_from_records_that_mention_them() -> None:
    assert is_patient(json.dumps(patient()).encode())
    assert not is_patient(b'{"resourceType":"Group","type":"Patient"}')
    assert not is_patient(b'{"resourceType":"Patient"')
    assert not is_patient(b'["Patient"]')
