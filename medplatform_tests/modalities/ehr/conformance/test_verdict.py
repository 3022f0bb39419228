"""Bytes in, verdict out."""

import json
import subprocess
import sys
from typing import Any

import orjson
import pytest

from medplatform.modalities.ehr.conformance.arbiter import MAX_MODEL_DEPTH
from medplatform.modalities.ehr.conformance.verdict import (
    MAX_DEPTH,
    Verdict,
    accepts,
    find_issues,
    is_resource_type,
    judge,
    judge_lines,
)
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.issue import REASONS
from medplatform_tests.modalities.ehr.conftest import bundle, observation, patient

R4, R4B, R5 = Release
MODIFIER = {"modifierExtension": [{"url": "http://x.example", "valueBoolean": True}]}


def verdict_of(resource: Any, release: Release = R4) -> Verdict:
    return judge(json.dumps(resource).encode(), release)


def issues_of(resource: Any, release: Release = R4) -> list[tuple[str, str | None]]:
    return [(issue.code, issue.element) for issue in verdict_of(resource, release).issues]


def nested(depth: int, innermost: dict[str, Any] | None = None) -> dict[str, Any]:
    """A Patient with extensions inside one another."""
    extension = innermost or {"url": "http://x.example", "valueCode": "y"}
    for _ in range(depth):
        extension = {"url": "http://x.example", "extension": [extension]}
    return patient(extension=[extension])


@pytest.mark.parametrize("release", Release)
def test_what_is_certainly_valid_is_accepted_by_the_filter(release: Release) -> None:
    content = patient(gender="female", birthDate="1980-02-29")
    assert verdict_of(content, release) == ("Patient", content, (), False, "filter")


def test_what_the_filter_leaves_open_is_decided_by_the_arbiter() -> None:
    content = observation(effectiveDateTime="2016-12-31T23:59:60Z")
    assert verdict_of(content) == ("Observation", content, (), False, "arbiter")


def test_lines_are_judged_in_their_order_and_one_bad_line_costs_no_other() -> None:
    lines = [orjson.dumps(patient("a")), b'{"resourceType":"Pat', orjson.dumps(patient("b"))]
    verdicts = list(judge_lines(lines, R4))
    assert [verdict.content and verdict.content["id"] for verdict in verdicts] == ["a", None, "b"]
    assert [issue.code for issue in verdicts[1].issues] == ["json.invalid"]


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
        (b"<html>502 Bad Gateway</html>", "json.invalid"),
        (b"[" * 5000 + b"]" * 5000, "fhir.too_deep"),
        (b'{"a":' * 5000, "fhir.too_deep"),
        (b"42", "json.not_an_object"),
        (b"[]", "json.not_an_object"),
        (b'{"id":"a"}', "record.no_type"),
        (b'{"resourceType":7}', "record.no_type"),
        (b'{"resourceType":"HospitalThing"}', "fhir.unknown_type"),
        (b'{"resourceType":"PatientContact"}', "fhir.unknown_type"),
        (b'{"resourceType":"__class__"}', "fhir.unknown_type"),
        (b'{"resourceType":"DomainResource"}', "fhir.unknown_type"),
        (b'{"resourceType":"Patient","id":"k","id":"k"}', "json.duplicate_key"),
    ],
)
def test_what_is_no_single_json_resource_is_refused(raw: bytes, code: str) -> None:
    verdict = judge(raw, R4)
    assert [issue.code for issue in verdict.issues] == [code]
    assert verdict.content is None


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
        ({"address": [{"street": "x"}]}, ("fhir.unknown_element", "Patient.address[0]")),
        ({"Gender": "male"}, ("fhir.unknown_element", "Patient")),
        ({"link": [{"type": "seealso"}]}, ("fhir.missing_element", "Patient.link[0].other")),
    ],
)
def test_what_is_not_valid_fhir_names_the_element(elements, expected) -> None:
    assert issues_of(patient(**elements)) == [expected]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"active": "true"}, ("value.wrong_type", "Patient.active")),
        ({"multipleBirthInteger": "2"}, ("value.wrong_type", "Patient.multipleBirthInteger")),
        ({"maritalStatus": '{"text":"x"}'}, ("value.wrong_type", "Patient.maritalStatus")),
        ({"name": [{"resourceType": "HumanName"}]}, ("fhir.unknown_element", "Patient.name[0]")),
        ({"resource_type": "Patient"}, ("fhir.unknown_element", "Patient")),
        ({"gender__ext": {"id": "a"}}, ("fhir.unknown_element", "Patient")),
    ],
)
def test_what_only_fhir_resources_takes_is_refused(elements, expected) -> None:
    assert issues_of(patient(**elements)) == [expected]


