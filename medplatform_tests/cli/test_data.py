"""Handing data in at the command line: what is said, and what comes of it."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from medplatform.privacy import KeyRing
from medplatform_tests.cli.conftest import Terminal


@pytest.fixture
def ready(terminal: Terminal) -> Terminal:
    KeyRing.create(terminal.settings.master_key)
    return terminal


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """One good patient, and one record that is no FHIR resource."""
    folder = tmp_path / "Jane_Doe"
    folder.mkdir()
    lines = [patient("1", "female"), json.dumps({"no": "resource"})]
    (folder / "Patient.ndjson").write_text("".join(f"{line}\n" for line in lines))
    return folder


def patient(number: str, gender: str) -> str:
    code = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}
    identifier = {"type": {"coding": [code]}, "system": "urn:example:mrn", "value": number}
    return json.dumps(
        {"resourceType": "Patient", "id": number, "identifier": [identifier], "gender": gender}
    )


def run_main(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "medplatform.cli", *arguments],
        env={**os.environ, "MEDPLATFORM_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_is_instant() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "medplatform.cli", "--help"], capture_output=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert b"ingest" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def test_an_error_that_a_user_can_mend_is_one_line(tmp_path: Path, export: Path) -> None:
    done = run_main("ingest", "ehr", str(export), data=tmp_path / "data")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("medplatform: ")
    assert "medplatform key create" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_key_is_made_once(terminal: Terminal) -> None:
    assert terminal.run("key", "create").exit_code == 0
    assert terminal.settings.master_key.stat().st_mode & 0o777 == 0o600
    content = terminal.settings.master_key.read_bytes()
    assert terminal.run("key", "create").exit_code == 1
    assert terminal.settings.master_key.read_bytes() == content


def test_a_folder_is_read_and_what_was_refused_is_shown(
    ready: Terminal, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = ready.run("ingest", "ehr", export)
    assert done.exit_code == 0
    assert "published" in done.output
    assert "Jane" not in done.output
    shown = ready.run("quarantine", "ehr")
    assert shown.exit_code == 0
    assert "Patient.ndjson" in shown.output
    assert "Jane" not in shown.output
    monkeypatch.setattr("medplatform.cli.terminal.PIPED_WIDTH", 600)
    assert str(ready.settings.landing) in ready.run("quarantine", "--paths").output
    assert "Nothing is in quarantine." in ready.run("quarantine", "imaging").output
    assert "ehr/content-" in ready.run("status").output


def test_the_same_path_with_other_content_is_read(ready: Terminal, export: Path) -> None:
    ready.run("ingest", "ehr", export)
    assert "unchanged" in ready.run("ingest", "ehr", export).output
    with (export / "Patient.ndjson").open("a") as stream:
        stream.write(patient("2", "male") + "\n")
    assert "published" in ready.run("ingest", "ehr", export).output


def test_a_copy_is_named_and_stays_in_the_summary(ready: Terminal, export: Path) -> None:
    ready.run("ingest", "ehr", export, "--delivery", "first")
    done = ready.run("ingest", "ehr", export, "--delivery", "second")
    assert "second is a copy of first; nothing was read." in done.output
    assert done.exit_code == 0
    status = ready.run("status").output
    assert "ehr/second" in status
    assert "copy of first" in status


def test_a_delivery_that_cannot_be_opened_is_an_error_and_is_shown_waiting(
    ready: Terminal,
) -> None:
    folder = ready.settings.landing / "ehr" / "Jane Doe"
    folder.mkdir(parents=True)
    (folder / "_DONE").touch()
    done = ready.run("ingest", "ehr")
    assert done.exit_code == 1
    assert "unusable-" in done.output
    assert "unusable-" in ready.run("status").output
    assert "Jane" not in done.output + ready.run("status").output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["ehr", "--again"], "name it with --delivery"),
        (["ehr", "--genome-build", "GRCh38"], "give PATH"),
        (["xray"], "none of ehr, imaging, genomics"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    terminal: Terminal, arguments: list[str], reason: str
) -> None:
    done = terminal.run("ingest", *arguments)
    assert done.exit_code == 2
    assert reason in done.output


def test_the_modalities_are_in_the_help(terminal: Terminal) -> None:
    assert "{ehr|imaging|genomics}" in terminal.run("ingest", "--help").output


def test_an_empty_installation_says_where_to_begin(terminal: Terminal) -> None:
    assert "medplatform ingest" in terminal.run("status").output
    assert "Nothing is in quarantine." in terminal.run("quarantine").output
    assert terminal.run("status").exit_code == 0


def test_nothing_waiting_is_said(ready: Terminal) -> None:
    done = ready.run("ingest", "ehr")
    assert done.exit_code == 0
    assert "No closed delivery is waiting." in done.output
