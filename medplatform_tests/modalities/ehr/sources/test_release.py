"""What files say about the release of FHIR they follow."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from medplatform.modalities.ehr.sources import find_release_hint

from .conftest import A


def hint(folder: Path, data: bytes) -> str | None:
    path = folder / "x.json"
    path.write_bytes(data)
    return find_release_hint(path)


@pytest.mark.parametrize(
    ("version", "release"),
    [("4.0.1", "4.0"), ("4.3.0", "4.3"), ("4.1.0", "4.3"), ("5.0.0", "5.0"), ("3.0.2", None)],
)
def test_capability_statements_say_it(tmp_path: Path, version: str, release: str | None) -> None:
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": version}
    for indent in (None, 2):
        data = json.dumps(statement, indent=indent).encode()
        assert hint(tmp_path, data) == release
        assert hint(tmp_path, gzip.compress(data, mtime=0)) == release


@pytest.mark.parametrize(
    "content",
    [
        {"eventId": "kickoff", "eventDetail": {"fhirVersion": "4.0.1"}},
        {"resourceType": "ImplementationGuide", "fhirVersion": ["4.0.1", "4.3.0"]},
    ],
)
def test_export_logs_and_guides_say_it(tmp_path: Path, content: dict[str, Any]) -> None:
    assert hint(tmp_path, json.dumps(content).encode()) == "4.0"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        A,
        b"{",
        gzip.compress(A, mtime=0)[:9],
        json.dumps({"resourceType": "Patient", "note": '"fhirVersion": "5.0.0"'}).encode(),
        json.dumps({"transactionTime": "2024", "output": []}).encode(),
    ],
)
def test_other_files_do_not(tmp_path: Path, data: bytes) -> None:
    assert hint(tmp_path, data) is None


def test_a_file_of_an_archive_may_say_it(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../a", b"")
        archive.writestr("p.ndjson", A)
        archive.writestr("metadata.json", b'{"fhirVersion" : "5.0.0"}')
    assert hint(tmp_path, stream.getvalue()) == "5.0"
