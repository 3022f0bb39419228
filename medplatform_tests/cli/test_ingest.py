"""What `medplatform ingest` says, and what it does not say."""

import json
import subprocess
import sys
from pathlib import Path

from medplatform_tests.cli.conftest import Terminal

_PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
}


def _deliverable(folder: Path) -> Path:
    path = folder / "patients.ndjson"
    path.write_text(json.dumps(_PATIENT) + "\n")
    return path


def test_an_ingest_without_trouble_writes_nothing_to_stderr(
    terminal: Terminal, tmp_path: Path
) -> None:
    """Not even while Python ends, which only a process of its own shows."""
    assert terminal.run("key", "create").exit_code == 0
    arguments = "ingest", "ehr", str(_deliverable(tmp_path)), "--one-subject-per-record"
    command = (sys.executable, "-m", "medplatform.cli", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "published" in done.stdout