@pytest.mark.parametrize(
    ("resource", "element"),
    [
        (patient(gender="F"), "Patient.gender"),
        (patient(identifier=[{"use": "main"}]), "Patient.identifier[0].use"),
        (patient(text={"status": "made", "div": "<div/>"}), "Patient.text.status"),
        (observation(status="done"), "Observation.status"),
        (
            observation(valueQuantity={"value": 1, "comparator": "=<"}),
            "Observation.valueQuantity.comparator",
        ),
    ],
)
@pytest.mark.parametrize("release", Release)
def test_codes_outside_a_required_value_set_are_refused(resource, element, release) -> None:
    assert issues_of(resource, release) == [("value.not_in_value_set", element)]


def test_value_sets_are_those_of_the_release() -> None:
    encounter = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    assert issues_of(encounter) == []
    encounter["class"] = [{"coding": [{"code": "AMB"}]}]
    assert issues_of(encounter, R5) == [("value.not_in_value_set", "Encounter.status")]


def test_r5_in_an_r4_delivery_is_refused() -> None:
    resource = {
        "resourceType": "Encounter",
        "status": "completed",
        "class": [{"coding": [{"code": "AMB"}]}],
        "actualPeriod": {"start": "2020-01-01"},
    }
    assert issues_of(resource, R5) == []
    assert {code for code, _ in issues_of(resource)} == {"fhir.invalid", "fhir.unknown_element"}


def test_a_required_element_may_be_present_only_as_its_extension() -> None:
    resource = observation(_status={"extension": [{"url": "http://x.example", "valueCode": "y"}]})
    del resource["status"]
    assert issues_of(resource) == []


def test_an_extension_may_hold_the_extensions_of_its_value() -> None:
    """fhir.resources has no `_valueString`, but the specification has."""
    absent = {"extension": [{"url": "http://x.example/absent", "valueCode": "masked"}]}
    extension = {"url": "http://x.example", "_valueString": absent}
    for resource in (patient(extension=[extension]), nested(70, extension)):
        assert issues_of(resource) == []


def test_a_uuid_may_have_any_version() -> None:
    extension = {"url": "u", "valueUuid": "urn:uuid:c757873d-ec9a-1326-a141-556f43239520"}
    assert issues_of(patient(extension=[extension])) == []


@pytest.mark.parametrize(
    "resource",
    [
        patient(**MODIFIER),
        patient(contact=[{**MODIFIER, "gender": "male"}]),
        patient(implicitRules="http://x.example"),
        patient(contained=[{"resourceType": "Organization", "name": "x", **MODIFIER}]),
    ],
)
def test_a_modified_resource_is_accepted_and_marked(resource: dict[str, Any]) -> None:
    escaped = json.dumps(resource).replace("modifier", "\\u006dodifier")
    for raw in (orjson.dumps(resource), escaped.encode()):
        verdict = judge(raw, R4)
        assert verdict.content == resource
        assert verdict.is_modified


def test_an_unmodified_resource_is_not_marked() -> None:
    for elements in ({"modifierExtension": []}, {"id": "modifierExtension"}):
        assert not verdict_of({**patient(), **elements}).is_modified
    talk = '"modifierExtension": "implicitRules": x'
    assert not verdict_of(patient(name=[{"text": talk}])).is_modified


def test_resources_inside_are_judged_by_their_own_type() -> None:
    good, bad = patient(gender="male"), patient(gender="m")
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "a", "part": [{"name": "b", "resource": bad}]}],
    }
    inner = {"resourceType": "Organization", "contained": [bad]}
    for resource, element in (
        (bundle({"resource": good}, {"resource": bad}), "Bundle.entry[1].resource.gender"),
        (parameters, "Parameters.parameter[0].part[0].resource.gender"),
        (patient(contained=[good, bad]), "Patient.contained[1].gender"),
        (patient(contained=[inner]), "Patient.contained[0].contained[0].gender"),
    ):
        assert issues_of(resource) == [("value.not_in_value_set", element)]
    assert verdict_of(bundle({"resource": good})).by == "filter"


@pytest.mark.parametrize(
    ("contained", "expected"),
    [
        ({"resourceType": "Nope"}, ("fhir.unknown_type", "Patient.contained[0]")),
        ({"id": "a"}, ("fhir.missing_element", "Patient.contained[0].resourceType")),
    ],
)
def test_what_is_contained_must_be_a_resource(contained, expected) -> None:
    assert issues_of(patient(contained=[contained])) == [expected]


