"""A lake that FHIR was really ingested into, one small delivery after the other."""

import json
from pathlib import Path
from typing import Any

from medplatform.ingest import ingest_delivery
from medplatform.lake import Lake
from medplatform.modalities.delivery import deliver
from medplatform.modalities.ehr import EHR
from medplatform.modalities.modality import Modality
from medplatform.privacy import Identity, KeyRing

MRN = "https://hospital.example/mrn"


class FhirLake:
    """Landing, vault and lake under one folder."""

    def __init__(self, root: Path, modality: Modality = EHR) -> None:
        self.root = root
        self.modality = modality
        self.lake = Lake(root / "lake")
        self.identity = Identity(KeyRing(bytes(range(32))), root / "vault", default_system=MRN)

    def ingest(self, delivery: str, *resources: dict[str, Any], deleted: tuple[str, ...] = ()):
        """Read resources, and the deletions of others, such as `Patient/1`."""
        folder = self.root / "in" / delivery
        folder.mkdir(parents=True)
        lines = "".join(json.dumps(resource) + "\n" for resource in resources)
        (folder / "resources.ndjson").write_text(lines)
        if deleted:
            entries = [{"request": {"method": "DELETE", "url": url}} for url in deleted]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            (folder / "deleted.json").write_text(json.dumps(bundle))
        deliver(folder, self.root / "landing", "ehr", delivery)
        receipt = ingest_delivery(
            self.modality,
            delivery,
            landing=self.root / "landing",
            lake=self.lake,
            identity=self.identity,
        )
        assert receipt.status == "published"
        return receipt.entry


def patient(number: str, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": number,
        "identifier": [{"system": MRN, "value": f"mrn-{number}"}],
        **elements,
    }


def observation(
    number: str, version: str | None = None, updated: str | None = None, **elements: Any
) -> dict[str, Any]:
    meta = {"versionId": version, "lastUpdated": updated}
    known = {name: value for name, value in meta.items() if value}
    return {
        "resourceType": "Observation",
        "id": number,
        **({"meta": known} if known else {}),
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]},
        "subject": {"reference": "Patient/p"},
        **elements,
    }
