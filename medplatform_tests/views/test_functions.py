"""What FHIRPath expressions give, each over one patient and one observation."""

from decimal import Decimal
from typing import Any

import pytest

from medplatform.views import ViewError, run_view
from medplatform_tests.views.build import column, columns, view

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "birthDate": "1970-06",
    "_birthDate": {
        "id": "b1",
        "extension": [{"url": "time", "valueDateTime": "1970-06-01T10:00:00Z"}],
    },
    "name": [
        {"use": "official", "family": "Smith", "given": ["John", "James"]},
        {"use": "usual", "family": "Jones", "given": ["Jane"]},
    ],
    "link": [{"other": {"reference": "Patient/p1"}}],
    "generalPractitioner": [
        {"reference": "https://host/fhir/Practitioner/d1/_history/2"},
        {"reference": "#contained"},
        {"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"},
        {"reference": "Practitioner?identifier=1"},
        {"display": "by name only"},
    ],
    "managingOrganization": {"reference": "Organization/o1"},
    "contained": [
        {"resourceType": "Organization", "id": "c1", "name": "Contained"},
        {"resourceType": "Practitioner", "id": "c2", "gender": "female"},
    ],
    "extension": [
        {"url": "race", "extension": [{"url": "code", "valueCode": "A"}]},
        {"url": "race", "extension": [{"url": "code", "valueCode": "B"}]},
        {"url": "born", "valueDateTime": "1970"},
    ],
    "multipleBirthInteger": 2,
}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "issued": "2015-02-07T13:28:17.239+02:00",
    "valueQuantity": {"value": 12, "unit": "mg"},
    "effectivePeriod": {"start": "2020-01-01T00:00:00+02:00", "end": "2020-01-02"},
    "component": [
        {"valueQuantity": {"value": Decimal("72.50")}},
        {"valueQuantity": {"value": Decimal("0.1")}},
        {"valueString": "text"},
    ],
}
VALUES: dict[str, object] = {
    # literals and operators
    "'it\\'s'": "it's",
    "'\\u0041\\n'": "A\n",
    "1 + 2 * 3": 7,
    "(1 + 2) * 3": 9,
    "7 / 2": Decimal("3.5"),
    "4 / 2": 2,
    "1 / 0": None,
    "7 div 2": 3,
    "7 mod 2": 1,
    "-1 - 1": -2,
    "0.1 + 0.2": Decimal("0.3"),
    "0.00001 * 0.00001": Decimal("1e-10"),
    "2 / 3": Decimal("0.6666666666666666"),
    "'a' + 'b'": "ab",
    "'a' & {}": "a",
    "'a' + {}": None,
    "2 > 1": True,
    "2 <= 1": False,
    "1 = 1.0": True,
    "1 != 2": True,
    "'A' ~ 'a'": True,
    "{} ~ {}": True,
    "{} = 1": None,
    "true and {}": None,
    "false and {}": False,
    "true or {}": True,
    "true xor false": True,
    "false implies {}": True,
    "active and name.first()": True,
    "'1' = 1": False,
    # paths
    "Patient.id": "p1",
    "$this.id": "p1",
    "%resource.id": "p1",
    "name[0].family": "Smith",
    "name[1].given[0]": "Jane",
    "name[5].family": None,
    "name.`use`.first()": "official",
    "nothing.at.all": None,
    "multipleBirth": 2,
    "multipleBirth.ofType(integer)": 2,
    "multipleBirth.ofType(boolean)": None,
    "multipleBirth is integer": True,
    "birthDate is date": True,
    "(multipleBirth as integer) + 1": 3,
    "contained.ofType(Organization).name": "Contained",
    "contained.where(id = 'c2').gender": "female",
    # subsets and tests
    "name.first().family": "Smith",
    "name.last().family": "Jones",
    "name.tail().family": "Jones",
    "name.skip(1).family": "Jones",
    "name.take(1).family": "Smith",
    "name.where(use = 'usual').family": "Jones",
    "name.where(given.exists($this = 'Jane')).family": "Jones",
    "name.exists(family = 'Jones')": True,
    "name.exists(family = 'Miller')": False,
    "name.empty()": False,
    "telecom.empty()": True,
    "telecom.exists().not()": True,
    "name.all(given.exists())": True,
    "telecom.all(system = 'x')": True,
    "name.count()": 2,
    "telecom.count()": 0,
    "name.given.count() > 2": True,
    "name.use.distinct().count()": 2,
    "name.given.isDistinct()": True,
    "(name.family | name.family).count()": 2,
    "name.family.combine(name.family).count()": 4,
    "'Jane' in name.given": True,
    "name.given contains 'Bob'": False,
    "name.given = name.given": True,
    "name.given = 'John'": False,
    "name.select(given.first()).join('/')": "John/Jane",
    "iif(active, 'yes', 'no')": "yes",
    "iif(active.not(), 'yes')": None,
    # strings
    "name.given.join(', ')": "John, James, Jane",
    "name.given.join()": "JohnJamesJane",
    "telecom.value.join(',')": "",
    "id.join(',')": "p1",
    "'abc'.upper()": "ABC",
    "'abc'.substring(1)": "bc",
    "'abc'.substring(1, 1)": "b",
    "'abc'.substring(9)": None,
    "'abc'.indexOf('c')": 2,
    "'abc'.startsWith('ab')": True,
    "'abc'.endsWith('ab')": False,
    "'abc'.contains('b')": True,
    "'abc'.matches('^a.c$')": True,
    "'abc'.replace('b', 'x')": "axc",
    "' a '.trim().length()": 1,
    "'12'.toInteger()": 12,
    "'1x'.toInteger()": None,
    "'1.5'.toDecimal()": Decimal("1.5"),
    "12.toString()": "12",
    "true.toString()": "true",
    "(-1.5).abs()": Decimal("1.5"),
    "1.5.ceiling()": 2,
    "(-1.5).truncate()": -1,
    "1.256.round(2)": Decimal("1.26"),
    # dates
    "birthDate < @2000-01-01": True,
    "birthDate = '1970-06'": True,
    "birthDate > @1970": None,
    "birthDate <= @1970-06": True,
    "@2020-01-01T00:00:00+02:00 = @2019-12-31T22:00:00Z": True,
    "@T10:00:00 = @T10:00:00.000": True,
    "@T10:00 < @T11:00:00": True,
    # extensions, also of primitives
    "extension('race').extension('code').value.ofType(code).first()": "A",
    "extension('race').extension('code').value.ofType(code).join('+')": "A+B",
    "extension('born').value.ofType(dateTime)": "1970",
    "extension('other').exists()": False,
    "birthDate.extension('time').value.ofType(dateTime)": "1970-06-01T10:00:00Z",
    "birthDate.id": "b1",
    # keys
    "getResourceKey()": "p1",
    "getResourceKey() = link.other.getReferenceKey()": True,
    "getResourceKey() = link.other.getReferenceKey(Patient)": True,
    "link.other.getReferenceKey(Observation)": None,
    "managingOrganization.getReferenceKey(Organization)": "o1",
    "generalPractitioner.getReferenceKey(Practitioner)": "d1",
    "generalPractitioner.getReferenceKey().count()": 1,
    "telecom.getReferenceKey()": None,
}
OBSERVED: dict[str, object] = {
    "value.ofType(Quantity).value": 12,
    "value.ofType(Quantity).value / 8": Decimal("1.5"),
    "component[0].value.ofType(Quantity).value": Decimal("72.50"),
    "component.value.ofType(Quantity).value.count()": 2,
    "component.value.ofType(Quantity).value.where($this > 50)": Decimal("72.50"),
    "component.where(value.ofType(Quantity).value < 1).count()": 1,
    "component[1].value.ofType(Quantity).value = 0.1": True,
    "component.value.ofType(string)": "text",
    "component.value.exists()": True,
    "value.unit": "mg",
    "effective.start < @2020-01-01T00:00:00Z": True,
    "effective.ofType(Period).start < effective.ofType(Period).end": True,
    "issued > @2015-02-07T11:28:17Z": True,
}


