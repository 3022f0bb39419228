"""A public bulk export of 100 patients, and a public Bundle of one, through the whole reader."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from medplatform.lake import Counts
from medplatform.modalities.ehr.nested import table_name
from medplatform.privacy import Identity

from .conftest import KEYS, Reading, reading

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def bulk(fhir_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    root = tmp_path_factory.mktemp("bulk")
    with reading(fhir_data / "r4-bulk-100", root, Identity(KEYS, root / "vault")) as result:
        yield result


def test_every_resource_of_an_export_is_accepted(bulk: Reading) -> None:
    bulk.assert_complete()
    assert bulk.counts() == Counts(delivered=38_472, accepted=38_472)
    assert bulk.codes == []


def test_every_line_is_a_row_of_its_nested_table(bulk: Reading, fhir_data: Path) -> None:
    expected = {}
    for path in (fhir_data / "r4-bulk-100").iterdir():
        lines = gzip.decompress(path.read_bytes()).count(b"\n")
        expected[table_name(path.name.partition(".")[0])] = lines
    stage = bulk.stage
    assert len(expected) == 17
    assert {name: stage.rows_staged(name) for name in expected} == expected


def test_the_typed_tables_have_their_rows(bulk: Reading) -> None:
    tables = {
        "ehr_patient": 100,
        "ehr_encounter": 3_697,
        "ehr_condition": 639,
        "ehr_observation": 17_300,
        "ehr_medication_request": 2_386,
        "ehr_procedure": 2_351,
        "ehr_diagnostic_report": 897,
    }
    assert {name: bulk.stage.rows_staged(name) for name in tables} == tables
    encounters = set(bulk.stage.read("ehr_encounter")["encounter_id"].to_pylist())
    observed = bulk.stage.read("ehr_observation", ["encounter_id"])
    assert set(observed["encounter_id"].to_pylist()) <= encounters


def test_every_reference_of_the_export_is_an_edge(bulk: Reading, fhir_data: Path) -> None:
    written: Counter[str] = Counter()
    for path in (fhir_data / "r4-bulk-100").iterdir():
        for line in gzip.decompress(path.read_bytes()).splitlines():
            content = json.loads(line)
            content.pop("contained", None)
            references = json.dumps(content).count('"reference": "')
            written[content["resourceType"]] += references
    edges = bulk.stage.read("ehr_reference", ["resource_type", "is_resolved", "target_type"])
    assert Counter(edges["resource_type"].to_pylist()) == +written
    unresolved = {row["target_type"] for row in edges.to_pylist() if not row["is_resolved"]}
    assert unresolved <= {None, "Location", "PractitionerRole"}


def test_a_bundle_of_one_patient(fhir_data: Path, tmp_path: Path, identity: Identity) -> None:
    with reading(fhir_data / "r4-bundles", tmp_path, identity) as result:
        result.assert_complete()
        assert result.codes == []
        (person,) = result.rows("ehr_patient")
        assert len(result.rows("ehr_observation")) == 273
        assert {row["patient_id"] for row in result.rows("ehr_condition")} == {person["patient_id"]}
        edges = [row for row in result.rows("ehr_reference") if row["target_type"] == "Encounter"]
        assert edges
        assert all(row["is_resolved"] for row in edges)
