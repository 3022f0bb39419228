"""Views at the command line."""

import csv
import io
import json
from pathlib import Path

import pytest

from medplatform.privacy import KeyRing
from medplatform.settings import get_settings
from medplatform_tests.cli.conftest import Terminal
from medplatform_tests.views.build import columns, view

MRN = "urn:example:mrn"
PEOPLE = view("Patient", columns(patient_id="getResourceKey()", gender="gender"), name="people")
NAMES = view(
    "Patient", {"column": [{"name": "uses", "path": "identifier.use", "collection": True}]}
)


@pytest.fixture
def ready(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Two patients in the lake, two views and a broken one."""
    folder = tmp_path / "views"
    folder.mkdir()
    (folder / "people.json").write_text(json.dumps(PEOPLE))
    (folder / "uses.json").write_text(json.dumps(NAMES))
    (folder / "broken.json").write_text("{")
    monkeypatch.setenv("MEDPLATFORM_VIEWS", str(folder))
    monkeypatch.setenv("MEDPLATFORM_PATIENT_IDENTIFIER_SYSTEM", MRN)
    get_settings.cache_clear()
    terminal.settings = get_settings()
    KeyRing.create(terminal.settings.master_key)
    export = tmp_path / "export"
    export.mkdir()
    patients = [
        {
            "resourceType": "Patient",
            "id": str(number),
            "gender": "female",
            "identifier": [{"use": "official", "system": MRN, "value": str(number)}],
        }
        for number in range(2)
    ]
    (export / "Patient.ndjson").write_text("".join(json.dumps(p) + "\n" for p in patients))
    assert terminal.run("ingest", "ehr", export).exit_code == 0
    return terminal


def test_views_are_listed_built_and_shown(ready: Terminal) -> None:
    listed = ready.run("views", "list")
    assert listed.exit_code == 0
    assert "patient_id, gender" in listed.output
    assert "not a JSON object" in listed.output
    done = ready.run("views", "run", "people", "uses")
    assert done.exit_code == 0
    assert "people: 2 rows" in done.output and "female" in done.output
    first = ready.run("views", "run", "people", "--limit", "1")
    assert "people: 2 rows, the first 1" in first.output
    path = ready.settings.data / "views" / "people.parquet"
    assert ready.run("views", "run", "people", "--format", "parquet").output == f"{path}  2 rows\n"
    rows = list(
        csv.reader(io.StringIO(ready.run("views", "run", "uses", "--format", "csv").output))
    )
    assert rows == [["uses"], ['["official"]'], ['["official"]']]
    # Without names all are built, and one that is broken does not keep the others from it.
    every = ready.run("views", "run", "--format", "parquet")
    assert every.exit_code == 1
    assert "broken: broken.json: not a JSON object" in every.output
    assert "people.parquet" in every.output and "uses.parquet" in every.output


def test_what_cannot_be_run_is_said(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = terminal.run("views", "run", "nothing")
    assert unknown.exit_code == 1
    assert "There is no view nothing in" in unknown.output
    assert "blood_pressure" in unknown.output
    assert terminal.run("views", "run", "--format", "csv").exit_code == 2
    monkeypatch.setenv("MEDPLATFORM_VIEWS", "nowhere")
    get_settings.cache_clear()
    assert "There is no ViewDefinition in" in terminal.run("views", "list").output
    assert "There is no view at all in" in terminal.run("views", "run").output


def test_a_file_is_checked_without_data(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(PEOPLE))
    good = terminal.run("views", "check", file)
    assert good.exit_code == 0
    assert "a.json: a valid view of Patient" in good.output
    assert "getResourceKey()" in good.output
    file.write_text(json.dumps(view("Patient", columns(name="nmae.family"))))
    bad = terminal.run("views", "check", file)
    assert bad.exit_code == 1
    assert str(bad.exception).startswith("a.json: select[0].column[0].path: ")
