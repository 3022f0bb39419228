"""Patient resources that name one person: all are kept, and one of them says what holds."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from medplatform.lake import Counts
from medplatform_tests.warehouse.fhir import MRN, FhirLake, observation, patient

OLD, NEW = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"


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
