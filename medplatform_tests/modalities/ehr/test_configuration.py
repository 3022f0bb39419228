"""What an installation says about health records, and what comes of it."""

import json
from pathlib import Path

import polars as pl
import pytest

from medplatform.ingest import ingest_pending
from medplatform.installation import Installation
from medplatform.lake import LedgerEntry
from medplatform.modalities.delivery import deliver
from medplatform.modalities.ehr import reader
from medplatform.modalities.ehr.deidentify import SHIFTED_SAFE_HARBOR
from medplatform.modalities.ehr.deidentify.policy import Action, Rule
from medplatform.modalities.modality import Misconfigured
from medplatform.settings import Settings

from .conftest import ndjson, observation, patient

PROFILE = {
    "resourceType": "StructureDefinition",
    "url": "https://hospital.example/patient",
    "name": "HospitalPatient",
    "status": "active",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {
        "element": [
            {"id": "Patient.gender", "path": "Patient.gender", "min": 1, "mustSupport": True}
        ]
    },
}


def read(folder: Path, **settings: object) -> tuple[Installation, LedgerEntry]:
    """A delivery of patients with a gender and without, and observations, in two files."""
    key = folder / "key"
    key.write_text("11" * 32)
    key.chmod(0o600)
    installation = Installation(Settings(data=folder / "data", key_file=key, **settings))  # type: ignore[arg-type]
    source = folder / "in"
    source.mkdir()
    people = patient("p1", gender="male"), patient("p2", "MRN-2")
    (source / "a.ndjson").write_bytes(ndjson(*people))
    (source / "b.ndjson").write_bytes(ndjson(observation(valueInteger=1)))
    deliver(source, installation.settings.landing, "ehr", "d")
    (receipt,) = ingest_pending(
        installation.modality("ehr"),
        landing=installation.settings.landing,
        lake=installation.lake,
        identity=installation.identity,
        quiet_period_s=0,
    )
    assert receipt.entry is not None
    return installation, receipt.entry


def profiles(tmp_path: Path) -> dict[str, object]:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(PROFILE))
    return {"ehr_profiles": [path], "ehr_assigned_profiles": {"Patient": [PROFILE["url"]]}}


def test_the_release_and_the_policy_of_a_reading_are_recorded(tmp_path: Path) -> None:
    _, entry = read(tmp_path)
    assert entry.facts["fhir_release"] == "4.0 (default)"
    assert entry.facts["deidentification_policy"].startswith(SHIFTED_SAFE_HARBOR.name)


def test_a_broken_profile_is_noted(tmp_path: Path) -> None:
    installation, entry = read(tmp_path, **profiles(tmp_path))
    assert entry.counts()["resource"].accepted == 3
    (warning,) = installation.lake.quarantine("ehr").to_dicts()
    assert (warning["code"], warning["severity"]) == ("profile.min", "warning")
    assert warning["element"] == "Patient.gender"
    assert entry.reports["must_support"] == [
        {"profile": PROFILE["url"], "element": "Patient.gender", "resources": 2, "present": 1}
    ]


def test_a_broken_profile_refuses_the_resource_where_it_is_told_to(tmp_path: Path) -> None:
    installation, entry = read(tmp_path, **profiles(tmp_path), ehr_profile_policy="reject")
    counts = entry.counts()["resource"]
    assert (counts.accepted, counts.quarantined) == (2, 1)
    assert installation.lake.quarantine("ehr")["severity"].to_list() == ["error"]


def test_a_policy_of_ones_own_decides_what_is_published(tmp_path: Path) -> None:
    no_gender = Rule(select="Patient.gender", action=Action.DROP)
    rules = (*SHIFTED_SAFE_HARBOR.rules, no_gender)
    path = tmp_path / "policy.yaml"
    path.write_text(SHIFTED_SAFE_HARBOR.model_copy(update={"name": "ours", "rules": rules}).dump())
    installation, entry = read(tmp_path, ehr_policy=path)
    assert entry.facts["deidentification_policy"].startswith("ours ")
    (file,) = installation.lake.files("ehr_patient")
    assert pl.read_parquet(file)["sex"].to_list() == [None, None]


@pytest.mark.parametrize("setting", ["ehr_policy", "ehr_profiles"])
def test_what_cannot_be_used_is_said_with_its_file(tmp_path: Path, setting: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{")
    value = path if setting == "ehr_policy" else [path]
    with pytest.raises(Misconfigured, match=r"broken\.json"):
        read(tmp_path, **{setting: value})


def test_several_processes_read_what_one_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_WORTH_WORKERS", 0)
    found = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        _, entry = read(folder, ehr_workers=workers)
        found.append({name: [f.sha256 for f in files] for name, files in entry.tables.items()})
    assert found[0] == found[1]
