"""Slices: how values are told apart, how many there may be, which others are allowed."""

from typing import Any

import pytest

from .conftest import BASE, CORE, Check, Make, element, profile, value_set


def by(path: str, kind: str = "value", **rules: Any) -> dict[str, Any]:
    return {"discriminator": [{"type": kind, "path": path}], "rules": "open", **rules}


def code(value: str) -> dict[str, Any]:
    return {"coding": [{"system": "s", "code": value}]}


def observation(*components: dict[str, Any], **elements: Any) -> dict[str, Any]:
    content = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **elements}
    return content | ({"component": list(components)} if components else {})


def component(value: str, **elements: Any) -> dict[str, Any]:
    return {"code": code(value), **elements}


def pressure(slicing: dict[str, Any], **systolic: Any) -> dict[str, Any]:
    return profile(
        "pressure",
        element("Observation.component", slicing=slicing),
        element("Observation.component:systolic", min=1, max="1", **systolic),
        element("Observation.component:systolic.code", patternCodeableConcept=code("sys")),
        element("Observation.component:systolic.valueQuantity", min=1, type=[{"code": "Quantity"}]),
        element("Observation.component:diastolic", min=0, max="2"),
        element("Observation.component:diastolic.code", patternCodeableConcept=code("dia")),
    )


SYS, DIA, OTHER = component("sys", valueQuantity={}), component("dia"), component("other")


def test_the_number_of_a_slice(check: Check) -> None:
    definition = pressure(by("code"))
    assert check(observation(SYS, DIA, OTHER), definition) == []
    assert check(observation(OTHER, DIA), definition) == [
        ("profile.slice", "Observation.component")
    ]
    assert check(observation(SYS, DIA, SYS), definition) == [
        ("profile.slice_max", "Observation.component[2]")
    ]


def test_a_slice_is_asked_for_where_the_element_is_absent(check: Check) -> None:
    assert check(observation(), pressure(by("code"))) == [
        ("profile.slice", "Observation.component")
    ]


def test_what_holds_for_a_slice_holds_for_its_values_alone(check: Check) -> None:
    assert check(observation(DIA, component("sys")), pressure(by("code"))) == [
        ("profile.min", "Observation.component[1].value.ofType(Quantity)")
    ]


def test_closed_slicing(check: Check) -> None:
    definition = pressure(by("code", rules="closed"))
    assert check(observation(DIA, SYS), definition) == []
    assert check(observation(SYS, OTHER), definition) == [
        ("profile.closed_slice", "Observation.component[1]")
    ]


def test_slices_open_at_the_end(check: Check) -> None:
    definition = pressure(by("code", rules="openAtEnd"))
    assert check(observation(DIA, SYS, OTHER), definition) == []
    assert check(observation(DIA, OTHER, SYS), definition) == [
        ("profile.slice_order", "Observation.component[2]")
    ]


def test_ordered_slices(check: Check) -> None:
    definition = pressure(by("code", ordered=True))
    assert check(observation(SYS, OTHER, DIA), definition) == []
    assert check(observation(DIA, SYS), definition) == [
        ("profile.slice_order", "Observation.component[1]")
    ]


def test_the_default_slice_takes_what_is_left(check: Check) -> None:
    definition = pressure(by("code", rules="closed"))
    definition["differential"]["element"] += [
        element("Observation.component:@default", max="1"),
        element("Observation.component:@default.value[x]", max="0"),
    ]
    assert check(observation(SYS, OTHER), definition) == []
    assert check(observation(SYS, component("x", valueString="y")), definition) == [
        ("profile.max", "Observation.component[1].value.ofType(string)")
    ]


def test_a_slice_of_a_slice(check: Check) -> None:
    definition = profile(
        "p",
        element("Observation.component", slicing=by("code")),
        element("Observation.component:lab", min=1),
        element("Observation.component:lab.code", patternCodeableConcept=code("lab")),
        element("Observation.component:lab", slicing=by("value", "exists")),
        element("Observation.component:lab/measured", min=1, max="1"),
        element("Observation.component:lab/measured.value[x]", min=1),
    )
    measured = component("lab", valueString="x")
    assert check(observation(component("lab"), measured), definition) == []
    assert check(observation(component("lab"), OTHER), definition) == [
        ("profile.slice", "Observation.component")
    ]
    assert check(observation(measured, measured), definition) == [
        ("profile.slice_max", "Observation.component[1]")
    ]


