"""Required bindings, as far as the package itself lists the codes."""

from typing import Any

import pytest

from .conftest import BASE, Check, Make, element, profile, value_set

COLOURS = {
    "resourceType": "CodeSystem",
    "url": BASE + "colour",
    "content": "complete",
    "concept": [{"code": "red", "concept": [{"code": "crimson"}]}, {"code": "blue"}],
}


def listed(*codes: str, system: str = "s") -> dict[str, Any]:
    return {"system": system, "concept": [{"code": code} for code in codes]}


def bound(strength: str = "required", path: str = "Observation.code") -> dict[str, Any]:
    binding = {"strength": strength, "valueSet": BASE + "set"}
    return profile("p", element(path, binding=binding))


def observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **elements}


def coded(code: str, system: str = "s") -> dict[str, Any]:
    return observation(code={"coding": [{"system": "other"}, {"system": system, "code": code}]})


REFUSED = [("profile.binding", "Observation.code")]


def test_one_coding_of_a_concept_must_be_in_the_value_set(check: Check) -> None:
    codes = value_set("set", listed("a", "b"))
    assert check(coded("a"), bound(), codes) == []
    assert check(coded("c"), bound(), codes) == REFUSED
    assert check(coded("a", system="t"), bound(), codes) == REFUSED
    assert check(observation(code={"text": "a"}), bound(), codes) == REFUSED


def test_codes_and_quantities(check: Check) -> None:
    codes = value_set("set", listed("final", "mg"))
    status, quantity = bound(path="Observation.status"), bound(path="Observation.valueQuantity")
    assert check(observation(status="final"), status, codes) == []
    assert check(observation(status="amended"), status, codes) == [
        ("profile.binding", "Observation.status")
    ]
    assert check(observation(valueQuantity={"code": "mg", "system": "s"}), quantity, codes) == []
    assert check(observation(valueQuantity={"code": "mg"}), quantity, codes) == [
        ("profile.binding", "Observation.value.ofType(Quantity)")
    ]


@pytest.mark.parametrize("strength", ["extensible", "preferred", "example"])
def test_weaker_bindings_ask_for_nothing(check: Check, strength: str) -> None:
    assert check(coded("c"), bound(strength), value_set("set", listed("a"))) == []


RED = ("red", BASE + "colour")
RESOLVED: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str]], list[tuple[str, str]]]] = {
    "a whole code system": (
        [value_set("set", {"system": BASE + "colour"}), COLOURS],
        [RED, ("crimson", BASE + "colour")],
        [("green", BASE + "colour"), ("red", "s")],
    ),
    "what another value set has": (
        [value_set("set", {"valueSet": [BASE + "more"]}), value_set("more", listed("a"))],
        [("a", "s")],
        [("b", "s")],
    ),
    "what two value sets share": (
        [
            value_set("set", {"valueSet": [BASE + "more", BASE + "most"]}),
            value_set("more", listed("a", "b")),
            value_set("most", listed("b", "c")),
        ],
        [("b", "s")],
        [("a", "s"), ("c", "s")],
    ),
    "a system without what is excluded": (
        [
            value_set(
                "set",
                compose={
                    "include": [{"system": BASE + "colour"}],
                    "exclude": [listed("red", system=BASE + "colour")],
                },
            ),
            COLOURS,
        ],
        [("crimson", BASE + "colour")],
        [RED],
    ),
    "an expansion": (
        [
            value_set(
                "set",
                expansion={
                    "contains": [
                        {
                            "system": "s",
                            "code": "group",
                            "abstract": True,
                            "contains": [{"system": "s", "code": "a"}],
                        }
                    ]
                },
            )
        ],
        [("a", "s")],
        [("group", "s")],
    ),
}


@pytest.mark.parametrize("name", RESOLVED)
def test_value_sets_that_the_package_resolves(check: Check, name: str) -> None:
    definitions, members, strangers = RESOLVED[name]
    for code, system in members:
        assert check(coded(code, system), bound(), *definitions) == []
    for code, system in strangers:
        assert check(coded(code, system), bound(), *definitions) == REFUSED


FILTER = {"property": "concept", "op": "is-a", "value": "x"}
UNRESOLVED: dict[str, list[dict[str, Any]]] = {
    "the value set was not read": [],
    "a code system of the value set was not read": [
        value_set("set", {"system": "http://snomed.info/sct"})
    ],
    "the value set is defined by a filter": [
        value_set("set", listed("a"), {"system": "s", "filter": [FILTER]})
    ],
    "the value set includes itself": [
        value_set("set", {"valueSet": [BASE + "more"]}),
        value_set("more", {"valueSet": [BASE + "set"]}),
    ],
    "the expansion of the value set is not complete": [
        value_set("set", expansion={"total": 9, "contains": [{"system": "s", "code": "a"}]})
    ],
    "the value set has neither expansion nor compose": [value_set("set")],
}


@pytest.mark.parametrize("reason", UNRESOLVED)
def test_other_value_sets_are_a_gap_and_never_an_issue(make: Make, reason: str) -> None:
    profiles = make(bound(), *UNRESOLVED[reason], assigned={"Observation": [BASE + "p"]})
    assert profiles.check(coded("anything"), "Observation") == []
    (gap,) = profiles.gaps()
    assert (gap.rule, gap.element, gap.subject) == ("binding", "Observation.code", BASE + "set")
    assert gap.reason == reason


def test_part_of_a_code_system_is_not_taken_for_the_whole(make: Make) -> None:
    part = {**COLOURS, "content": "fragment"}
    profiles = make(bound(), value_set("set", {"system": BASE + "colour"}), part)
    assert [gap.rule for gap in profiles.gaps()] == ["binding"]
