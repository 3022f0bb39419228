"""What an installation lacks is said with an exit code; the demo refuses what cannot work."""

import os
import re
from pathlib import Path

import pytest

from medplatform.cli import demo
from medplatform.privacy import KeyRing
from medplatform_tests.cli.conftest import Terminal

LOG = """
2026-01-01 - dagster - DEBUG - refresh - 1 - STEP_WORKER_STARTING - Launching subprocess.
2026-01-01 - dagster - DEBUG - refresh - 1 - lake - STEP_SUCCESS - Finished execution of step \
"ingest_ehr" in 2m36s.
2026-01-01 - dagster - ERROR - refresh - 1 - model - STEP_FAILURE - Execution of step \
"models__ehr_risk_candidate" failed.
"""


def test_without_a_key_it_is_not_well(terminal: Terminal) -> None:
    done = terminal.run("doctor")
    assert done.exit_code == 1
    assert "medplatform key create" in done.output
    terminal.run("key", "create")
    done = terminal.run("doctor")
    assert done.exit_code == 0
    assert re.search(r"master key +│ usable", done.output)


def test_the_key_of_another_vault_is_not_usable(terminal: Terminal) -> None:
    terminal.run("key", "create")
    terminal.run("ingest", "ehr", "nowhere")
    terminal.settings.master_key.unlink()
    KeyRing.create(terminal.settings.master_key)
    done = terminal.run("doctor")
    assert done.exit_code == 1
    assert "Restore the right key" in done.output


@pytest.mark.parametrize(
    "arguments",
    [["--patients", "5"], ["--imaging-patients", "500", "--patients", "400"]],
)
def test_a_demo_that_is_too_small_is_a_usage_error(
    terminal: Terminal, arguments: list[str]
) -> None:
    done = terminal.run("demo", *arguments)
    assert done.exit_code == 2
    assert not terminal.settings.data.exists()


def test_each_step_of_a_run_is_told_when_it_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import subprocess

    log = tmp_path / "log"
    log.write_text(LOG)
    with subprocess.Popen(["true"], env=dict(os.environ)) as process:
        demo._watch(process, log, lambda _what, _done, _total: None)
    assert capsys.readouterr().out.splitlines() == [
        "  ingest_ehr: done in 2m36s",
        "  models/ehr_risk_candidate: failed",
    ]
