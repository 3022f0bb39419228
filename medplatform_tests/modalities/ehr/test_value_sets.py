"""What typed columns may hold is what the releases of FHIR allow, neither less nor more."""

import json
import tarfile
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytest

from medplatform.ingest import Receipt, ingest_delivery
from medplatform.lake import Lake
from medplatform.modalities.delivery import deliver
from medplatform.modalities.ehr import EHR
from medplatform.modalities.ehr.conformance.verdict import definitions_of
from medplatform.modalities.ehr.definitions import Release, elements_of
from medplatform.modalities.ehr.tables import TABLE_OF
from medplatform.modalities.ehr.value_sets import CLINICAL_STATUS, VALUE_TYPE
from medplatform.privacy import Identity

from .conftest import KEYS, ndjson

BOUND = {
    ("ehr_patient", "sex"): ("Patient", "gender"),
    ("ehr_encounter", "status"): ("Encounter", "status"),
    ("ehr_observation", "status"): ("Observation", "status"),
    ("ehr_observation", "value_comparator"): ("Quantity", "comparator"),
    ("ehr_medication_request", "status"): ("MedicationRequest", "status"),
    ("ehr_medication_request", "intent"): ("MedicationRequest", "intent"),
    ("ehr_procedure", "status"): ("Procedure", "status"),
    ("ehr_diagnostic_report", "status"): ("DiagnosticReport", "status"),
}
"""Table and column -> type and element of FHIR whose code it holds."""
CONCEPTS = {("ehr_condition", "clinical_status"), ("ehr_condition", "verification_status")}
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def about(resource_type: str, number: int, **elements: Any) -> dict[str, Any]:
    """A resource about the patient of these tests."""
    subject = {"reference": "Patient/p1"}
    return {"resourceType": resource_type, "id": f"r{number}", "subject": subject, **elements}


