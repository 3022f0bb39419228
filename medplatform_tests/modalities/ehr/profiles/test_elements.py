"""What a profile asks of single elements: number, type, value, length."""

from typing import Any

import pytest

from medplatform.modalities.ehr.element import Number

from .conftest import BASE, CORE, Check, Make, element, extension, found, profile


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "a", **elements}


def observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **elements}


def test_a_required_element(check: Check) -> None:
    needs_name = profile("p", element("Patient.name", min=1))
    assert check(patient(), needs_name) == [("profile.min", "Patient.name")]
    assert check(patient(name=[]), needs_name) == [("profile.min", "Patient.name")]
    assert check(patient(name=[{"family": "x"}]), needs_name) == []


def test_at_least_and_at_most(check: Check) -> None:
    two_or_three = profile("p", element("Patient.name", min=2, max="3"))
    assert check(patient(name=[{}]), two_or_three) == [("profile.min", "Patient.name")]
    assert check(patient(name=[{}] * 2), two_or_three) == []
    assert check(patient(name=[{}] * 3), two_or_three) == []
    # The first that is too many is named.
    assert check(patient(name=[{}] * 5), two_or_three) == [("profile.max", "Patient.name[3]")]


def test_a_forbidden_element(check: Check) -> None:
    no_photo = profile("p", element("Patient.photo", max="0"), element("Patient.gender", max="0"))
    assert check(patient(), no_photo) == []
    assert check(patient(photo=[{}], gender="male"), no_photo) == [
        ("profile.max", "Patient.photo[0]"),
        ("profile.max", "Patient.gender"),
    ]


def test_children_are_asked_for_only_where_their_parent_is(check: Check) -> None:
    system = profile("p", element("Patient.identifier.system", min=1))
    assert check(patient(), system) == []
    assert check(patient(identifier=[{"system": "x"}, {"value": "y"}]), system) == [
        ("profile.min", "Patient.identifier[1].system")
    ]


def test_a_primitive_may_be_there_by_its_extension_alone(check: Check) -> None:
    needs = profile("p", element("Patient.birthDate", min=1), element("Patient.name.given", min=2))
    absent = {"extension": [{"url": "u", "valueCode": "unknown"}]}
    resource = patient(_birthDate=absent, name=[{"_given": [absent, absent]}])
    assert check(resource, needs) == []
    resource = patient(_birthDate=absent, name=[{"given": ["x", None], "_given": [None, absent]}])
    assert check(resource, needs) == []


def test_the_extensions_of_a_primitive(check: Check) -> None:
    birth_time = extension("birth-time", element("Extension.value[x]", type=[{"code": "dateTime"}]))
    time = element(
        "Patient.birthDate.extension:time",
        min=1,
        type=[{"code": "Extension", "profile": [birth_time["url"]]}],
    )
    needs_time = profile("p", time)
    assert check(patient(birthDate="2000-01-01"), needs_time, birth_time) == [
        ("profile.slice", "Patient.birthDate.extension")
    ]
    timed = {"url": birth_time["url"], "valueString": "noon"}
    resource = patient(birthDate="2000-01-01", _birthDate={"extension": [timed]})
    assert check(resource, needs_time, birth_time) == [
        ("profile.type", "Patient.birthDate.extension[0].value.ofType(string)")
    ]


def test_what_the_base_requires_of_an_element_that_the_profile_mentions(check: Check) -> None:
    mentioned = profile("p", element("Patient.communication.preferred", mustSupport=True))
    assert check(patient(communication=[{"preferred": True}]), mentioned) == [
        ("profile.min", "Patient.communication[0].language")
    ]


def test_types_of_a_choice(check: Check) -> None:
    numbers = profile(
        "p", element("Observation.value[x]", type=[{"code": "Quantity"}, {"code": "Range"}])
    )
    assert check(observation(), numbers) == []
    assert check(observation(valueQuantity={}), numbers) == []
    assert check(observation(valueString="x"), numbers) == [
        ("profile.type", "Observation.value.ofType(string)")
    ]


def test_a_required_and_a_forbidden_choice(check: Check) -> None:
    needs = profile("p", element("Observation.value[x]", min=1))
    assert check(observation(), needs) == [("profile.min", "Observation.value")]
    assert check(observation(_valueString={"id": "1"}), needs) == []
    forbids = profile("q", element("Observation.value[x]", max="0"))
    assert check(observation(), forbids) == []
    assert check(observation(valueInteger=3), forbids) == [
        ("profile.max", "Observation.value.ofType(integer)")
    ]


