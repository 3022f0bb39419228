"""Rules that cannot be applied are told before anything is read."""

import re
from typing import Any

import pytest

from medplatform.modalities.ehr.deidentify import SHIFTED_SAFE_HARBOR, Policy, PolicyError
from medplatform.modalities.ehr.deidentify.soundness import demand_soundness
from medplatform.modalities.modality import Misconfigured


def _policy(select: str, action: str, **parameters: Any) -> Policy:
    rule = {"select": select, "action": action, **parameters}
    return Policy.model_validate({"name": "test", "rules": [rule], "vocabularies": {"any": {}}})


def _asking(select: str, **asked: str) -> Policy:
    return _policy(select, "keep", when=[{**asked, "is_in": "any"}])


def test_the_policy_of_the_platform_is_sound() -> None:
    demand_soundness(SHIFTED_SAFE_HARBOR)


@pytest.mark.parametrize(
    ("select", "asked"),
    [
        ("Coding.display", {"sibling": "system"}),
        ("Address", {"child": "country"}),
        ("Patient.birthDate", {"sibling": "gender"}),
        ("Observation.component", {"child": "valueString"}),
        ("Observation.value[x]", {"sibling": "status"}),
        ("Observation//Quantity", {"child": "unit"}),
        ("Observation.valueInteger", {"sibling": "code.coding.code"}),
        ("MedicinalProduct.name.productName", {"sibling": "id"}),
        ("Resource.language", {"sibling": "id"}),
        ("ContactPoint", {"sibling": "id"}),
        ("Patient", {"child": "gender"}),
        ("string", {}),
    ],
)
def test_a_condition_may_ask_for_a_text_that_is_there(select: str, asked: dict[str, str]) -> None:
    demand_soundness(_asking(select, **asked))


@pytest.mark.parametrize(
    ("select", "asked", "what"),
    [
        ("Coding.display", {"sibling": "sytem"}, "a sibling 'sytem', which FHIR does not have"),
        ("Address", {"child": "contry"}, "a child 'contry', which FHIR does not have"),
        ("Address", {"sibling": "contry"}, "a sibling 'contry', which FHIR does not have"),
        ("Resource.language", {"sibling": "idd"}, "a sibling 'idd', which FHIR does not have"),
        ("Patient", {"sibling": "gender"}, "a sibling 'gender', which FHIR does not have"),
        ("Patient.gender", {"child": "id"}, "a child 'id', which FHIR does not have"),
        ("Address.state", {"sibling": "line"}, "a sibling 'line', which is no single text"),
        ("ContactPoint.value", {"sibling": "rank"}, "a sibling 'rank', which is no single text"),
        ("Identifier", {"child": "type"}, "a child 'type', which is no single text"),
        (
            "Observation.valueInteger",
            {"sibling": "code.codings.code"},
            "a sibling 'code.codings.code', which FHIR does not have",
        ),
        (
            "Observation.valueInteger",
            {"sibling": "code.coding"},
            "a sibling 'code.coding', which is no single text",
        ),
    ],
)
def test_a_condition_that_can_never_be_asked_is_refused_with_its_rule(
    select: str, asked: dict[str, str], what: str
) -> None:
    with pytest.raises(PolicyError, match=re.escape(f"rule 1 (keep {select}) asks for {what}")):
        demand_soundness(_asking(select, **asked))


@pytest.mark.parametrize(
    ("select", "action", "parameters"),
    [
        ("Patient.birthDate", "shift_date", {}),
        ("Address", "shift_date", {}),
        ("Patient..period", "shift_date", {}),
        ("Quantity.value", "perturb", {"noise": {"span": 1}}),
        ("Address.postalCode", "generalise", {"to": "postal_code"}),
        ("Address", "substitute", {"value": {"country": "US"}}),
        ("integer", "pseudonymise", {"kind": "text"}),
    ],
)
def test_an_action_may_reach_values_that_it_fits(
    select: str, action: str, parameters: dict[str, Any]
) -> None:
    demand_soundness(_policy(select, action, **parameters))


@pytest.mark.parametrize(
    ("select", "action", "parameters", "what"),
    [
        ("boolean", "shift_date", {}, "type boolean"),
        ("Patient.id", "shift_date", {}, "type id"),
        ("Observation.value[x]", "shift_date", {}, "type boolean, integer, string, time"),
        ("Patient//date", "perturb", {"noise": {"span": 1}}, "type date"),
        ("decimal", "substitute", {"value": "x"}, "type decimal"),
        ("Coding", "generalise", {"to": "year"}, "reaches nothing"),
    ],
)
def test_an_action_that_does_not_fit_is_refused_with_its_rule(
    select: str, action: str, parameters: dict[str, Any], what: str
) -> None:
    with pytest.raises(PolicyError, match=rf"rule 1 \({action} {re.escape(select)}\).*{what}"):
        demand_soundness(_policy(select, action, **parameters))


def test_every_unsound_rule_is_named() -> None:
    rules = [
        {"select": "boolean", "action": "shift_date"},
        {"select": "code", "action": "keep"},
        {"select": "time", "action": "shift_date"},
    ]
    with pytest.raises(PolicyError, match=r"rule 1 .*\n.*rule 3 "):
        demand_soundness(Policy.model_validate({"name": "test", "rules": rules}))


def test_what_is_wrong_with_a_policy_is_for_the_user_to_mend() -> None:
    with pytest.raises(Misconfigured):
        demand_soundness(_policy("boolean", "shift_date"))