# Discriminator, definitions of the slice, a value of it, a value of none.
DISCRIMINATORS: dict[str, tuple[dict[str, Any], list[dict[str, Any]], Any, Any]] = {
    "the value itself by its pattern": (
        by("$this"),
        [element("Observation.category:a", patternCodeableConcept=code("a"))],
        code("a"),
        code("b"),
    ),
    "a part of the slice's pattern": (
        by("coding.code"),
        [element("Observation.category:a", patternCodeableConcept=code("a"))],
        code("a"),
        code("b"),
    ),
    "a fixed value below": (
        by("coding.code"),
        [element("Observation.category:a.coding.code", fixedCode="a")],
        code("a"),
        code("b"),
    ),
    "what the children of the path fix": (
        by("coding"),
        [
            element("Observation.category:a.coding.code", fixedCode="a"),
            element("Observation.category:a.coding.system", fixedUri="s"),
        ],
        code("a"),
        {"coding": [{"system": "t", "code": "a"}]},
    ),
    "a required binding": (
        by("$this"),
        [
            element(
                "Observation.category:a",
                binding={"strength": "required", "valueSet": BASE + "letters"},
            )
        ],
        code("a"),
        code("b"),
    ),
    "a pattern discriminator": (
        by("$this", "pattern"),
        [element("Observation.category:a", patternCodeableConcept=code("a"))],
        {**code("a"), "text": "more"},
        {"text": "more"},
    ),
    "presence": (
        by("text", "exists"),
        [element("Observation.category:a.text", min=1)],
        {"text": "x"},
        code("a"),
    ),
    "absence": (
        by("text", "exists"),
        [element("Observation.category:a.text", max="0")],
        code("a"),
        {"text": "x"},
    ),
    "an extension by url": (
        by(f"extension('{BASE}kind').value"),
        [
            element(
                "Observation.category:a.extension:kind",
                type=[{"code": "Extension", "profile": [BASE + "kind"]}],
            ),
        ],
        {"extension": [{"url": BASE + "kind", "valueCode": "a"}]},
        {"extension": [{"url": BASE + "kind", "valueCode": "b"}]},
    ),
}
KIND = profile(
    "kind",
    element("Extension.url", fixedUri=BASE + "kind"),
    element("Extension.value[x]", fixedCode="a"),
)
LETTERS = value_set("letters", {"system": "s", "concept": [{"code": "a"}]})


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminators(check: Check, name: str) -> None:
    slicing, elements, member, stranger = DISCRIMINATORS[name]
    definition = profile(
        "p",
        element("Observation.category", slicing=slicing),
        element("Observation.category:a", min=1),
        *elements,
    )
    related = [KIND, LETTERS]
    assert check(observation(category=[stranger, member]), definition, *related) == []
    assert check(observation(category=[stranger]), definition, *related) == [
        ("profile.slice", "Observation.category")
    ]


def test_two_discriminators_must_both_agree(check: Check) -> None:
    discriminator = [
        {"type": "value", "path": "coding.code"},
        {"type": "value", "path": "coding.system"},
    ]
    definition = profile(
        "p",
        element(
            "Observation.category", slicing={"discriminator": discriminator, "rules": "closed"}
        ),
        element("Observation.category:a.coding.code", fixedCode="a"),
        element("Observation.category:a.coding.system", fixedUri="s"),
    )
    assert check(observation(category=[code("a")]), definition) == []
    other_system = {"coding": [{"system": "t", "code": "a"}]}
    assert check(observation(category=[other_system]), definition) == [
        ("profile.closed_slice", "Observation.category[0]")
    ]


def test_the_type_of_a_choice_below(check: Check) -> None:
    definition = profile(
        "p",
        element("Observation.component", slicing=by("value", "type")),
        element("Observation.component:number", min=1),
        element(
            "Observation.component:number.value[x]",
            type=[{"code": "Quantity"}, {"code": "integer"}],
        ),
    )
    assert check(observation(component("x", valueInteger=1)), definition) == []
    assert check(observation(component("x", valueString="1")), definition) == [
        ("profile.slice", "Observation.component")
    ]


def test_a_value_below_one_type_of_a_choice(check: Check) -> None:
    definition = profile(
        "p",
        element("Observation.component", slicing=by("value.ofType(CodeableConcept).text")),
        element("Observation.component:yes", min=1),
        element("Observation.component:yes.valueCodeableConcept.text", fixedString="yes"),
    )
    answers = [component("x", valueCodeableConcept={"text": text}) for text in ("no", "yes")]
    assert check(observation(*answers), definition) == []
    assert check(observation(answers[0], component("x", valueString="yes")), definition) == [
        ("profile.slice", "Observation.component")
    ]


