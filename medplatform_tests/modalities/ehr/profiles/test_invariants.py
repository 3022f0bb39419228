"""Constraints in FHIRPath: what holds, what does not, what is not evaluated."""

from typing import Any

import pytest

from .conftest import BASE, Make, element, profile

RESOURCE: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {
        "coding": [{"system": "s", "code": "a"}, {"system": "t", "code": "b"}],
        "text": "Weight",
    },
    "subject": {"reference": "Patient/1"},
    "performer": [{"reference": "Practitioner/1"}, {"display": "somebody"}],
    "issued": "2020-01-01T10:00:00Z",
    "_effectiveDateTime": {"extension": [{"url": "u", "valueCode": "unknown"}]},
    "valueQuantity": {"value": 72.5, "unit": "kg"},
    "contained": [{"resourceType": "Device", "id": "d"}],
    "component": [
        {"code": {"text": "x"}, "valueInteger": 3},
        {"code": {"text": "y"}, "valueString": "3"},
    ],
}


def outcome(make: Make, expression: str, path: str = "Observation", severity: str = "error") -> str:
    """`holds`, `fails`, `undecided` or `gap`."""
    constraint = {"key": "k-1", "severity": severity, "expression": expression, "human": "x"}
    profiles = make(
        profile("p", element(path, constraint=[constraint])),
        assigned={"Observation": [BASE + "p"]},
    )
    issues = profiles.check(RESOURCE, "Observation")
    if profiles.gaps():
        assert issues == []
        assert [(gap.rule, gap.subject) for gap in profiles.gaps()] == [("constraint", "k-1")]
        return "gap"
    if not issues:
        return "holds"
    assert {issue.rule for issue in issues} == {"k-1"}
    names = {"profile.invariant": "fails", "profile.undecided": "undecided"}
    return names[issues[0].code]


HOLDS = [
    "status = 'final'",
    "status in ('final' | 'amended')",
    "status != 'amended'",
    "code.exists() and subject.exists()",
    "bodySite.empty() or false",
    "bodySite.exists() or status.exists()",
    "(bodySite.text = 'x').empty() and (bodySite.text = 'x' or true)",
    "(bodySite.text = 'x' xor true).empty() and (bodySite.text < 3).empty()",
    "true is Boolean and 'x' is System.String and 3 is Integer and (3 is Boolean).not()",
    "(code is string).not() and true.toString() = 'true'",
    "iif(false, true).empty() and code.text.substring(9).empty()",
    "bodySite.exists() implies false",
    "code.coding.count() = 2",
    "code.coding.where(system = 't').code = 'b'",
    "code.coding.where(system='s' and code='a').exists()",
    "code.coding.exists(code = 'b')",
    "code.coding.all(system.exists())",
    "code.coding.code contains 'b'",
    "code.coding.select(code).first() = 'a'",
    "code.coding[1].code = 'b'",
    "code.coding.last().system = 't'",
    "code.coding.tail().count() = 1",
    "code.coding.code.isDistinct()",
    "(code.coding.system | 's').distinct().count() = 2",
    "code.text.matches('^W[a-z]+$')",
    "code.text.startsWith('We') and code.text.endsWith('t') and code.text.contains('igh')",
    "code.text.length() = 6 and code.text.lower() = 'weight' and code.text.upper() = 'WEIGHT'",
    "code.text.substring(0, 2) = 'We' and code.text.substring(4) = 'ht'",
    "value.exists() xor dataAbsentReason.exists()",
    "value.is(Quantity)",
    "value is Quantity",
    "value.ofType(Quantity).value > 72 and value.value <= 72.5",
    "(value as Quantity).unit = 'kg'",
    "component.value.ofType(integer).first() + 1 = 4",
    "component.where(value is string).value.toInteger() = 3",
    "component.where(value is integer).value.toString() = '3'",
    "7 mod 4 = 3 and 7 div 2 = 3 and 2 * 3 - 1 = 5 and -1 < 0",
    "iif(status = 'final', true, false)",
    "status.not() = false",
    "status.hasValue() and effective.hasValue().not()",
    "effective.exists() and effective.extension('u').value = 'unknown'",
    "effective.extension.where(url = 'u').exists()",
    "subject.resolve() is Patient",
    "performer.first().resolve().is(Practitioner)",
    "contained.ofType(Device).exists()",
    "%resource.status = 'final' and %context.status = 'final' and $this.status = 'final'",
    "(%ucum = 'http://unitsofmeasure.org') = true",
    "`status` = 'fin\\u0061l'",
    "{}.empty()",
]


