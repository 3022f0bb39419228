"""The example of the documentation works as it stands."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from medplatform.cli.bulk_export import ExportOptions
from medplatform.cli.ingest import ingest
from medplatform.cli.keys import key
from medplatform.settings import Settings
from medplatform_tests.bulk_export.server import BulkServer
from medplatform_tests.bulk_export.site import ndjson

EXPORT = {field.name for field in fields(ExportOptions)}
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


def test_every_option_and_setting_is_described() -> None:
    text = DOCUMENT.read_text()
    options = {option for one in ingest.params for option in one.opts if one.name in EXPORT}
    assert options
    assert {option for option in options if f"`{option}" not in text} == set()
    settings = {f"MEDPLATFORM_{name.upper()}" for name in Settings.model_fields if "bulk" in name}
    assert {name for name in settings if name not in text} == set()


def test_every_command_of_a_key_exists() -> None:
    named = set(re.findall(r"medplatform key ([a-z-]+)", DOCUMENT.read_text()))
    assert named == {"create-client", "show-client"} <= set(key.commands)