@pytest.mark.parametrize(
    "path", ["Observation.valueQuantity", "Observation.value[x]:valueQuantity"]
)
def test_one_type_of_a_choice_by_either_spelling(check: Check, path: str) -> None:
    unit = profile(
        "p",
        element(path, type=[{"code": "Quantity"}]),
        element(f"{path}.code", min=1, fixedCode="mg"),
    )
    assert check(observation(valueString="x"), unit) == []
    assert check(observation(valueQuantity={}), unit) == [
        ("profile.min", "Observation.value.ofType(Quantity).code")
    ]
    assert check(observation(valueQuantity={"code": "kg"}), unit) == [
        ("profile.fixed", "Observation.value.ofType(Quantity).code")
    ]


def test_a_closed_choice(check: Check) -> None:
    slicing = {"discriminator": [{"type": "type", "path": "$this"}], "rules": "closed"}
    closed = profile(
        "p",
        element("Observation.value[x]", slicing=slicing),
        element("Observation.value[x]:valueQuantity", type=[{"code": "Quantity"}]),
    )
    assert check(observation(valueQuantity={}), closed) == []
    assert check(observation(valueRange={}), closed) == [
        ("profile.type", "Observation.value.ofType(Range)")
    ]


def test_a_fixed_value_is_exact(check: Check) -> None:
    coding = {"system": "s", "code": "c"}
    fixed = profile("p", element("Observation.code", fixedCodeableConcept={"coding": [coding]}))
    assert check(observation(code={"coding": [coding]}), fixed) == []
    for code in (
        {"coding": [coding], "text": "more"},
        {"coding": [coding, coding]},
        {"coding": [{**coding, "display": "more"}]},
    ):
        assert check(observation(code=code), fixed) == [("profile.fixed", "Observation.code")]


def test_a_pattern_is_contained(check: Check) -> None:
    coding = {"system": "s", "code": "c"}
    pattern = profile("p", element("Observation.code", patternCodeableConcept={"coding": [coding]}))
    more = {"coding": [{"code": "other"}, {**coding, "display": "more"}], "text": "more"}
    assert check(observation(code=more), pattern) == []
    # Both parts have to stand in the same coding.
    split = {"coding": [{"system": "s", "code": "d"}, {"system": "t", "code": "c"}]}
    assert check(observation(code=split), pattern) == [("profile.pattern", "Observation.code")]


@pytest.mark.parametrize("value", [0.5, Number("0.50"), Number("5e-1")])
def test_fixed_numbers_compare_by_size(check: Check, value: Any) -> None:
    half = profile("p", element("Observation.valueQuantity.value", fixedDecimal=0.5))
    assert check(observation(valueQuantity={"value": value}), half) == []
    assert check(observation(valueQuantity={"value": 1}), half) == [
        ("profile.fixed", "Observation.value.ofType(Quantity).value")
    ]
    assert check(observation(valueQuantity={"value": "0.5"}), half) == [
        ("profile.fixed", "Observation.value.ofType(Quantity).value")
    ]


def test_false_is_not_zero(check: Check) -> None:
    inactive = profile("p", element("Patient.active", fixedBoolean=False))
    assert check(patient(active=False), inactive) == []
    assert check(patient(active=0), inactive) == [("profile.fixed", "Patient.active")]


def test_the_length_of_a_text(check: Check) -> None:
    short = profile("p", element("Patient.name.family", maxLength=5))
    assert check(patient(name=[{"family": "abcde"}]), short) == []
    assert check(patient(name=[{"family": "abcdef"}]), short) == [
        ("profile.max_length", "Patient.name[0].family")
    ]


REFERENCES = [
    ("Practitioner/1", True),
    ("https://fhir.example/r4/Practitioner/1/_history/2", True),
    ("Practitioner?identifier=x|1", True),
    ("Patient/1", False),
    ("https://fhir.example/r4/Patient/1", False),
    ("#doctor", True),
    ("#patient", False),
    ("#", False),
    # What does not show a type is not judged.
    ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", True),
    ("#nobody", True),
    ("https://fhir.example/Nothing/1", True),
    ("", True),
]


