"""US Core's own examples follow its profiles, and broken copies of them do not."""

import copy
import gzip
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from medplatform.modalities.ehr.profiles import Presence, ProfileSet

from .conftest import US_CORE

pytestmark = pytest.mark.real

Mutate = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def examples(us_core_folder: Path) -> dict[str, dict[str, Any]]:
    """File stem -> resource; the entries of Bundles one by one."""
    found = {}
    for path in sorted((us_core_folder / "examples").glob("*.json")):
        content = orjson.loads(path.read_bytes())
        entries = content.get("entry") if content["resourceType"] == "Bundle" else None
        if entries is None:
            found[path.stem] = content
        for number, entry in enumerate(entries or ()):
            found[f"{path.stem}-{number}"] = entry["resource"]
    return found


def test_every_example_follows_what_it_claims(
    us_core: ProfileSet, examples: dict[str, dict[str, Any]]
) -> None:
    claims = [
        claim.partition("|")[0]
        for resource in examples.values()
        for claim in resource.get("meta", {}).get("profile", ())
        if us_core.tree_of(claim)
    ]
    assert len(us_core.profiles()) == 55
    assert (len(examples), len(claims), len(set(claims))) == (236, 226, 53)
    issues = [
        (name, issue)
        for name, resource in examples.items()
        for issue in us_core.check(resource, resource["resourceType"])
    ]
    # Questionnaires claim a profile of another guide.
    assert {(name.partition("-")[0], issue.code) for name, issue in issues} == {
        ("Questionnaire", "profile.unknown")
    }


def without(*names: str) -> Mutate:
    return lambda resource: [resource.pop(name) for name in names]


def change(path: str, value: Any) -> Mutate:
    """Set what is at a dotted path; None takes it away."""

    def mutate(resource: dict[str, Any]) -> None:
        *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        at: Any = resource
        for step in steps:
            at = at[step]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return mutate


def both(*changes: Mutate) -> Mutate:
    return lambda resource: [mutate(resource) for mutate in changes]


def repeat(name: str, index: int) -> Mutate:
    return lambda resource: resource[name].append(copy.deepcopy(resource[name][index]))


