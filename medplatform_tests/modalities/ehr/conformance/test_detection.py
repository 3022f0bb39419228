"""Which release a delivery is in."""

import json
from pathlib import Path
from typing import Any

import pytest

from medplatform.modalities.ehr.conformance.detection import find_release
from medplatform.modalities.ehr.definitions import Release
from medplatform_tests.modalities.ehr.conftest import bundle, observation, patient

from .samples import hl7_examples, synthea, synthetic

R5_ENCOUNTER = {
    "resourceType": "Encounter",
    "status": "completed",
    "class": [{"coding": [{"code": "AMB"}]}],
    "actualPeriod": {"start": "2020-01-01"},
}
R4_ENCOUNTER = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
R5_REQUEST = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "medication": {"concept": {"text": "x"}},
    "subject": {"reference": "Patient/p1"},
}


def find(*resources: Any) -> tuple[str, str]:
    release, basis = find_release(json.dumps(resource).encode() for resource in resources)
    return release.name, basis


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([], ("R4", "default")),
        ([patient(), observation()], ("R4", "default")),
        ([patient(), R5_ENCOUNTER], ("R5", "content")),
        ([patient(), R5_REQUEST], ("R5", "content")),
        ([bundle({"resource": R5_ENCOUNTER})], ("R5", "content")),
        ([R4_ENCOUNTER, R4_ENCOUNTER, R5_ENCOUNTER], ("R4", "content")),
        ([{"resourceType": "MedicinalProduct", "name": [{"productName": "x"}]}], ("R4", "content")),
        ([{"resourceType": "InventoryItem", "status": "active"}], ("R5", "content")),
        ([{"resourceType": "CapabilityStatement", "fhirVersion": "4.3.0"}], ("R4B", "declared")),
        ([R4_ENCOUNTER, {"fhirVersion": ["5.0.0"]}], ("R5", "declared")),
        (
            [patient(meta={"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/x"]})],
            ("R4", "declared"),
        ),
        (
            [patient(meta={"profile": ["http://hl7.org/fhir/5.0/StructureDefinition/Patient"]})],
            ("R5", "declared"),
        ),
        (
            [patient(meta={"profile": ["http://hl7.org/fhir/StructureDefinition/bmi|4.3.0"]})],
            ("R4B", "declared"),
        ),
        (
            [patient(meta={"profile": ["http://hl7.org/fhir/StructureDefinition/bmi"]})],
            ("R4", "default"),
        ),
        ([patient(gender="neither")], ("R4", "default")),
    ],
)
def test_release_of_a_delivery(resources: list[Any], expected: tuple[str, str]) -> None:
    assert find(*resources) == expected


def test_bad_content_says_nothing() -> None:
    assert find_release([b"", b"[", b"5", b'{"meta":{"profile":[5]}}', b'{"meta":7}']) == (
        Release.R4,
        "default",
    )
    assert find({"fhirVersion": 4}, {"meta": {"profile": "x"}}, {"resourceType": "Bundle"}) == (
        "R4",
        "default",
    )


def test_a_synthetic_delivery_is_r4() -> None:
    assert find_release(synthetic(2)) == (Release.R4, "content")


@pytest.mark.real
def test_public_deliveries(fhir_data: Path) -> None:
    assert find_release(synthea(fhir_data, 20)).release is Release.R4
    clinical = ("Encounter-", "MedicationRequest-", "Observation-", "Condition-", "Procedure-")
    for release in (Release.R4, Release.R5):
        examples = hl7_examples(fhir_data, release).items()
        chosen = [raw for name, raw in examples if name.startswith(clinical)]
        assert find_release(chosen) == (release, "content")