@pytest.mark.parametrize("expression", HOLDS)
def test_holds(make: Make, expression: str) -> None:
    assert outcome(make, expression) == "holds"


FAILS = [
    "status = 'amended'",
    "status.exists() implies bodySite.exists()",
    "code.coding.code contains 'c'",
    "value.exists() xor code.exists()",
    "value is CodeableConcept",
    "subject.resolve() is Group",
    "code.coding.all(display.exists())",
    # Empty is not true.
    "bodySite",
    "bodySite.text = 'x'",
    "bodySite.text.matches('x')",
    "bodySite.exists() or false",
    "bodySite is CodeableConcept",
    "status.exists() = 1",
    "7 / 2 = 1".replace("/", "div"),
    "1 div 0 = 1",
]


@pytest.mark.parametrize("expression", FAILS)
def test_fails(make: Make, expression: str) -> None:
    assert outcome(make, expression) == "fails"


UNDECIDED = [
    "performer.all(resolve() is Practitioner)",
    "subject.resolve().name.exists()",
    "issued > '2019-01-01T00:00:00+05:00'",
    "code.coding.code.length() = 1",
    "code.coding.code and true",
    "code is CodeableConcept",
    "code.coding is Coding",
    "code.text.matches('[')",
    "code.text.length() = code.length()",
    "code.text.substring(code.text).empty()",
    "code.coding[value.value].exists()",
    # The text of a decimal is not kept by the parser.
    "value.value.toString() = '72.5'",
]


@pytest.mark.parametrize("expression", UNDECIDED)
def test_undecided(make: Make, expression: str) -> None:
    assert outcome(make, expression) == "undecided"


GAPS = [
    "",
    "status.memberOf('http://hl7.org/fhir/ValueSet/x')",
    "conformsTo('x')",
    "descendants().exists()",
    "now() > issued",
    "status = %vs-x",
    "status & 'x' = 'finalx'",
    "code.coding.where(code = 'a', true)",
    "issued > @2019-01-01",
    "status = ",
    "status = 'final' 'final'",
    "status..code",
    "status.'code'",
    "(status = 'final'",
    "status[0",
    "{status}",
    "#",
    "(" * 200 + "true" + ")" * 200,
]


@pytest.mark.parametrize("expression", GAPS)
def test_what_is_not_evaluated_is_listed_and_never_an_issue(make: Make, expression: str) -> None:
    assert outcome(make, expression) == "gap"


def test_the_type_of_a_choice_is_known_to_its_constraint(make: Make) -> None:
    expression = "$this is dateTime implies toString().length() >= 10"
    constraint = {"key": "k", "severity": "error", "expression": expression}
    profiles = make(
        profile("p", element("Observation.effective[x]", constraint=[constraint])),
        assigned={"Observation": [BASE + "p"]},
    )

    def rules(**effective: Any) -> list[str]:
        resource = {"resourceType": "Observation", "status": "final", "code": {}, **effective}
        return [issue.element for issue in profiles.check(resource, "Observation")]

    assert rules(effectiveDateTime="2020-01-01") == []
    assert rules(effectiveDateTime="2020") == ["Observation.effective.ofType(dateTime)"]
    assert rules(effectiveInstant="2020") == []
    assert rules(effectivePeriod={"start": "2020"}) == []
    assert rules(_effectiveDateTime={"id": "1"}) == []


def test_the_extensions_of_a_primitive_are_not_at_hand(make: Make) -> None:
    assert outcome(make, "extension('x').empty()", "Observation.status") == "undecided"


def test_a_warning_stays_a_warning(make: Make) -> None:
    constraint = {"key": "k", "severity": "warning", "expression": "bodySite.exists()"}
    profiles = make(
        profile("p", element("Observation", constraint=[constraint])),
        assigned={"Observation": [BASE + "p"]},
    )
    (issue,) = profiles.check(RESOURCE, "Observation")
    assert (issue.code, issue.severity, issue.element) == (
        "profile.invariant",
        "warning",
        "Observation",
    )