class Site:
    """Landing, vault and lake under one folder, for deliveries of a declared release."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lake = Lake(root / "lake")
        self.identity = Identity(KEYS, root / "vault")

    def ingest(self, release: Release, lines: bytes) -> Receipt:
        folder = self.root / "in" / release.name
        folder.mkdir(parents=True)
        (folder / "records.ndjson").write_bytes(lines)
        options = {"subjects": "per_record", "fhir_release": release.value}
        name = release.name.lower()
        deliver(folder, self.root / "landing", "ehr", name, options)
        return ingest_delivery(
            EHR, name, landing=self.root / "landing", lake=self.lake, identity=self.identity
        )

    def codes(self, resource_type: str, column: str) -> set[str]:
        """What stands in a column of the typed table of a resource type."""
        rows = self.lake.scan(TABLE_OF[resource_type]).collect()
        return set(rows[column].drop_nulls())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize(("column", "bound"), BOUND.items())
def test_a_column_takes_exactly_what_a_release_or_another_allows(
    column: tuple[str, str], bound: tuple[str, str]
) -> None:
    table, name = column
    allowed: set[str] = set()
    for release in Release:
        definition = definitions_of(release).find(bound[0])
        assert definition
        codes = definition.elements[bound[1]].codes
        assert codes
        allowed |= codes
    (values,) = (t.column(name).values for t in TABLE_OF.values() if t.name == table)
    assert sorted(values) == sorted(allowed)


def test_every_coded_column_is_compared() -> None:
    coded = {
        (table.name, column.name)
        for table in TABLE_OF.values()
        for column in table.columns
        if column.values and not column.name.endswith("_precision")
    }
    assert coded == {*BOUND, *CONCEPTS, ("ehr_observation", "value_type")}


def test_the_types_of_a_value_are_those_of_the_releases() -> None:
    types = {
        name.removeprefix("value")
        for release in Release
        for type_name in ("Observation", "Observation.component")
        for name in elements_of(type_name, release)
        if name.startswith("value")
    }
    assert sorted(VALUE_TYPE) == sorted(types)


def coded_resources(release: Release) -> list[dict[str, Any]]:
    """A Patient, and about them a resource with each code that a required binding allows."""
    codes = {
        bound: sorted(definition.elements[bound[1]].codes or ())
        for bound in BOUND.values()
        if (definition := definitions_of(release).find(bound[0]))
    }
    number = count()
    code = {"text": "x"}
    is_r5 = release is Release.R5
    medication = {"medication": {"concept": code}} if is_r5 else {"medicationCodeableConcept": code}
    visit = {} if is_r5 else {"class": {"code": "AMB"}}
    required: dict[str, dict[str, Any]] = {
        "Encounter": visit,
        "Observation": {"code": code},
        "MedicationRequest": {"intent": "order", **medication},
        "Procedure": {"code": code},
        "DiagnosticReport": {"code": code},
    }
    resources = [{"resourceType": "Patient", "id": "p1"}]
    for kind, others in required.items():
        resources += [
            about(kind, next(number), status=status, **others) for status in codes[kind, "status"]
        ]
    for sign in codes["Quantity", "comparator"]:
        value = {"value": 1, "comparator": sign}
        elements = {"status": "final", "code": code, "valueQuantity": value}
        resources.append(about("Observation", next(number), **elements))
    for status in CLINICAL_STATUS if is_r5 else CLINICAL_STATUS[:-1]:
        concept = {"coding": [{"system": CLINICAL, "code": status}]}
        resources.append(about("Condition", next(number), clinicalStatus=concept))
    return resources


@pytest.mark.parametrize("release", Release)
def test_a_delivery_with_every_code_of_its_release_is_published(
    site: Site, release: Release
) -> None:
    resources = coded_resources(release)
    receipt = site.ingest(release, ndjson(*resources))
    assert receipt.status == "published"
    assert receipt.entry is not None
    assert receipt.entry.refusals == {}
    assert receipt.entry.counts()["resource"].accepted == len(resources)


def test_codes_of_two_releases_stand_in_one_table(site: Site) -> None:
    for release in (Release.R4, Release.R5):
        assert site.ingest(release, ndjson(*coded_resources(release))).status == "published"
    assert site.codes("Encounter", "status") >= {"finished", "completed", "discontinued"}
    assert site.codes("MedicationRequest", "status") >= {"stopped", "ended"}
    assert "modified" in site.codes("DiagnosticReport", "status")
    assert site.codes("Observation", "value_comparator") == {"<", "<=", ">=", ">", "ad"}
    assert "unknown" in site.codes("Condition", "clinical_status")


def test_the_class_of_an_encounter_is_that_of_v3_actcode(site: Site) -> None:
    codings = [
        {"system": "http://snomed.info/sct", "code": "371883000"},
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    ]
    visit = about("Encounter", 1, status="completed", **{"class": [{"coding": codings}]})
    person = {"resourceType": "Patient", "id": "p1"}
    assert site.ingest(Release.R5, ndjson(person, visit)).status == "published"
    assert site.codes("Encounter", "class_code") == {"AMB"}


def test_a_code_of_another_release_is_refused_and_the_rest_is_published(site: Site) -> None:
    visit = {"class": {"code": "AMB"}}
    resources = (
        {"resourceType": "Patient", "id": "p1"},
        about("Encounter", 1, status="finished", **visit),
        about("Encounter", 2, status="completed", **visit),
    )
    receipt = site.ingest(Release.R4, ndjson(*resources))
    assert receipt.status == "published"
    assert receipt.entry is not None
    assert receipt.entry.refusals == {"value.not_in_value_set": 1}
    assert site.codes("Encounter", "status") == {"finished"}


def test_the_value_of_an_r5_observation_may_be_a_file_or_another_resource(site: Site) -> None:
    values = (
        {"valueReference": {"reference": "Patient/p1"}},
        {"valueAttachment": {"contentType": "text/plain"}},
    )
    observations = [
        about("Observation", number, status="final", code={"text": "x"}, **value)
        for number, value in enumerate(values)
    ]
    receipt = site.ingest(
        Release.R5, ndjson({"resourceType": "Patient", "id": "p1"}, *observations)
    )
    assert receipt.status == "published"
    assert site.codes("Observation", "value_type") == {"Reference", "Attachment"}


@pytest.mark.real
def test_the_r5_examples_of_the_typed_tables_are_published(site: Site, fhir_data: Path) -> None:
    (archive,) = (fhir_data / "r5-hl7-examples").glob("*.tar.gz")
    lines: dict[str, list[str]] = {name: [] for name in TABLE_OF}
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            stream = opened.extractfile(member)
            if stream is not None and member.name.endswith(".json"):
                resource = json.loads(stream.read())
                lines.get(resource["resourceType"], []).append(json.dumps(resource))
    receipt = site.ingest(Release.R5, "\n".join(chain(*lines.values())).encode())
    assert receipt.status == "published"
    assert receipt.entry is not None
    counts = receipt.entry.counts()["resource"]
    assert counts.delivered == sum(map(len, lines.values()))
    assert counts.accepted > 0.8 * counts.delivered
    assert all(code.startswith("subject.") for code in receipt.entry.refusals)
    assert "completed" in site.codes("Encounter", "status")
