"""Must-support elements are counted, by profile and element, never with a value."""

from typing import Any

from medplatform.modalities.ehr.profiles import Presence

from .conftest import BASE, Make, element, profile

SLICING = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
SUPPORTED = profile(
    "p",
    element("Patient.identifier", slicing=SLICING),
    element("Patient.identifier:mrn", mustSupport=True),
    element("Patient.identifier:mrn.system", fixedUri="m"),
    element("Patient.name", mustSupport=True),
    element("Patient.name.family", mustSupport=True),
    element("Patient.deceased[x]", mustSupport=True),
    element("Patient.gender"),
)


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **elements}


def test_presence_of_each_element(make: Make) -> None:
    profiles = make(SUPPORTED, assigned={"Patient": [BASE + "p"]})
    presence = Presence()
    for resource in (
        patient(),
        patient(name=[{}, {"given": ["x"]}], gender="male", identifier=[{"system": "other"}]),
        patient(name=[{"family": "x"}, {"family": "y"}], deceasedBoolean=False),
        patient(identifier=[{"system": "m"}], _deceasedDateTime={"id": "1"}),
    ):
        assert profiles.check(resource, "Patient", presence) == []
    assert list(presence.rows()) == [
        (BASE + "p", "Patient.identifier:mrn", 4, 1),
        (BASE + "p", "Patient.name", 4, 2),
        (BASE + "p", "Patient.name.family", 4, 1),
        (BASE + "p", "Patient.deceased[x]", 4, 2),
    ]


def test_counts_of_several_workers_are_added(make: Make) -> None:
    profiles = make(SUPPORTED, assigned={"Patient": [BASE + "p"]})
    whole, parts = Presence(), [Presence(), Presence(), Presence()]
    for number, resource in enumerate([patient(), patient(name=[{}]), patient(name=[{}])]):
        profiles.check(resource, "Patient", whole)
        profiles.check(resource, "Patient", parts[number % 2])
    total = Presence()
    for part in parts:
        total.add(part)
    assert list(total.rows()) == list(whole.rows())
    assert next(row for row in total.rows() if row.element == "Patient.name")[2:] == (3, 2)


def test_slices_that_cannot_be_told_apart_are_not_counted(make: Make) -> None:
    definition = profile(
        "p",
        element("Patient.identifier", slicing=SLICING),
        element("Patient.identifier:mrn", mustSupport=True),
    )
    profiles = make(definition, assigned={"Patient": [BASE + "p"]})
    presence = Presence()
    profiles.check(patient(identifier=[{}]), "Patient", presence)
    assert list(presence.rows()) == []