def value_of(resource: dict[str, Any], path: str) -> object:
    (row,) = run_view([resource], view(resource["resourceType"], columns(value=path)))
    return row["value"]


@pytest.mark.parametrize(("path", "expected"), VALUES.items(), ids=lambda text: str(text))
def test_value_over_a_patient(path: str, expected: object) -> None:
    value = value_of(PATIENT, path)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(("path", "expected"), OBSERVED.items(), ids=lambda text: str(text))
def test_value_over_an_observation(path: str, expected: object) -> None:
    value = value_of(OBSERVATION, path)
    assert (str(value), type(value)) == (str(expected), type(expected))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("name.family", "several values"),
        ("name.given.single()", "several values"),
        ("name.family + '!'", "several values"),
        ("id + 1", "expected a number"),
        ("id > 1", "compares values of one type"),
        ("active < false", "compares numbers, strings, dates"),
        ("birthDate + 1", "arithmetic with dates"),
        ("active.lowBoundary()", "decimals, dates"),
        ("name.lowBoundary()", "Period"),
        ("name.getResourceKey()", "is for resources"),
        ("name.getReferenceKey()", "is for references"),
        ("name['a']", "whole number"),
        ("id.substring('a')", "expected a number"),
        ("active.upper()", "is a string"),
        ("iif(true, 1, 'a')", "different types"),
        ("name", "declare their type"),
        ("value.ofType('x')", "expected a type"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_place(path: str, reason: str) -> None:
    with pytest.raises(ViewError, match=reason) as caught:
        value_of(PATIENT, path)
    assert caught.value.element == "select[0].column[0].path"


def test_an_element_of_several_types_needs_one_chosen() -> None:
    resources = [
        {"resourceType": "Observation", "valueString": "a"},
        {"resourceType": "Observation", "valueBoolean": True},
    ]
    with pytest.raises(ViewError, match="ofType"):
        run_view(resources, view("Observation", columns(value="value")))
    rows = run_view(resources, view("Observation", columns(value="value.exists()")))
    assert rows == [{"value": True}, {"value": True}]


def test_decimals_in_lists_are_exact() -> None:
    roc = {"precision": [Decimal("0.50"), Decimal("1")]}
    sequence = {"resourceType": "MolecularSequence", "quality": [{"roc": roc}]}
    select = {"column": [column("p", "quality.roc.precision", collection=True)]}
    (row,) = run_view([sequence], view("MolecularSequence", select))
    assert [str(item) for item in row["p"]] == ["0.50", "1"]


def test_types_of_one_kind_are_one_value() -> None:
    resources = [
        {"resourceType": "Observation", "valueString": "a"},
        {"resourceType": "Observation", "valueDateTime": "2020"},
    ]
    rows = run_view(resources, view("Observation", columns(value="value")))
    assert [row["value"] for row in rows] == ["a", "2020"]


@pytest.mark.parametrize(
    ("path", "value"), [("name.family", "Smith"), ("multipleBirth * 9223372036854775807", "9223")]
)
def test_an_error_never_quotes_the_data(path: str, value: str) -> None:
    with pytest.raises(ViewError) as caught:
        value_of(PATIENT, path)
    assert value not in str(caught.value)
    assert caught.value.__suppress_context__
