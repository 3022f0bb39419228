"""What `medplatform ingest` says, and what it does not say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medplatform.lake import Lake
from medplatform.modalities.ehr import reader
from medplatform.modalities.modality import Misconfigured
from medplatform.settings import get_settings
from medplatform_tests.cli.conftest import Terminal
from medplatform_tests.modalities.genomics.conftest import crosswalk, vcf

_PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "extension": [{"url": "urn:x", "valueTiming": {"repeat": {"period": 1, "periodUnit": "d"}}}],
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
    command = (sys.executable, "-m", "medplatform", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "published" in done.stdout


@pytest.mark.parametrize("workers", [1, 2])
def test_a_policy_that_fails_only_at_a_record_is_said_to_be_the_policys_fault(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(reader, "_WORTH_WORKERS", 0)
    monkeypatch.setenv("MEDPLATFORM_EHR_WORKERS", str(workers))
    policy = tmp_path / "policy.yaml"
    policy.write_text("name: ours\nrules: [{select: Patient..period, action: shift_date}]")
    monkeypatch.setenv("MEDPLATFORM_EHR_POLICY", str(policy))
    get_settings.cache_clear()
    assert terminal.run("key", "create").exit_code == 0
    read = terminal.run("ingest", "ehr", _deliverable(tmp_path), "--one-subject-per-record")
    assert isinstance(read.exception, Misconfigured)
    assert "Patient..period says 'shift_date'" in str(read.exception)


def test_remarks_are_said_with_the_command_that_shows_them(
    terminal: Terminal, tmp_path: Path
) -> None:
    assert terminal.run("key", "create").exit_code == 0
    calls = tmp_path / "calls.vcf"
    columns = "#CHROM POS ID REF ALT QUAL FILTER INFO".replace(" ", "\t")
    record = "chr1 100 . A G . . LABNOTE=x".replace(" ", "\t")
    calls.write_text(f"##fileformat=VCFv4.2\n##reference=GRCh38\n{columns}\n{record}\n")
    read = terminal.run("ingest", "genomics", calls, "-d", "2026-calls")
    assert read.exit_code == 0
    assert (
        "2026-calls was read with remarks: info.text_not_kept (1), info.undeclared (1)."
        in read.output
    )
    assert "See: medplatform quarantine genomics -d 2026-calls" in read.output


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder of ten records on chr1, and the list of a region that has two of them."""
    folder = tmp_path / "calls"
    folder.mkdir()
    records = [f"chr1 {place}00 . A G . PASS . GT 0/1 0/1" for place in range(1, 11)]
    (folder / "calls.vcf").write_bytes(vcf(*records))
    (folder / "crosswalk.csv").write_bytes(crosswalk("S1", "S2"))
    (folder / "panel.bed").write_text("chr1\t199\t300\n")
    return folder


def accepted(terminal: Terminal) -> int:
    return Lake(terminal.settings.lake).rows("genomics_variant")


@pytest.mark.parametrize(
    ("regions", "read"),
    [
        (["panel.bed"], 2),
        (["chr1:200-300"], 2),
        (["chr1:200", "chr1:0,900-1,000"], 3),
    ],
)
def test_a_region_is_given_by_its_positions_or_by_a_file_of_the_delivery(
    terminal: Terminal, calls: Path, regions: list[str], read: int
) -> None:
    assert terminal.run("key", "create").exit_code == 0
    if regions != ["panel.bed"]:
        (calls / "panel.bed").unlink()
    options = [part for region in regions for part in ("--region", region)]
    assert terminal.run("ingest", "genomics", calls, *options).exit_code == 0
    assert accepted(terminal) == read


@pytest.mark.parametrize(
    ("path", "regions", "reason"),
    [
        ("", ["other.bed"], "The delivery has no file"),
        ("calls.vcf", ["panel.bed"], "The delivery has no file"),
        ("", ["panel.bed", "chr1:1-5"], "named alone"),
        ("", ["chr1:1000-2,00"], "chr:start-end"),
    ],
)
def test_regions_that_cannot_be_meant_are_refused_before_anything_is_copied(
    terminal: Terminal, calls: Path, path: str, regions: list[str], reason: str
) -> None:
    assert terminal.run("key", "create").exit_code == 0
    options = [part for region in regions for part in ("--region", region)]
    done = terminal.run("ingest", "genomics", calls / path, *options)
    assert done.exit_code == 1
    assert reason in str(done.exception)
    assert not (terminal.settings.landing / "genomics").exists()