CODE = {"coding": [{"system": "http://loinc.org", "code": "0-0"}]}
UCUM = "http://unitsofmeasure.org"
# Example, what is changed, the one (code, element, rule) that must follow.
MUTANTS: dict[str, tuple[str, Mutate, set[tuple[str, str, str]]]] = {
    "a patient without identifier": (
        "patient-example",
        without("identifier"),
        {("profile.min", "Patient.identifier", "Patient.identifier")},
    ),
    "an identifier without system": (
        "patient-example",
        change("identifier.0.system", None),
        {("profile.min", "Patient.identifier[0].system", "Patient.identifier.system")},
    ),
    "a name without parts": (
        "patient-example",
        change("name.0", {"use": "old"}),
        {("profile.invariant", "Patient.name[0]", "us-core-6")},
    ),
    "race twice": (
        "patient-example",
        repeat("extension", 0),
        {("profile.slice_max", "Patient.extension[5]", "Patient.extension:race")},
    ),
    "race without its text": (
        "patient-example",
        change("extension.0.extension", [{"url": "ombCategory", "valueCoding": {"code": "x"}}]),
        {("profile.slice", "Patient.extension[0].extension", "Extension.extension:text")},
    ),
    "race as text where a coding is asked for": (
        "patient-example",
        change("extension.0.extension.0", {"url": "ombCategory", "valueString": "x"}),
        {
            (
                "profile.type",
                "Patient.extension[0].extension[0].value.ofType(string)",
                "Extension.extension:ombCategory.value[x]",
            )
        },
    ),
    "race with a value of its own": (
        "patient-example",
        change("extension.0.valueString", "x"),
        {
            (
                "profile.max",
                "Patient.extension[0].value.ofType(string)",
                "Extension.value[x]",
            )
        },
    ),
    "blood pressure of another code": (
        "blood-pressure",
        change("code", CODE),
        {("profile.pattern", "Observation.code", "Observation.code")},
    ),
    "blood pressure without the systolic": (
        "blood-pressure",
        change("component.0.code", CODE),
        {("profile.slice", "Observation.component", "Observation.component:systolic")},
    ),
    "blood pressure with one component": (
        "blood-pressure",
        change("component.1", None),
        {
            ("profile.min", "Observation.component", "Observation.component"),
            ("profile.slice", "Observation.component", "Observation.component:diastolic"),
        },
    ),
    "blood pressure in another unit": (
        "blood-pressure",
        change("component.1.valueQuantity.code", "kPa"),
        {
            (
                "profile.fixed",
                "Observation.component[1].value.ofType(Quantity).code",
                "Observation.component:diastolic.valueQuantity.code",
            )
        },
    ),
    "blood pressure without a value": (
        "blood-pressure",
        change("component.0.valueQuantity.value", None),
        {
            (
                "profile.min",
                "Observation.component[0].value.ofType(Quantity).value",
                "Observation.component:systolic.valueQuantity.value",
            )
        },
    ),
    "a vital sign of no such category": (
        "heart-rate",
        change("category.0.coding.0.code", "laboratory"),
        {("profile.slice", "Observation.category", "Observation.category:VSCat")},
    ),
    "a vital sign of a group": (
        "heart-rate",
        change("subject.reference", "Group/1"),
        {("profile.target", "Observation.subject", "Observation.subject")},
    ),
    "a vital sign at a timing": (
        "heart-rate",
        both(without("effectiveDateTime"), lambda r: r.update(effectiveTiming={})),
        {
            (
                "profile.type",
                "Observation.effective.ofType(Timing)",
                "Observation.effective[x]",
            )
        },
    ),
    "a result of a year": (
        "observation-serum-glucose",
        change("effectiveDateTime", "1999"),
        {("profile.invariant", "Observation.effective.ofType(dateTime)", "us-core-1")},
    ),
    "oxygen saturation with one coding": (
        "oxygen-saturation",
        change("code.coding.1", None),
        {
            ("profile.min", "Observation.code.coding", "Observation.code.coding"),
            ("profile.slice", "Observation.code.coding", "Observation.code.coding:PulseOx"),
        },
    ),
    "a smoking status that is preliminary": (
        "some-day-smoker",
        change("status", "preliminary"),
        {("profile.binding", "Observation.status", "Observation.status")},
    ),
    "a smoking status as a number": (
        "some-day-smoker",
        both(
            without("valueCodeableConcept"),
            lambda r: r.update(valueQuantity={"value": 1, "system": UCUM, "code": "1"}),
        ),
        {("profile.invariant", "Observation", "us-core-24")},
    ),
    "a laboratory result without category": (
        "observation-serum-glucose",
        without("category"),
        {
            ("profile.min", "Observation.category", "Observation.category"),
            ("profile.slice", "Observation.category", "Observation.category:us-core"),
        },
    ),
    "a laboratory result without value": (
        "observation-serum-glucose",
        without("valueQuantity"),
        {("profile.invariant", "Observation", "us-core-2")},
    ),
    "a narrative that is empty": (
        "careplan-ulcer-example",
        change("text.status", "empty"),
        {("profile.binding", "CarePlan.text.status", "CarePlan.text.status")},
    ),
    "a medication that is a patient": (
        "medicationrequest-referenced-oral-axid",
        change("medicationReference.reference", "Patient/1"),
        {
            (
                "profile.target",
                "MedicationRequest.medication.ofType(Reference)",
                "MedicationRequest.medication[x]",
            )
        },
    ),
    "two payers": (
        "coverage-example",
        repeat("payor", 0),
        {("profile.max", "Coverage.payor[1]", "Coverage.payor")},
    ),
    "a practitioner whose NPI has another check digit": (
        "practitioner-1",
        change("identifier.0.value", "9941339101"),
        {("profile.invariant", "Practitioner.identifier[0]", "us-core-17")},
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_example(
    us_core: ProfileSet, examples: dict[str, dict[str, Any]], name: str
) -> None:
    example, mutate, expected = MUTANTS[name]
    resource = copy.deepcopy(examples[example])
    mutate(resource)
    issues = us_core.check(resource, resource["resourceType"])
    assert {(issue.code, issue.element, issue.rule) for issue in issues} == expected


def test_every_required_element_that_is_taken_away_is_missed(
    us_core: ProfileSet, examples: dict[str, dict[str, Any]]
) -> None:
    """Each element directly below the resource that a claimed differential asks for."""
    checked = 0
    for resource in examples.values():
        for claim in resource.get("meta", {}).get("profile", ()):
            tree = us_core.tree_of(claim)
            for node in tree.root.children.values() if tree else ():
                if node.min and node.segment in resource:
                    rest = {key: value for key, value in resource.items() if key != node.segment}
                    found = {
                        (issue.code, issue.rule)
                        for issue in us_core.check(rest, resource["resourceType"])
                    }
                    assert ("profile.min", node.key) in found
                    checked += 1
    assert checked > 380


def test_odd_content_never_raises_and_is_never_quoted(
    us_core: ProfileSet, examples: dict[str, dict[str, Any]]
) -> None:
    secret = "Ottokar-Unmistakable"
    odd = [None, True, 0, 1.5, "", secret, [], {}, [[]], [None], [{}], {secret: secret}]
    odd += [{"coding": 7}, {"coding": [7]}, {"reference": 5}, {"extension": [3]}, {"url": [1]}]
    generator = random.Random(7)
    resources = list(examples.values())
    raised = 0
    for _ in range(3000):
        resource = copy.deepcopy(generator.choice(resources))
        resource_type = resource["resourceType"]
        at: Any = resource
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            key = generator.choice(keys)
            if not isinstance(at[key], dict | list) or not at[key] or generator.random() < 0.2:
                break
            at = at[key]
        at[key] = generator.choice(odd)
        issues = us_core.check(resource, resource_type, Presence())
        assert secret not in f"{[(issue, issue.reason) for issue in issues]}"
        raised += bool(issues)
    assert raised > 500


def test_gaps_of_us_core_are_the_definitions_that_its_sources_lack(us_core: ProfileSet) -> None:
    reasons = {(gap.rule, gap.reason) for gap in us_core.gaps()}
    assert reasons == {
        ("base", "the base definition was not read, so its rules are not checked"),
        ("binding", "the value set was not read"),
        ("binding", "the value set is defined by a filter"),
        (
            "slicing",
            "the slice is told apart by a binding, and a code system of the value set was not read",
        ),
        ("slicing", "the slice is told apart by a binding, and the value set was not read"),
        ("type", "a profile was not read"),
    }


def test_presence_over_the_examples(
    us_core: ProfileSet, examples: dict[str, dict[str, Any]]
) -> None:
    presence = Presence()
    for resource in examples.values():
        us_core.check(resource, resource["resourceType"], presence)
    rows = {
        row.element: row.present
        for row in presence.rows()
        if row.profile == US_CORE + "us-core-patient" and row.resources == 4
    }
    assert (rows["Patient.name.family"], rows["Patient.communication.language"]) == (4, 1)


def test_assigned_to_a_bulk_export(fhir_data: Path, us_core_folder: Path) -> None:
    profiles = ProfileSet.read(
        [us_core_folder / "resources"], assigned={"Patient": [US_CORE + "us-core-patient"]}
    )
    with gzip.open(fhir_data / "r4-bulk-100" / "Patient.ndjson.gz") as lines:
        resources = [orjson.loads(line) for line in lines]
    assert len(resources) == 100
    for resource in resources:
        resource.pop("meta", None)
        assert profiles.check(resource, "Patient") == []
        del resource["name"]
        assert [(issue.code, issue.element) for issue in profiles.check(resource, "Patient")] == [
            ("profile.min", "Patient.name")
        ]
