"""Types that R4B dropped are held to the cardinalities that R4 gives them."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from medplatform.modalities.ehr.conformance.hl7 import read_r4_only
from medplatform.modalities.ehr.conformance.verdict import judge
from medplatform.modalities.ehr.definitions import Release

Change = Callable[[dict[str, Any]], object]

EXTENSION = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "unknown",
        }
    ]
}
CODE = {"text": "x"}
PRODUCT: dict[str, Any] = {
    "resourceType": "MedicinalProduct",
    "id": "p",
    "name": [
        {
            "productName": "Aspirin",
            "namePart": [{"part": "Aspirin", "type": {"code": "full"}}],
            "countryLanguage": [{"country": CODE, "language": CODE}],
        }
    ],
    "specialDesignation": [{"indicationCodeableConcept": CODE}],
}
VARIABLE: dict[str, Any] = {
    "resourceType": "EvidenceVariable",
    "id": "v",
    "status": "active",
    "characteristic": [
        {"definitionCanonical": "http://example.org/a", "participantEffectiveDateTime": "2020"}
    ],
}


def judged(resource: dict[str, Any], change: Change) -> list[tuple[str, str | None]]:
    changed = copy.deepcopy(resource)
    change(changed)
    verdict = judge(json.dumps(changed).encode(), Release.R4)
    return [(issue.code, issue.element) for issue in verdict.issues]


def name_of(resource: dict[str, Any]) -> dict[str, Any]:
    return resource["name"][0]


def trait_of(resource: dict[str, Any]) -> dict[str, Any]:
    return resource["characteristic"][0]


@pytest.mark.parametrize("resource", [PRODUCT, VARIABLE])
def test_good_examples_pass_the_filter(resource: dict[str, Any]) -> None:
    verdict = judge(json.dumps(resource).encode(), Release.R4)
    assert (verdict.issues, verdict.by) == ((), "filter")


@pytest.mark.parametrize(
    ("resource", "change"),
    [
        (VARIABLE, lambda r: r.update(_status=EXTENSION)),
        (VARIABLE, lambda r: (r.pop("status"), r.update(_status=EXTENSION))),
        (VARIABLE, lambda r: trait_of(r).update(_definitionCanonical=EXTENSION)),
        (
            VARIABLE,
            lambda r: r.update(characteristic=[{"_definitionCanonical": EXTENSION}]),
        ),
        (VARIABLE, lambda r: trait_of(r).pop("participantEffectiveDateTime")),
        (
            PRODUCT,
            lambda r: (name_of(r).pop("productName"), name_of(r).update(_productName=EXTENSION)),
        ),
        (PRODUCT, lambda r: name_of(r).pop("namePart")),
        (PRODUCT, lambda r: r["specialDesignation"][0].pop("indicationCodeableConcept")),
    ],
)
def test_a_value_or_an_extension_of_it_is_there(resource: dict[str, Any], change: Change) -> None:
    assert judged(resource, change) == []


@pytest.mark.parametrize(
    ("resource", "change", "element"),
    [
        (VARIABLE, lambda r: r.pop("status"), "EvidenceVariable.status"),
        (VARIABLE, lambda r: r.pop("characteristic"), "EvidenceVariable.characteristic"),
        (PRODUCT, lambda r: r.pop("name"), "MedicinalProduct.name"),
        (PRODUCT, lambda r: name_of(r).pop("productName"), "MedicinalProduct.name[0].productName"),
        (
            PRODUCT,
            lambda r: name_of(r)["namePart"][0].pop("part"),
            "MedicinalProduct.name[0].namePart[0].part",
        ),
        (
            PRODUCT,
            lambda r: name_of(r)["countryLanguage"][0].pop("country"),
            "MedicinalProduct.name[0].countryLanguage[0].country",
        ),
    ],
)
def test_a_required_element_that_is_missing_is_named(
    resource: dict[str, Any], change: Change, element: str
) -> None:
    assert judged(resource, change) == [("fhir.missing_element", element)]


@pytest.mark.parametrize(
    ("resource", "change", "element"),
    [
        (
            VARIABLE,
            lambda r: trait_of(r).pop("definitionCanonical"),
            "EvidenceVariable.characteristic[0]",
        ),
        (
            VARIABLE,
            lambda r: trait_of(r).update(definitionCodeableConcept=CODE),
            "EvidenceVariable.characteristic[0]",
        ),
        (
            VARIABLE,
            lambda r: r.update(
                characteristic=[
                    {"_definitionCanonical": EXTENSION, "definitionCodeableConcept": CODE}
                ]
            ),
            "EvidenceVariable.characteristic[0]",
        ),
        (
            VARIABLE,
            lambda r: trait_of(r).update(participantEffectivePeriod={"start": "2020"}),
            "EvidenceVariable.characteristic[0]",
        ),
        (
            PRODUCT,
            lambda r: r["specialDesignation"][0].update(indicationReference={"display": "x"}),
            "MedicinalProduct.specialDesignation[0]",
        ),
    ],
)
def test_a_choice_that_is_missing_or_taken_twice_is_refused(
    resource: dict[str, Any], change: Change, element: str
) -> None:
    assert judged(resource, change) == [("fhir.invalid", element)]


def test_what_is_required_is_that_of_r4() -> None:
    definition = read_r4_only("RiskEvidenceSynthesis")
    assert definition
    assert definition.required == {"status", "population", "outcome"}
    definition = read_r4_only("MedicinalProductInteraction_Interactant")
    assert definition
    assert [choice.is_required for choice in definition.choices] == [True]
