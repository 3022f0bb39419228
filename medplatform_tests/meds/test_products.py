"""Medications that a request names by reference."""

from datetime import UTC, datetime

import pyarrow as pa

from medplatform.lake import Lake
from medplatform.meds.vocabulary import RXNORM
from medplatform.modalities.ehr.nested import nested_table
from medplatform_tests.meds.site import Site
from medplatform_tests.warehouse.records import prescription, publish

NDC = "http://hl7.org/fhir/sid/ndc"
MEDICATION = nested_table("Medication")


def deliver(lake: Lake, delivery: str, medications: list[dict]) -> None:
    """Publish Medications as the nested table has them: with the elements that occurred."""
    rows = [
        {"is_modified": False, "source_id": delivery, "record_number": number, **medication}
        for number, medication in enumerate(medications, start=1)
    ]
    with lake.stage("ehr", delivery, "g1") as stage:
        stage.write(MEDICATION, pa.Table.from_pylist(rows))
        lake.publish(
            stage,
            modality="ehr",
            delivery=delivery,
            status="published",
            content_digest=delivery,
            sources=[],
            started_at=datetime.now(UTC),
        )


def request(site: Site, **columns: str | None) -> list[str]:
    row = prescription("ann", "m", "x", "2021-06-01", medication_id="med")
    unnamed = {"medication_code": None, "medication_system": None}
    publish(site.lake.root, "2021-z", {"ehr_medication_request": [{**row, **unnamed, **columns}]})
    site.export()
    return site.events()["code"].to_list()


def test_the_code_of_the_medication_is_that_of_the_request(site: Site) -> None:
    codings = [{"code": "1", "system": NDC}, {"code": "2", "system": RXNORM, "display": "Aspirin"}]
    deliver(site.lake, "2021-a", [{"id": "med", "code": {"coding": codings}}])
    assert request(site) == ["RXNORM//2"]
    assert site.codes()["RXNORM//2"]["description"] == "Aspirin"


def test_without_rxnorm_the_first_code_is_taken(site: Site) -> None:
    codings = [{"code": "1", "system": NDC}, {"code": "2", "system": NDC}]
    deliver(site.lake, "2021-a", [{"id": "med", "code": {"coding": codings}}])
    assert request(site) == ["NDC//1"]


def test_a_code_of_the_request_itself_goes_first(site: Site) -> None:
    deliver(site.lake, "2021-a", [{"id": "med", "code": {"coding": [{"code": "1"}]}}])
    assert request(site, medication_code="7", medication_system=RXNORM) == ["RXNORM//7"]


def test_the_newest_version_of_the_medication_counts(site: Site) -> None:
    for delivery, code in (("2021-a", "1"), ("2021-b", "2")):
        codings = [{"code": code, "system": NDC}]
        deliver(site.lake, delivery, [{"id": "med", "code": {"coding": codings}}])
    assert request(site) == ["NDC//2"]


def test_a_deleted_medication_names_nothing(site: Site) -> None:
    deliver(site.lake, "2021-a", [{"id": "med", "code": {"coding": [{"code": "1"}]}}])
    gone = {"resource_type": "Medication", "resource_id": "med"}
    publish(site.lake.root, "2021-b", {"ehr_deletion": [gone]})
    assert request(site) == []
    medication = next(count for count in site.result.kinds if count.kind == "medication")
    assert medication.left_out == {"no_code": 1}


def test_medications_without_any_code_are_read(site: Site) -> None:
    deliver(site.lake, "2021-a", [{"id": "med", "status": "active"}])
    assert request(site) == []
