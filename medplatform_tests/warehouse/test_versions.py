"""Versions of a resource in one delivery: typed tables and views show the same, newest one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.lake.current import comparable, newest_first
from medplatform.modalities import ehr
from medplatform.modalities.ehr.configuration import Configuration
from medplatform.modalities.ehr.deidentify import SHIFTED_SAFE_HARBOR
from medplatform.views import parse_view
from medplatform.warehouse import build_view
from medplatform_tests.views.build import columns, view
from medplatform_tests.warehouse.fhir import FhirLake, observation, patient

OLD, LATER, NEW = "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "2021-01-01T00:00:00Z"
MAY, JUNE = "2020-05-31T00:00:00Z", "2020-06-02T00:00:00Z"
VIEW = parse_view(view("Observation", columns(n="value.ofType(integer)")))
seen = partial(observation, "o")
VERSIONS = {
    "a later change": (seen(None, OLD), seen(None, NEW)),
    "a greater number": (seen("9"), seen("10")),
    "both": (seen("1", OLD), seen("2", NEW)),
    "a later change under the same number": (seen("1", OLD), seen("1", NEW)),
    "a change where there was none": (seen("1"), seen("1", NEW)),
}
ORDERS: dict[str, Callable[[Any], list[Any]]] = {
    "older first": list,
    "newer first": lambda versions: list(reversed(versions)),
}
in_any_order = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)


def site_without(root: Path, *elements: str) -> FhirLake:
    """A site whose policy drops some elements of Meta."""
    kept = tuple(r for r in SHIFTED_SAFE_HARBOR.rules if r.select not in elements)
    drops = [{"select": element, "action": "drop"} for element in elements]
    policy = SHIFTED_SAFE_HARBOR.model_copy(update={"rules": kept}).model_dump()
    policy["rules"] = [*policy["rules"], *drops]
    path = root / "policy.yaml"
    path.write_text(type(SHIFTED_SAFE_HARBOR).model_validate(policy).dump())
    return FhirLake(root, ehr.configure(Configuration(policy=path)))


def typed(lake: Lake) -> list[tuple[int, str]]:
    """Values and version ids of all versions in the typed table, the one that counts first."""
    order = ", ".join(newest_first(updated="last_updated_at", version="version_id"))
    query = f"select value_number::int, version_id from {lake.relation('ehr_observation')}"
    return duckdb.execute(f"{query} order by {order}").fetchall()


def nested(site: FhirLake) -> list[int]:
    """Values of all versions in the nested table."""
    query = f"select valueInteger from {site.lake.relation('ehr_fhir_observation')} order by 1"
    return [value for (value,) in duckdb.execute(query).fetchall()]


def shown(site: FhirLake) -> list[int]:
    """What a view shows."""
    path = site.root / "views/v.parquet"
    build_view(site.lake, VIEW, path)
    return pl.read_parquet(path)["n"].to_list()


def ingest(site: FhirLake, *observations: dict[str, Any]) -> dict[str, int]:
    """Deliver observations; the reasons that came of them."""
    entry = site.ingest("1", patient("p"), *observations)
    assert entry is not None
    return entry.refusals


def numbered(versions: tuple[dict[str, Any], dict[str, Any]]) -> list[dict[str, Any]]:
    return [v | {"valueInteger": n} for n, v in enumerate(versions, start=1)]


@in_any_order
@pytest.mark.parametrize("versions", VERSIONS.values(), ids=VERSIONS)
def test_the_newest_version_of_a_delivery_counts(tmp_path: Path, versions, order) -> None:
    site = FhirLake(tmp_path)
    assert ingest(site, *order(numbered(versions))) == {}
    assert [value for value, _ in typed(site.lake)] == [2, 1]
    assert nested(site) == [1, 2]
    assert shown(site) == [2]


@in_any_order
def test_a_policy_without_version_ids_keeps_versions_apart(tmp_path: Path, order) -> None:
    site = site_without(tmp_path, "Meta.versionId")
    assert ingest(site, *order(numbered(VERSIONS["both"]))) == {}
    (newest, new_id), (oldest, old_id) = typed(site.lake)
    assert (newest, oldest) == (2, 1)
    assert new_id != old_id
    assert nested(site) == [1, 2]
    assert shown(site) == [2]


@in_any_order
def test_a_policy_without_versions_at_all_loses_none_and_shows_one(tmp_path: Path, order) -> None:
    site = site_without(tmp_path, "Meta.versionId", "Meta.lastUpdated")
    assert ingest(site, *order(numbered(VERSIONS["both"]))) == {}
    rows = typed(site.lake)
    assert sorted(value for value, _ in rows) == [1, 2]
    assert all(version.startswith("k1_") for _, version in rows)
    assert nested(site) == [1, 2]
    assert shown(site) == [rows[0][0]]


def test_a_version_id_that_tells_versions_apart_stays(tmp_path: Path) -> None:
    site = FhirLake(tmp_path)
    ingest(site, *numbered(VERSIONS["both"]))
    assert typed(site.lake) == [(2, "2"), (1, "1")]


@in_any_order
@pytest.mark.parametrize("meta", [(None, None), ("1", None), (None, OLD), ("1", OLD)])
@pytest.mark.parametrize("dropped", [(), ("Meta.versionId",)])
def test_of_a_contradiction_every_table_shows_the_same(
    tmp_path: Path, dropped, meta, order
) -> None:
    site = site_without(tmp_path, *dropped)
    records = order(numbered((seen(*meta), seen(*meta))))
    assert ingest(site, *records) == {"record.conflict": 1}
    assert [value for value, _ in typed(site.lake)] == shown(site) == [records[0]["valueInteger"]]
    assert nested(site) == [1, 2]


@pytest.mark.parametrize("numbers", [("1", "2"), (None, None)], ids=["by version", "by delivery"])
def test_of_a_record_that_moved_to_another_patient_the_shifted_moments_say_nothing(
    tmp_path: Path, numbers: tuple[str | None, str | None]
) -> None:
    """Each of some records moves from a patient to one whose days are shifted otherwise."""
    site = FhirLake(tmp_path)
    for value, (version, moment) in enumerate(zip(numbers, (OLD, LATER), strict=True)):
        moved = [
            observation(
                f"o{n}",
                version,
                moment,
                subject={"reference": f"Patient/{value}{n}"},
                valueInteger=value,
            )
            for n in range(8)
        ]
        people = [patient(f"{value}{n}") for n in range(8)]
        site.ingest(f"{value}", *people, *moved)
    assert shown(site) == [1] * 8
    order = ", ".join(
        newest_first(
            updated=comparable(
                "last_updated_at",
                record="observation_id",
                versions=site.lake.relation("ehr_observation") or "",
            ),
            version="version_id",
        )
    )
    newest = duckdb.execute(
        f"select value_number from {site.lake.relation('ehr_observation')} "
        f"qualify row_number() over (partition by observation_id order by {order}) = 1"
    ).fetchall()
    assert newest == [(1,)] * 8


def test_of_a_record_that_was_about_no_patient_before_the_moments_say_nothing(
    tmp_path: Path,
) -> None:
    """Without a patient a moment is cut to its year, with one it is shifted."""
    site = FhirLake(tmp_path)
    shelf = {"resourceType": "Device", "status": "inactive", "meta": {"lastUpdated": MAY}}
    devices = [shelf | {"id": f"d{n}"} for n in range(12)]
    site.ingest("1", *(patient(f"p{n}") for n in range(12)), *devices)
    worn = {"status": "active", "meta": {"lastUpdated": JUNE}}
    site.ingest(
        "2",
        *(
            device | worn | {"patient": {"reference": f"Patient/p{n}"}}
            for n, device in enumerate(devices)
        ),
    )
    path = tmp_path / "views/v.parquet"
    build_view(site.lake, parse_view(view("Device", columns(status="status"))), path)
    assert pl.read_parquet(path)["status"].to_list() == ["active"] * 12
