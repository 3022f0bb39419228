"""The example of the documentation works as it stands."""

import re
from pathlib import Path

import pytest

import medplatform.bulk_export
from medplatform_tests.bulk_export.server import BulkServer
from medplatform_tests.bulk_export.site import ndjson

DOCUMENT = Path(__file__).parents[2] / "docs" / "bulk-export.md"


def test_the_example_in_python_runs(
    server: BulkServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    server.publish({"output": [server.add("Patient-1", ndjson("Patient", 3))]})
    monkeypatch.chdir(tmp_path)
    exec(example.replace("https://fhir.example.org/r4", server.base_url), {})
    assert "{'Patient': 3}" in capsys.readouterr().out
    assert list((tmp_path / "data" / "landing" / "ehr").iterdir())


def test_the_example_that_makes_a_key_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r'python -c "\n(.*?)"\n```', DOCUMENT.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    assert '"kty": "EC"' in capsys.readouterr().out
    assert medplatform.bulk_export.public_keys(tmp_path / "data" / "vault" / "fhir-client.jwk")
