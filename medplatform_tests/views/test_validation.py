"""Which ViewDefinitions are refused, and that the message names the place."""

from typing import Any

import pytest

from medplatform.views import ViewError, parse_view, run_view
from medplatform_tests.views.build import column, columns, view

ID = columns(id="id")
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Smith"}]}

INVALID: list[tuple[dict[str, Any], str]] = [
    ({}, "select"),
    ({"resource": "Patient"}, "select"),
    ({"resource": "Patient", "select": []}, "select"),
    ({"resource": "Patient", "select": {}}, "select"),
    ({"resource": "Patient", "select": ["id"]}, "select[0]"),
    ({"select": [ID]}, "resource"),
    ({"resource": 1, "select": [ID]}, "resource"),
    ({"resource": "patient", "select": [ID]}, "resource"),
    (view("Patient", ID, resourceType="Patient"), "resourceType"),
    (view("Patient", ID, status="new"), "status"),
    (view("Patient", ID, name="a-b"), "name"),
    (view("Patient", {}), "select[0]"),
    (view("Patient", {"column": []}), "select[0]"),
    (view("Patient", {"column": {}}), "select[0].column"),
    (view("Patient", {"column": [{"name": "a"}]}), "select[0].column[0].path"),
    (view("Patient", {"column": [{"path": "id"}]}), "select[0].column[0].name"),
    (view("Patient", columns(**{"1a": "id"})), "select[0].column[0].name"),
    (view("Patient", columns(**{"a b": "id"})), "select[0].column[0].name"),
    (view("Patient", columns(_a="id")), "select[0].column[0].name"),
    (view("Patient", {"column": [column("a", "id", collection="x")]}), "select[0].column[0]."),
    (view("Patient", {"column": [column("a", "id", type=1)]}), "select[0].column[0].type"),
    (view("Patient", {"column": [column("a", "id", kind="x")]}), "select[0].column[0].kind"),
    (view("Patient", {"foreach": "name", **ID}), "select[0].foreach"),
    (view("Patient", {"forEach": 1, **ID}), "select[0].forEach"),
    (view("Patient", {"forEach": "@@", **ID}), "select[0].forEach"),
    (view("Patient", {"repeat": [], **ID}), "select[0].repeat"),
    (view("Patient", {"repeat": "item", **ID}), "select[0].repeat"),
    (view("Patient", {"repeat": ["item", 1], **ID}), "select[0].repeat[1]"),
    (view("Patient", {"forEach": "name", "forEachOrNull": "name", **ID}), "select[0]"),
    (view("Patient", {"forEach": "name", "repeat": ["name"], **ID}), "select[0]"),
    (view("Patient", columns(a="@@")), "select[0].column[0].path"),
    (view("Patient", columns(a="name.")), "select[0].column[0].path"),
    (view("Patient", columns(a="name family")), "select[0].column[0].path"),
    (view("Patient", columns(a="foo(1)")), "select[0].column[0].path"),
    (view("Patient", columns(a="name.first(1)")), "select[0].column[0].path"),
    (view("Patient", columns(a="%unknown")), "select[0].column[0].path"),
    (view("Patient", columns(a="1 'mg'")), "select[0].column[0].path"),
    (view("Patient", ID, where=[{}]), "where[0].path"),
    (view("Patient", ID, where=[{"path": "@@"}]), "where[0].path"),
    (view("Patient", ID, where={"path": "active"}), "where"),
    (view("Patient", ID, constant=[{"valueString": "a"}]), "constant[0].name"),
    (view("Patient", ID, constant=[{"name": "a"}]), "constant[0]"),
    (view("Patient", ID, constant=[{"name": "a", "valueFoo": 1}]), "constant[0].valueFoo"),
    (view("Patient", ID, constant=[{"name": "a", "valueCode": 1}]), "constant[0].valueCode"),
    (view("Patient", ID, constant=[{"name": "a", "valueInteger": 1.5}]), "constant[0].valueInt"),
    (view("Patient", ID, constant=[{"name": "a", "valueBoolean": 1}]), "constant[0].valueBool"),
    (view("Patient", ID, constant=[{"name": "a", "valueDecimal": "1"}]), "constant[0].valueDec"),
    (view("Patient", ID, constant=[{"name": "rowIndex", "valueInteger": 1}]), "constant[0].name"),
    (
        view(
            "Patient",
            ID,
            constant=[{"name": "a", "valueCode": "x"}, {"name": "a", "valueCode": "y"}],
        ),
        "constant",
    ),
    (view("Patient", ID, ID), "select[1].column[0].path"),
    (view("Patient", ID, {"select": [ID]}), "select[1].select[0].column[0].path"),
    (view("Patient", ID | {"unionAll": [ID]}), "select[0].unionAll[0].column[0].path"),
    (
        view("Patient", {"unionAll": [ID, columns(other="id")]}),
        "select[0].unionAll[1]",
    ),
    (
        view("Patient", {"unionAll": [columns(a="id", b="id"), columns(b="id", a="id")]}),
        "select[0].unionAll[1]",
    ),
    (
        view("Patient", {"unionAll": [columns(a="id", b="id"), columns(a="id")]}),
        "select[0].unionAll[1]",
    ),
]


