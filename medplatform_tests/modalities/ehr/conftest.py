"""Small deliveries of FHIR, and what the reader makes of them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from medplatform.lake import Counts, Lake, Stage
from medplatform.modalities.delivery import Delivery, deliver, open_delivery
from medplatform.modalities.ehr import EHR
from medplatform.modalities.modality import Modality
from medplatform.privacy import Identity, KeyRing
from medplatform_tests.public_data import PUBLIC_DATA

HOSPITAL = "https://hospital.example/mrn"
KEYS = KeyRing(bytes(range(32)))


def patient(resource_id: str = "p1", mrn: str = "MRN-1", **elements: Any) -> dict[str, Any]:
    """A Patient with a medical record number."""
    record_number = {
        "type": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"},
            ]
        },
        "system": HOSPITAL,
        "value": mrn,
    }
    return {
        "resourceType": "Patient",
        "id": resource_id,
        "identifier": [record_number],
        **elements,
    }


def observation(
    resource_id: str = "o1", subject: str = "Patient/p1", **elements: Any
) -> dict[str, Any]:
    """A final Observation of body height without a value."""
    return {
        "resourceType": "Observation",
        "id": resource_id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2", "display": "Height"}]},
        "subject": {"reference": subject},
        **elements,
    }


def bundle(*entries: dict[str, Any], **elements: Any) -> dict[str, Any]:
    """A collection Bundle."""
    return {"resourceType": "Bundle", "type": "collection", "entry": list(entries), **elements}


def ndjson(*resources: dict[str, Any]) -> bytes:
    """One resource on a line."""
    return b"".join(json.dumps(resource).encode() + b"\n" for resource in resources)


@dataclass
class Reading:
    """What came of a delivery."""

    delivery: Delivery
    stage: Stage
    progress: list[tuple[str, int, int]] = field(default_factory=list)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Staged rows of a table in the order of the records."""
        if table not in self.stage.tables():
            return []
        return sorted(self.stage.read(table).to_pylist(), key=lambda row: row["record_number"])

    @property
    def refusals(self) -> list[dict[str, Any]]:
        if not self.stage.refusals:
            return []
        rows = self.stage.read("quarantine").to_pylist()
        return sorted(rows, key=lambda row: row["record_number"])

    @property
    def codes(self) -> list[str]:
        return [row["code"] for row in self.refusals]

    def counts(self, name: str | None = None) -> Counts:
        """Counts of one file, or of all."""
        return sum(
            (
                self.stage.counts[source.source_id, "resource"]
                for source in self.delivery.sources
                if name in (None, source.path.name)
            ),
            Counts(),
        )

    def assert_complete(self) -> None:
        """Count identity, per file, against a count that the reader did not make."""
        for source in self.delivery.sources:
            counts = self.stage.counts[source.source_id, "resource"]
            assert counts.is_balanced, source.label
            assert EHR.count_records(source) == {"resource": counts.delivered}, source.label


@contextmanager
def reading(
    folder: Path,
    root: Path,
    identity: Identity,
    options: Mapping[str, Any] | None = None,
    modality: Modality = EHR,
) -> Iterator[Reading]:
    """Read a folder as a delivery into a stage that ends with the block."""
    number = len(list(root.glob("landing/ehr/*")))
    deliver(folder, root / "landing", "ehr", f"d{number}", options)
    delivery = open_delivery(root / "landing", "ehr", f"d{number}")
    with Lake(root / "lake").stage("ehr", delivery.name, "g") as stage:
        result = Reading(delivery, stage)
        modality.read(delivery, stage, identity, lambda *step: result.progress.append(step))
        stage.close()
        yield result


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity(KEYS, tmp_path / "vault")


@pytest.fixture
def read(tmp_path: Path, identity: Identity) -> Iterator[Callable[..., Reading]]:
    """Read files, given as name -> bytes or resources, as one delivery."""
    opened = []

    def read_files(
        files: dict[str, bytes] | Iterable[dict[str, Any]], identity: Identity = identity
    ) -> Reading:
        named = files if isinstance(files, dict) else {"records.ndjson": ndjson(*files)}
        folder = tmp_path / "in" / str(len(opened))
        folder.mkdir(parents=True)
        for name, content in named.items():
            (folder / name).write_bytes(content)
        context = reading(folder, tmp_path, identity)
        result = context.__enter__()
        opened.append(context)
        return result

    yield read_files
    for context in reversed(opened):
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def fhir_data() -> Path:
    """The public FHIR data beside the checkout."""
    folder = PUBLIC_DATA / "fhir"
    if not folder.is_dir():
        pytest.skip("the public FHIR data are not here; set MEDPLATFORM_TEST_DATA")
    return folder
