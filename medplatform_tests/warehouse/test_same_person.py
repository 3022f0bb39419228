"""Patient resources that name one person: all are kept, and one of them says what holds."""

import re
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from medplatform.lake import Counts
from medplatform.meds import export_meds
from medplatform.modalities.ehr.tables import DELETION, PATIENT
from medplatform.views import parse_view
from medplatform.warehouse import build_view
from medplatform.warehouse.staging import render_deleted_patients, render_model
from medplatform_tests.views.build import columns, view
from medplatform_tests.warehouse.fhir import MRN, FhirLake, observation, patient

OLD, NEW = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"
REPLACED = {"link": [{"other": {"reference": "Patient/p"}, "type": "replaced-by"}]}
RETIRED = {"inactive": {"active": False}, "replaced": REPLACED}
GENDERS = parse_view(view("Patient", columns(gender="gender")))


def named(number: str, mrn: str = "mrn-p", **elements: Any) -> dict[str, Any]:
    return patient(number, identifier=[{"system": MRN, "value": mrn}], **elements)


def rows(site: FhirLake, columns: str, table: str = "ehr_patient") -> list[tuple[Any, ...]]:
    query = f"select {columns} from {site.lake.relation(table)} order by delivery, record_number"
    return duckdb.execute(query).fetchall()


@pytest.mark.parametrize(
    "metas",
    [
        ({}, {}),
        ({"versionId": "1"}, {"versionId": "1"}),
        ({"versionId": "1", "lastUpdated": NEW}, {"versionId": "1", "lastUpdated": OLD}),
        ({"lastUpdated": NEW}, {}),
    ],
)
@pytest.mark.parametrize("mrn", ["mrn-p", " mrn-p "])
def test_two_resources_of_one_person_are_one_patient(tmp_path: Path, metas, mrn: str) -> None:
    site = FhirLake(tmp_path)
    entry = site.ingest(
        "1",
        named("p", meta=metas[0]),
        named("q", mrn, meta=metas[1]),
        observation("o"),
        observation("u", subject={"reference": "Patient/q"}),
        patient("y"),
    )
    assert entry is not None
    assert entry.refusals == {}
    assert entry.counts()["resource"] == Counts(delivered=5, accepted=5)
    found = rows(site, "patient_id, patient_resource_id")
    assert len({person for person, _ in found}) == 2
    assert len({resource for _, resource in found}) == len(found) == 3
    assert {person for (person,) in rows(site, "patient_id", "ehr_observation")} == {found[0][0]}


def test_a_contradiction_of_one_of_them_is_flagged_as_ever(tmp_path: Path) -> None:
    site = FhirLake(tmp_path)
    entry = site.ingest("1", named("p"), named("q"), named("p", gender="male"))
    assert entry is not None
    assert entry.refusals == {"record.conflict": 1}
    assert rows(site, "record_number") == [(1,), (2,)]


def shown(site: FhirLake) -> tuple[str, str, str]:
    """The sex of the one patient: in staging, in a view, and in an export of MEDS."""
    with duckdb.connect() as connection:
        site.lake.create_views(connection, [PATIENT, DELETION])
        deleted = as_sql(render_deleted_patients())
        connection.execute(f"create view stg_ehr_deleted_patient as {deleted}")
        ((staged,),) = connection.sql(as_sql(render_model(PATIENT))).select("sex").fetchall()
    path = site.root / "views/v.parquet"
    build_view(site.lake, GENDERS, path)
    (seen,) = pl.read_parquet(path)["gender"]
    meds = site.root / "meds"
    export_meds(site.lake, meds)
    codes = pl.read_parquet(meds / "data/**/*.parquet")["code"]
    (exported,) = codes.filter(codes.str.starts_with("GENDER//"))
    return staged, seen, exported


def as_sql(model: str) -> str:
    """A staging model as DuckDB reads it."""
    model = re.sub(r"\{\{ source\('(\w+)', '(\w+)'\) \}\}", r"\1.\2", model)
    return re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"\1", model)


@pytest.mark.parametrize("retired", RETIRED.values(), ids=RETIRED)
def test_a_retired_resource_does_not_speak_for_the_patient(tmp_path: Path, retired) -> None:
    site = FhirLake(tmp_path)
    duplicate = named("q", gender="unknown", meta={"lastUpdated": NEW}, **retired)
    site.ingest("1", duplicate, named("p", gender="female"))
    assert shown(site) == ("female", "female", "GENDER//F")


@pytest.mark.parametrize("retired", RETIRED.values(), ids=RETIRED)
def test_neither_do_its_older_versions(tmp_path: Path, retired) -> None:
    site = FhirLake(tmp_path)
    duplicate = named("q", gender="male", meta={"lastUpdated": OLD})
    site.ingest("1", named("p", gender="female"), duplicate)
    assert shown(site) == ("male", "male", "GENDER//M")
    site.ingest("2", duplicate | retired | {"meta": {"lastUpdated": NEW}})
    assert shown(site) == ("female", "female", "GENDER//F")


@pytest.mark.parametrize("retired", RETIRED.values(), ids=RETIRED)
def test_of_a_patient_whose_only_resource_is_retired_the_newest_version_counts(
    tmp_path: Path, retired
) -> None:
    site = FhirLake(tmp_path)
    site.ingest("1", named("q", gender="male", meta={"lastUpdated": OLD}))
    site.ingest("2", named("q", gender="female", meta={"lastUpdated": NEW}, **retired))
    assert shown(site) == ("female", "female", "GENDER//F")


@pytest.mark.parametrize("retired", RETIRED.values(), ids=RETIRED)
def test_neither_does_a_row_that_does_not_tell_which_resource_it_is_of(
    tmp_path: Path, retired
) -> None:
    """As earlier versions of the platform wrote it."""
    site = FhirLake(tmp_path)
    site.ingest("1", named("q", gender="male", meta={"lastUpdated": OLD}))
    for part in site.lake.files("ehr_patient"):
        columns = ["patient_resource_id", "is_retired", "deceased_precision"]
        pq.write_table(pq.read_table(part).drop_columns(columns), part)
    assert shown(site) == ("male", "male", "GENDER//M")
    site.ingest("2", named("q", gender="female", meta={"lastUpdated": NEW}, **retired))
    assert shown(site) == ("female", "female", "GENDER//F")


def test_a_link_to_what_it_replaces_or_to_a_namesake_retires_nothing(tmp_path: Path) -> None:
    site = FhirLake(tmp_path)
    other = {"reference": "Patient/p"}
    links = [{"other": other, "type": kind} for kind in ("replaces", "seealso", "refer")]
    newer = named("q", gender="female", meta={"lastUpdated": NEW}, active=True, link=links)
    site.ingest("1", named("p", gender="male"), newer)
    assert shown(site) == ("female", "female", "GENDER//F")
