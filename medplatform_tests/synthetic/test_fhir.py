"""The bulk export: valid FHIR R4, whole, and informative before the index encounter only."""

import gzip
from collections import Counter
from pathlib import Path

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class

from medplatform.synthetic.cohort import draw_histories
from medplatform_tests.synthetic.conftest import PATIENTS, SEED, SYSTEM, Written

TYPES = (
    "Patient",
    "Encounter",
    "Condition",
    "Observation",
    "MedicationRequest",
    "Procedure",
    "DiagnosticReport",
    "Immunization",
)
Export = dict[str, list[dict]]


def read_export(folder: Path) -> Export:
    export: Export = {}
    for path in folder.glob("*.ndjson*"):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        export[path.name.partition(".")[0]] = [orjson.loads(line) for line in content.splitlines()]
    return export


@pytest.fixture(scope="module")
def export(written: Written) -> Export:
    return read_export(written.delivery("ehr"))


def test_there_is_one_file_per_type(export: Export) -> None:
    assert set(export) == set(TYPES)
    assert all(
        resource["resourceType"] == kind
        for kind, resources in export.items()
        for resource in resources
    )
    assert len(export["Patient"]) == PATIENTS


@pytest.mark.parametrize("kind", TYPES)
def test_resources_are_valid(export: Export, kind: str) -> None:
    model = get_fhir_model_class(kind)
    for resource in export[kind][:40]:
        model.model_validate(resource)


def test_ids_are_unique_and_references_lead_somewhere(export: Export) -> None:
    ids = Counter(f"{r['resourceType']}/{r['id']}" for rs in export.values() for r in rs)
    assert set(ids.values()) == {1}
    for resource in (r for resources in export.values() for r in resources):
        for element in ("subject", "patient", "encounter"):
            if element in resource:
                assert resource[element]["reference"] in ids
        assert all(link["reference"] in ids for link in resource.get("result", []))


def test_patients_have_one_medical_record_number(export: Export) -> None:
    for patient in export["Patient"]:
        numbers = [
            identifier
            for identifier in patient["identifier"]
            if identifier["type"]["coding"][0]["code"] == "MR"
        ]
        assert [number["system"] for number in numbers] == [SYSTEM]


def test_features_are_recorded_before_the_index_encounter(export: Export) -> None:
    index = {
        e["subject"]["reference"]: e["period"]["start"]
        for e in export["Encounter"]
        if e["id"].endswith("-index")
    }
    smoking = [o for o in export["Observation"] if _code(o) == "72166-2"]
    assert len(smoking) == PATIENTS
    assert all(o["issued"] < index[o["subject"]["reference"]] for o in smoking)
    measured = {
        o["subject"]["reference"]
        for o in export["Observation"]
        if _code(o) == "85354-9" and o["issued"] < index[o["subject"]["reference"]]
    }
    assert measured == set(index)
    chronic = [c for c in export["Condition"] if _code(c) in ("59621000", "44054006")]
    assert chronic
    assert all(c["recordedDate"] < index[c["subject"]["reference"]] for c in chronic)


def test_values_are_delivered_as_drawn(export: Export) -> None:
    histories = list(draw_histories(SEED, 0, PATIENTS))
    delivered = Counter(
        o["valueQuantity"]["value"] for o in export["Observation"] if _code(o) == "4548-4"
    )
    drawn = Counter(value for h in histories for value in h.measured["hba1c"] if value is not None)
    assert delivered == drawn


def test_events_lie_within_the_horizon_after_the_index(export: Export) -> None:
    events = [
        c
        for c in export["Condition"]
        if _code(c) in ("22298006", "53741008", "230690007", "84114007")
    ]
    expected = [h.event_at for h in draw_histories(SEED, 0, PATIENTS) if h.event_at]
    assert sorted(e["onsetDateTime"] for e in events) == sorted(
        f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in expected
    )
    inpatient = [e for e in export["Encounter"] if e["class"]["code"] == "IMP"]
    assert len(inpatient) == len(events) > 0


def _code(resource: dict) -> str:
    return resource["code"]["coding"][0]["code"]