def test_slices_of_a_choice_by_its_value(check: Check) -> None:
    definition = profile(
        "p",
        element("Observation.value[x]", slicing=by("$this", rules="closed")),
        element("Observation.value[x]:a", min=1, patternCodeableConcept=code("a")),
    )
    assert check(observation(valueCodeableConcept=code("a")), definition) == []
    assert check(observation(), definition) == [("profile.slice", "Observation.value")]
    assert check(observation(valueCodeableConcept=code("b")), definition) == [
        ("profile.closed_slice", "Observation.value.ofType(CodeableConcept)"),
        ("profile.slice", "Observation.value.ofType(CodeableConcept)"),
    ]


def test_a_slice_that_is_named_like_its_type(check: Check) -> None:
    definition = profile(
        "p",
        element("Observation.value[x]", slicing=by("$this", "type")),
        element("Observation.value[x]:valueQuantity", min=1),
        element("Observation.value[x]:valueQuantity.code", min=1),
    )
    assert check(observation(), definition) == [
        ("profile.min", "Observation.value.ofType(Quantity)")
    ]
    assert check(observation(valueQuantity={}), definition) == [
        ("profile.min", "Observation.value.ofType(Quantity).code")
    ]


def test_the_type_of_a_resource_and_of_a_target(check: Check) -> None:
    by_resource = profile(
        "p",
        element("Bundle.entry", slicing=by("resource", "type")),
        element("Bundle.entry:patient", min=1),
        element("Bundle.entry:patient.resource", type=[{"code": "Patient"}]),
    )
    bundle = {"resourceType": "Bundle", "type": "collection"}
    entry = {"resource": {"resourceType": "Patient"}}
    assert check({**bundle, "entry": [entry]}, by_resource) == []
    assert check(bundle, by_resource) == [("profile.slice", "Bundle.entry")]

    by_target = profile(
        "q",
        element("Observation.performer", slicing=by("$this.resolve()", "type")),
        element(
            "Observation.performer:doctor",
            min=1,
            type=[{"code": "Reference", "targetProfile": [CORE + "Practitioner"]}],
        ),
    )
    doctor, patient = {"reference": "Practitioner/1"}, {"reference": "Patient/1"}
    assert check(observation(performer=[patient, doctor]), by_target) == []
    assert check(observation(performer=[patient]), by_target) == [
        ("profile.slice", "Observation.performer")
    ]


def test_the_profile_of_a_resource(check: Check) -> None:
    named = profile("named", element("Patient.name", min=1))
    definition = profile(
        "p",
        element("Bundle.entry", slicing=by("resource", "profile")),
        element("Bundle.entry:named", min=1),
        element(
            "Bundle.entry:named.resource", type=[{"code": "Patient", "profile": [named["url"]]}]
        ),
    )

    def bundle(**elements: Any) -> dict[str, Any]:
        entry = {"resource": {"resourceType": "Patient", **elements}}
        return {"resourceType": "Bundle", "type": "collection", "entry": [entry]}

    assert check(bundle(name=[{}]), definition, named) == []
    assert check(bundle(), definition, named) == [("profile.slice", "Bundle.entry")]


UNDECIDABLE = {
    "no discriminator": ({"rules": "closed"}, {}),
    "a path behind a reference": (by("subject.resolve().name", rules="closed"), {}),
    "a path with another function": (by("coding.where(true)", rules="closed"), {}),
    "nothing fixed at the path": (by("text", rules="closed"), {}),
    "presence that the slice leaves open": (by("text", "exists", rules="closed"), {}),
    "a type that the slice leaves open": (by("coding", "type", rules="closed"), {}),
    "the type of a target that the slice leaves open": (
        by("$this.resolve()", "type", rules="closed"),
        {},
    ),
    "a profile that was not read": (
        by("$this", "profile", rules="closed"),
        {"type": [{"code": "CodeableConcept", "profile": [BASE + "absent"]}]},
    ),
    "a kind of a later FHIR": (by("$this", "position", rules="closed"), {}),
    "a value set that was not read": (
        by("$this", rules="closed"),
        {"binding": {"strength": "required", "valueSet": BASE + "absent"}},
    ),
}


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_slices_that_cannot_be_told_apart_are_a_gap_and_never_an_issue(
    make: Make, name: str
) -> None:
    slicing, content = UNDECIDABLE[name]
    profiles = make(
        profile(
            "p",
            element("Observation.category", slicing=slicing),
            element("Observation.category:a", min=1, mustSupport=True, **content),
        ),
        assigned={"Observation": [BASE + "p"]},
    )
    assert profiles.check(observation(category=[code("x")]), "Observation") == []
    assert ("Observation.category:a", "slicing") in {(g.element, g.rule) for g in profiles.gaps()}


def test_slices_without_slicing_are_a_gap(make: Make) -> None:
    profiles = make(profile("p", element("Observation.category:a", min=1)))
    (gap,) = profiles.gaps()
    assert (gap.element, gap.rule) == ("Observation.category", "slicing")