def test_types_that_only_r4_has_are_judged_by_its_definitions() -> None:
    product = {"resourceType": "MedicinalProduct", "name": [{"productName": "x"}]}
    assert issues_of(product) == []
    assert issues_of(product, R4B) == [("fhir.unknown_type", None)]
    assert issues_of({**product, "code": "x"}) == [("fhir.unknown_element", "MedicinalProduct")]
    del product["name"]
    assert issues_of(product) == [("fhir.missing_element", "MedicinalProduct.name")]
    assert issues_of(patient(contained=[product])) == [
        ("fhir.missing_element", "Patient.contained[0].name")
    ]


def test_evidence_is_what_the_release_says_it_is() -> None:
    evidence = {
        "resourceType": "Evidence",
        "status": "draft",
        "exposureBackground": {"reference": "EvidenceVariable/a"},
    }
    assert issues_of(evidence) == []
    assert ("fhir.unknown_element", "Evidence") in issues_of(evidence, R4B)


def test_at_most_five_reasons_for_one_record() -> None:
    assert len(issues_of(patient(name=[{"family": n} for n in range(50)]))) == 5
    assert len(issues_of(patient(name=[{"use": "x"} for _ in range(50)]))) == 5


@pytest.mark.parametrize("depth", [10, MAX_MODEL_DEPTH // 2 + 5, 130, 200, MAX_DEPTH // 2 - 5])
def test_deep_resources_are_judged(depth: int) -> None:
    assert verdict_of(nested(depth)).content is not None
    code, element = issues_of(nested(depth, {"url": "http://x.example", "valueDate": "never"}))[0]
    assert code == "fhir.invalid"
    assert element == "Patient.extension[0]" + ".extension[0]" * depth + ".valueDate"


def test_bottomless_resources_are_refused() -> None:
    assert issues_of(nested(MAX_DEPTH // 2)) == [("fhir.too_deep", None)]


def test_depth_is_no_matter_of_how_deep_the_caller_is() -> None:
    def call(depth: int) -> Verdict:
        return call(depth - 1) if depth else verdict_of(nested(MAX_DEPTH // 2 - 5))

    assert call(300) == call(0)


def test_huge_numbers_are_numbers() -> None:
    raw = orjson.dumps(observation(valueQuantity={"value": 0})).replace(b'"value":0', b'"value":%s')
    for text in (b"9" * 400, b"1e308", b"0." + b"1" * 400, b"-0.0", b"1e-400"):
        verdict = judge(raw % text, R4)
        assert not verdict.issues or verdict.issues[0].code == "json.invalid"


def test_reasons_hold_nothing_of_the_record() -> None:
    secret = "Ottokar-Unmistakable"
    for elements in (
        {secret: secret},
        {"birthDate": secret},
        {"gender": secret},
        {"active": secret},
        {"name": [{"family": {secret: secret}}]},
        {"contained": [{"resourceType": secret}]},
        {secret.lower().replace("-", ""): 1},
        nested(80, {"url": "u", secret: 1}),
    ):
        issues = verdict_of(patient(**elements)).issues
        assert issues
        for issue in issues:
            assert issue.reason == REASONS[issue.code]
            assert issue.severity == "error"
            assert "ottokar" not in f"{issue}".lower()


@pytest.mark.parametrize("name", ["Resource", "DomainResource", "HumanName", "ActorDefinition", ""])
def test_what_is_no_resource_type_of_r4(name: str) -> None:
    assert not is_resource_type(name, R4)


def test_each_release_has_its_resource_types() -> None:
    known = {
        name: [release.name for release in Release if is_resource_type(name, release)]
        for name in ("Patient", "MedicinalProduct", "Citation", "ActorDefinition", "Media")
    }
    assert known == {
        "Patient": ["R4", "R4B", "R5"],
        "MedicinalProduct": ["R4"],
        "Citation": ["R4", "R4B", "R5"],
        "ActorDefinition": ["R5"],
        "Media": ["R4", "R4B"],
    }


def test_either_half_can_be_asked_alone() -> None:
    assert accepts(patient(), R4)
    assert not accepts(patient(gender="x"), R4)
    assert find_issues(patient(), R4) == ()
    assert [issue.code for issue in find_issues({}, R4)] == ["record.no_type"]


def test_importing_the_modalities_imports_no_validator() -> None:
    program = (
        "import sys, medplatform.modalities, medplatform.modalities.ehr.conformance; "
        "print({'fhir.resources', 'jsonschema_rs'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
