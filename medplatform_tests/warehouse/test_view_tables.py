"""Views over what was delivered: the newest versions, without what was deleted."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medplatform.views import View, ViewError, parse_view
from medplatform.warehouse import BuiltView, build_view
from medplatform_tests.warehouse.fhir import FhirLake, observation, patient

NUMBERS = parse_view(
    {
        "resource": "Observation",
        "select": [
            {
                "column": [
                    {"name": "id", "path": "getResourceKey()"},
                    {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
                    {"name": "value", "path": "value.ofType(integer)"},
                ]
            }
        ],
    }
)
MODIFIER = {"url": "https://example.org/not", "valueBoolean": True}


@pytest.fixture
def site(tmp_path: Path) -> FhirLake:
    return FhirLake(tmp_path)


def build(site: FhirLake, view: View = NUMBERS) -> BuiltView:
    return build_view(site.lake, view, site.root / "views/v.parquet")


def rows(site: FhirLake, view: View = NUMBERS) -> list[dict[str, Any]]:
    build(site, view)
    return pl.read_parquet(site.root / "views/v.parquet").to_dicts()


def number(count: int, resource_id: str, *version: str, **elements: Any) -> dict[str, Any]:
    return observation(resource_id, *version, valueInteger=count, **elements)


def numbers(site: FhirLake) -> list[int]:
    return sorted(row["value"] for row in rows(site))


def test_the_newest_version_of_all_deliveries_counts(site: FhirLake) -> None:
    site.ingest(
        "2024-01",
        patient("p"),
        number(1, "changed", "1", "2024-01-01T00:00:00Z"),
        number(2, "changed", "2", "2024-01-03T00:00:00Z"),
        number(10, "counted", "10"),
        number(20, "delivered"),
    )
    site.ingest(
        "2024-02",
        patient("p", gender="female"),
        number(3, "changed", "3", "2024-01-02T00:00:00Z"),
        number(11, "counted", "9"),
        number(21, "delivered"),
    )
    assert numbers(site) == [2, 10, 21]


def test_a_deleted_resource_is_gone_until_a_later_delivery_has_it(site: FhirLake) -> None:
    site.ingest("1", patient("p"), number(1, "a", "5"), number(2, "b"))
    site.ingest("2", deleted=("Observation/a", "Condition/b"))
    assert numbers(site) == [2]
    site.ingest("3", patient("p"), number(3, "a", "1"))
    assert numbers(site) == [2, 3]


def test_a_deletion_holds_for_all_of_its_delivery(site: FhirLake) -> None:
    site.ingest("1", patient("p"), number(1, "a"), number(2, "b"), deleted=("Observation/a",))
    assert numbers(site) == [2]


def test_with_a_deleted_patient_goes_all_that_is_about_them(site: FhirLake) -> None:
    site.ingest("1", patient("p"), number(1, "a"))
    site.ingest("2", deleted=("Patient/p",))
    assert numbers(site) == []
    site.ingest("3", patient("p"))
    assert numbers(site) == [1]


def test_views_join_by_keys(site: FhirLake) -> None:
    site.ingest("1", patient("p", gender="female"), number(1, "a"))
    people = parse_view(
        {
            "resource": "Patient",
            "select": [{"column": [{"name": "id", "path": "getResourceKey()"}]}],
        }
    )
    (person,) = rows(site, people)
    (row,) = rows(site)
    assert row["patient"] == person["id"] != "p"


def test_elements_may_come_and_go_with_deliveries(site: FhirLake) -> None:
    quantity = {"value": 72.50, "unit": "kg"}
    site.ingest("1", patient("p"), observation("a", valueQuantity=quantity))
    site.ingest("2", patient("p", active=True), observation("b", valueQuantity={"comparator": "<"}))
    view = parse_view(
        {
            "resource": "Observation",
            "select": [
                {
                    "column": [
                        {"name": "value", "path": "value.ofType(Quantity).value"},
                        {"name": "bound", "path": "value.ofType(Quantity).comparator"},
                        {"name": "never", "path": "value.ofType(Range).low.value"},
                    ]
                }
            ],
        }
    )
    found = sorted(map(tuple, (row.values() for row in rows(site, view))), key=str)
    assert found == [("72.5", None, None), (None, "<", None)]


def test_a_modified_meaning_is_left_out_unless_the_view_looks_at_it(site: FhirLake) -> None:
    site.ingest("1", patient("p"), number(1, "a"), number(2, "b", modifierExtension=[MODIFIER]))
    built = build(site)
    assert (built.rows, built.resources.count, built.resources.modified) == (1, 1, 1)
    looking = parse_view(
        {
            "resource": "Observation",
            "select": [{"column": [{"name": "id", "path": "id"}]}],
            "where": [{"path": "modifierExtension.exists()"}],
        }
    )
    built = build(site, looking)
    assert (built.rows, built.resources.count, built.resources.modified) == (1, 2, 0)


def test_an_older_version_does_not_stand_in_for_a_modified_one(site: FhirLake) -> None:
    site.ingest("1", patient("p"), number(1, "a", "1"))
    site.ingest("2", patient("p", active=True), number(2, "a", "2", modifierExtension=[MODIFIER]))
    assert numbers(site) == []


def test_a_type_that_was_never_delivered_gives_an_empty_table(site: FhirLake) -> None:
    view = parse_view(
        {
            "resource": "Device",
            "select": [
                {
                    "column": [{"name": "id", "path": "getResourceKey()"}],
                    "select": [
                        {
                            "forEach": "deviceName",
                            "column": [{"name": "n", "path": "%rowIndex"}],
                        }
                    ],
                }
            ],
        }
    )
    assert build(site, view).rows == 0
    table = pl.read_parquet(site.root / "views/v.parquet")
    assert table.schema == {"id": pl.String, "n": pl.Int32}


def test_a_view_that_does_not_fit_leaves_the_last_table(site: FhirLake) -> None:
    site.ingest("1", patient("p"), number(1, "a"))
    before = rows(site)
    codings = [{"code": "a", "system": "https://a.example"}, {"code": "b"}]
    site.ingest("2", patient("p", active=True), observation("b", code={"coding": codings}))
    single = parse_view(
        {
            "resource": "Observation",
            "select": [{"column": [{"name": "code", "path": "code.coding.code"}]}],
        }
    )
    with pytest.raises(ViewError, match=r"select\[0\]\.column\[0\]"):
        build(site, single)
    assert pl.read_parquet(site.root / "views/v.parquet").to_dicts() == before
    assert [path.name for path in (site.root / "views").iterdir()] == ["v.parquet"]