@pytest.mark.parametrize(("definition", "element"), INVALID, ids=lambda value: str(value)[:90])
def test_an_invalid_view_is_refused_with_its_place(
    definition: dict[str, Any], element: str
) -> None:
    with pytest.raises(ViewError) as caught:
        parse_view(definition)
    assert caught.value.element.startswith(element)
    assert str(caught.value).startswith(element)


@pytest.mark.parametrize("path", ["name.family", "id", "address.city", "name", "'true'"])
def test_a_condition_that_is_no_truth_value_is_refused(path: str) -> None:
    with pytest.raises(ViewError) as caught:
        run_view([PATIENT], view("Patient", ID, where=[{"path": path}]))
    assert caught.value.element == "where[0].path"


def test_a_valid_view_keeps_what_describes_it() -> None:
    checked = parse_view(
        view(
            "Patient",
            {
                "column": [
                    column(
                        "born",
                        "birthDate",
                        type="http://hl7.org/fhir/StructureDefinition/date",
                        description="Day of birth.",
                        tag=[{"name": "ansi/type", "value": "DATE"}],
                    )
                ]
            },
            name="demographics",
            title="Demographics",
            description="One row per patient.",
            fhirVersion=["5.0.0"],
            constant=[{"name": "use", "valueCode": "official"}],
            extension=[{"url": "http://example.org", "valueString": "kept out"}],
        )
    )
    (born,) = checked.columns()
    assert (born.name, born.type, born.description) == ("born", "date", "Day of birth.")
    assert born.tags == {"ansi/type": "DATE"}
    assert (checked.name, checked.title, checked.release.value) == (
        "demographics",
        "Demographics",
        "5.0",
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("valueBase64Binary", "QQ=="),
        ("valueBoolean", True),
        ("valueCanonical", "http://x|1"),
        ("valueCode", "a"),
        ("valueDate", "2020-01"),
        ("valueDateTime", "2020"),
        ("valueDecimal", 1.5),
        ("valueId", "a"),
        ("valueInstant", "2020-01-01T00:00:00Z"),
        ("valueInteger", -1),
        ("valueInteger64", "9007199254740993"),
        ("valueOid", "urn:oid:1.2"),
        ("valuePositiveInt", 1),
        ("valueString", "it's"),
        ("valueTime", "12:00:00"),
        ("valueUnsignedInt", 0),
        ("valueUri", "http://x"),
        ("valueUrl", "http://x"),
        ("valueUuid", "urn:uuid:1"),
    ],
)
def test_a_constant_of_each_type_equals_itself(key: str, value: object) -> None:
    definition = view(
        "Patient",
        columns(same="%c = %c", other="%c != %c"),
        constant=[{"name": "c", key: value}],
    )
    assert run_view([PATIENT], definition) == [{"same": True, "other": False}]