@pytest.mark.parametrize(("reference", "is_allowed"), REFERENCES)
def test_targets_of_references(check: Check, reference: str, is_allowed: bool) -> None:
    target = profile("doctor", element("Practitioner.name", min=1))
    performer = profile(
        "p",
        element(
            "Observation.performer",
            type=[{"code": "Reference", "targetProfile": [target["url"], CORE + "Organization"]}],
        ),
    )
    resource = observation(
        contained=[
            {"resourceType": "Practitioner", "id": "doctor"},
            {"resourceType": "Patient", "id": "patient"},
        ],
        performer=[{"reference": reference}],
    )
    expected = [] if is_allowed else [("profile.target", "Observation.performer[0]")]
    assert check(resource, performer, target) == expected


def test_the_stated_type_of_a_reference(check: Check) -> None:
    subject = profile(
        "p",
        element(
            "Observation.subject", type=[{"code": "Reference", "targetProfile": [CORE + "Patient"]}]
        ),
    )
    assert check(observation(subject={"type": "Patient", "display": "x"}), subject) == []
    assert check(observation(subject={"type": "Group"}), subject) == [
        ("profile.target", "Observation.subject")
    ]
    assert check(observation(subject={"display": "x"}), subject) == []


def test_a_target_profile_that_was_not_read_is_a_gap(make: Make) -> None:
    profiles = make(
        profile(
            "p",
            element(
                "Observation.subject", type=[{"code": "Reference", "targetProfile": [BASE + "no"]}]
            ),
        )
    )
    (gap,) = profiles.gaps()
    assert (gap.element, gap.rule, gap.subject) == ("Observation.subject", "type", BASE + "no")


def test_types_of_nested_resources(check: Check) -> None:
    patients = profile("p", element("Bundle.entry.resource", type=[{"code": "Patient"}]))
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": patient()}, {"resource": observation()}],
    }
    assert check(bundle, patients) == [("profile.type", "Bundle.entry[1].resource")]


def test_an_extension_follows_its_own_profile(check: Check) -> None:
    race = extension("race", element("Extension.value[x]", min=1, type=[{"code": "Coding"}]))
    with_race = profile(
        "p",
        element(
            "Patient.extension:race",
            max="1",
            type=[{"code": "Extension", "profile": [race["url"]]}],
        ),
    )
    good = {"url": race["url"], "valueCoding": {"code": "x"}}
    other = {"url": "https://other.example", "valueString": "x"}
    assert check(patient(extension=[other, good]), with_race, race) == []
    assert check(patient(extension=[other, {"url": race["url"]}]), with_race, race) == [
        ("profile.min", "Patient.extension[1].value")
    ]
    assert check(patient(extension=[good, good]), with_race, race) == [
        ("profile.slice_max", "Patient.extension[1]")
    ]


def test_issues_inside_an_extension_name_its_profile(make: Make) -> None:
    race = extension("race", element("Extension.value[x]", min=1))
    profiles = make(
        profile(
            "p",
            element(
                "Patient.extension:race", type=[{"code": "Extension", "profile": [race["url"]]}]
            ),
        ),
        race,
    )
    resource = patient(meta={"profile": [BASE + "p"]}, extension=[{"url": race["url"]}])
    (issue,) = profiles.check(resource, "Patient")
    assert (issue.profile, issue.rule) == (race["url"], "Extension.value[x]")


def test_one_of_several_profiles_of_a_data_type(check: Check) -> None:
    grams = profile("grams", element("Quantity.code", min=1, fixedCode="g"))
    litres = profile("litres", element("Quantity.code", min=1, fixedCode="L"))
    either = profile(
        "p",
        element(
            "Observation.value[x]",
            type=[{"code": "Quantity", "profile": [grams["url"], litres["url"]]}],
        ),
    )
    for code in ("g", "L"):
        assert check(observation(valueQuantity={"code": code}), either, grams, litres) == []
    assert check(observation(valueQuantity={"code": "m"}), either, grams, litres) == [
        ("profile.type", "Observation.value.ofType(Quantity)")
    ]


def test_a_profile_of_a_type_that_fhir_does_not_know(make: Make) -> None:
    number = element("Gadget.value[x]", type=[{"code": "integer"}])
    odd = profile("p", element("Gadget.part", min=1), number, kind="resource")
    profiles = make(odd)
    resource = {"resourceType": "Gadget", "meta": {"profile": [BASE + "p"]}, "valueRange": {}}
    assert found(profiles.check(resource, "Gadget")) == [
        ("profile.min", "Gadget.part"),
        ("profile.type", "Gadget.value.ofType(Range)"),
    ]
    assert [gap.rule for gap in profiles.gaps()] == ["base"]
