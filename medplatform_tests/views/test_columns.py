"""What is known of a view's columns before any data are read."""

import pytest

from medplatform.views import ViewError, column_types, parse_view
from medplatform_tests.views.build import column, columns, view


def fhir_types(resource: str, **paths: str) -> list[str | None]:
    types = column_types(parse_view(view(resource, columns(**paths))))
    return [column_type.fhir_type for column_type in types.values()]


def test_types_follow_from_the_definitions() -> None:
    assert fhir_types(
        "Patient",
        id="id",
        born="birthDate",
        active="active",
        family="name.family.first()",
        twin="multipleBirth.ofType(integer)",
        has="name.exists()",
        count="name.count()",
        joined="name.given.join(' ')",
        index="%rowIndex",
        low="birthDate.lowBoundary()",
        key="link.other.getReferenceKey(Patient)",
        extension="birthDate.extension('x').value.ofType(Coding).code",
        half="1 / 2",
    ) == [
        *("id", "date", "boolean", "string", "integer", "boolean", "integer", "string"),
        *("integer", "date", "id", "code", "decimal"),
    ]


def test_a_declared_type_and_a_tag_come_first() -> None:
    select = {
        "column": [
            column("a", "birthDate", type="dateTime"),
            column("b", "birthDate", tag=[{"name": "ansi/type", "value": "date"}]),
            column("c", "name", type="HumanName", collection=True),
        ]
    }
    types = column_types(parse_view(view("Patient", select))).values()
    assert [(t.fhir_type, t.sql_type) for t in types] == [
        ("dateTime", "VARCHAR"),
        ("date", "DATE"),
        ("HumanName", "STRUCT"),
    ]


@pytest.mark.parametrize("value", ["MONEY", "DATE; DROP TABLE x", ""])
def test_a_tag_that_names_no_type_is_refused(value: str) -> None:
    tagged = column("a", "id", tag=[{"name": "ansi/type", "value": value}])
    with pytest.raises(ViewError):
        column_types(parse_view(view("Patient", {"column": [tagged]})))


@pytest.mark.parametrize(
    ("path", "element"),
    [("nmae.family", "nmae"), ("name.famly", "famly"), ("contact.name.first", "first")],
)
def test_an_element_that_fhir_does_not_define_is_refused(path: str, element: str) -> None:
    with pytest.raises(ViewError, match=f"no element {element}"):
        column_types(parse_view(view("Patient", columns(a=path))))


def test_the_release_decides_what_is_defined() -> None:
    period = view("Encounter", columns(a="actualPeriod.start"))
    with pytest.raises(ViewError, match="actualPeriod"):
        column_types(parse_view(period))
    types = column_types(parse_view(period | {"fhirVersion": ["5.0.0"]}))
    assert types["a"].fhir_type == "dateTime"


def test_repeat_is_typed_and_its_paths_are_checked() -> None:
    select = {"repeat": ["item", "answer.item"], **columns(link="linkId", index="%rowIndex")}
    types = column_types(parse_view(view("QuestionnaireResponse", select)))
    assert [t.fhir_type for t in types.values()] == ["string", "integer"]
    with pytest.raises(ViewError) as caught:
        wrong = {"repeat": ["item", "anwser.item"], **columns(link="linkId")}
        column_types(parse_view(view("QuestionnaireResponse", wrong)))
    assert caught.value.element == "select[0].repeat[1]"


def test_a_resource_that_only_r4_has_takes_its_declared_types() -> None:
    select = {"column": [column("id", "id", type="id"), column("x", "whatever")]}
    types = column_types(parse_view(view("MedicinalProduct", select)))
    assert [(t.fhir_type, t.sql_type) for t in types.values()] == [
        ("id", "VARCHAR"),
        (None, "VARCHAR"),
    ]
