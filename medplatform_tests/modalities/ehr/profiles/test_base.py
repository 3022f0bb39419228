"""The base from fhir.resources' models is the base that HL7 publishes."""

import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from medplatform.modalities.ehr.profiles import ProfileSet
from medplatform.modalities.ehr.profiles.base import describe, find_model, type_code, type_suffix

from .conftest import CORE

TYPES = (
    "AllergyIntolerance",
    "Bundle",
    "CarePlan",
    "Claim",
    "Composition",
    "Condition",
    "DiagnosticReport",
    "Encounter",
    "ExplanationOfBenefit",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "Procedure",
    "Questionnaire",
    "QuestionnaireResponse",
)


def test_elements_of_a_resource() -> None:
    observation = describe(find_model("Observation", "4.0.1"))
    assert (observation.elements["code"].min, observation.elements["code"].max) == (1, 1)
    assert (observation.elements["component"].min, observation.elements["component"].max) == (
        0,
        None,
    )
    component = describe(observation.elements["component"].model)
    assert component.elements["code"].min == 1
    assert component.choices["value"]["valueDateTime"] == "dateTime"


def test_reserved_words_keep_their_json_names() -> None:
    assert describe(find_model("Encounter", "4.0.1")).elements["class"].min == 1


@pytest.mark.parametrize("code", ["dateTime", "Quantity", "base64Binary", "CodeableConcept"])
def test_types_in_names(code: str) -> None:
    assert type_code(type_suffix(code)) == code


def test_types_by_release() -> None:
    assert find_model("EncounterReason", "5.0.0") is not None
    assert find_model("EncounterReason", "4.0.1") is None
    assert find_model("Nothing", "4.0.1") is None


@pytest.mark.real
def test_cardinality_and_choices_of_every_resource_of_r4b(core_folder: Path) -> None:
    compared: Counter[str] = Counter()
    for path in core_folder.rglob("StructureDefinition-*.json"):
        definition = json.loads(path.read_bytes())
        model = find_model(definition["type"], "4.3.0")
        if definition["kind"] == "primitive-type" or definition["abstract"] or model is None:
            continue
        for element in definition["snapshot"]["element"]:
            names = element["path"].split(".")
            base = _walk(model, names[1:-1])
            if len(names) == 1 or base is None:
                continue
            _assert_equal(base, names[-1], element)
            compared[definition["kind"]] += 1
    assert compared["resource"] > 4500
    assert compared["complex-type"] > 300


def _walk(model: Any, names: list[str]) -> Any:
    for name in names:
        stated = describe(model).elements.get(name)
        if stated is None or stated.model is None:
            return None
        model = stated.model
    return describe(model)


def _assert_equal(base: Any, name: str, element: dict[str, Any]) -> None:
    where = element["path"]
    if name.endswith("[x]"):
        prefix = name.removesuffix("[x]")
        codes = {rule["code"] for rule in element["type"]}
        assert set(base.choices[prefix].values()) == codes, where
        assert (prefix in base.required_choices) == bool(element["min"]), where
        return
    stated = base.elements[name]
    assert stated.min == element["min"], where
    assert stated.max == (None if element["max"] == "*" else int(element["max"])), where


@pytest.mark.real
def test_the_base_definitions_themselves_as_profiles(core_folder: Path, fhir_data: Path) -> None:
    """HL7's examples against HL7's snapshots: nested items, choices, targets of references."""
    profiles = ProfileSet.read([core_folder], assigned={name: [CORE + name] for name in TYPES})
    found: Counter[tuple[str, str]] = Counter()
    checked = 0
    with tarfile.open(fhir_data / "r4-hl7-examples" / "hl7-r4-examples.tar.gz") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".json") else None
            resource = orjson.loads(content.read()) if content else {}
            if resource.get("resourceType") not in TYPES:
                continue
            checked += 1
            for issue in profiles.check(resource, resource["resourceType"]):
                if issue.code != "profile.unknown":
                    found[issue.code, issue.rule] += 1
    assert checked > 250
    # Known faults of the examples: a questionnaire without linkId, two references of wrong type.
    assert found == {
        ("profile.min", "Questionnaire.item.linkId"): 32,
        ("profile.target", "MedicationRequest.dispenseRequest.performer"): 1,
        ("profile.target", "Observation.performer"): 1,
    }
