"""Handing data in at the command line: what is said, and what comes of it."""

import errno
import gzip
import json
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medplatform.cli import _fault_of_disk
from medplatform.lake import Lake, Refusal, SourceEntry
from medplatform.modalities import MODALITIES
from medplatform.privacy import Identity, KeyRing, create_key
from medplatform.synthetic.demo import IDENTIFIER_SYSTEM, MASTER_KEY
from medplatform.warehouse import BuildResult, WarehouseError
from medplatform_tests.cli.conftest import Terminal
from medplatform_tests.modalities.genomics.conftest import crosswalk, vcf
from medplatform_tests.warehouse.records import publish


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
        [sys.executable, "-m", "medplatform", *arguments],
        env={**os.environ, "MEDPLATFORM_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_is_instant() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "medplatform", "--help"], capture_output=True, check=True
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


def test_a_data_folder_that_cannot_be_used_is_one_line(tmp_path: Path, export: Path) -> None:
    data = tmp_path / "data"
    data.write_text("no folder")
    done = run_main("key", "create", data=data)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"medplatform: The data folder {data} cannot be used: ")
    assert "MEDPLATFORM_DATA" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("number", "path", "is_told"),
    [
        (errno.EACCES, "data/landing/ehr/Jane_Doe", True),
        (errno.ENOSPC, None, True),
        (errno.ENOENT, "data/landing", False),
        (errno.EACCES, "elsewhere", False),
    ],
)
def test_a_fault_of_the_disk_is_told_without_the_names_of_files(
    terminal: Terminal, number: int, path: str | None, is_told: bool
) -> None:
    root = terminal.settings.data.parent
    told = _fault_of_disk(OSError(number, "fault", path and str(root / path)))
    assert bool(told) == is_told
    assert "Jane" not in (told or "")


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
    assert done.exit_code == 3
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
        (["ehr", "some/path", "--labels", "x.csv"], "--labels belongs to modality imaging"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    terminal: Terminal, arguments: list[str], reason: str
) -> None:
    done = terminal.run("ingest", *arguments)
    assert done.exit_code == 2
    assert reason in done.output


def test_the_modalities_are_in_the_help(terminal: Terminal) -> None:
    assert f"{{{'|'.join(MODALITIES)}}}" in terminal.run("ingest", "--help").output


def test_an_empty_installation_says_where_to_begin(terminal: Terminal) -> None:
    assert "medplatform ingest" in terminal.run("status").output
    assert "Nothing is in quarantine." in terminal.run("quarantine").output
    assert terminal.run("status").exit_code == 0


def test_nothing_waiting_is_said(ready: Terminal) -> None:
    done = ready.run("ingest", "ehr")
    assert done.exit_code == 0
    assert "No closed delivery is waiting." in done.output


def test_the_reasons_follow_the_table_with_the_next_command(ready: Terminal, export: Path) -> None:
    done = ready.run("ingest", "ehr", export, "-d", "monday")
    assert "no FHIR resource. Take it out of the" in done.output
    assert "See: medplatform quarantine ehr -d monday" in done.output


def test_a_delivery_of_which_nothing_was_accepted_says_so(ready: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "readme.txt").write_text("kept")
    done = ready.run("ingest", "imaging", folder)
    assert done.exit_code == 3
    assert "nothing accepted" in done.output
    assert "published" not in done.output
    assert "kept in landing, and in no table: sidecar (1)." in done.output


def test_a_check_that_failed_is_named_by_the_command_that_read_the_delivery(
    ready: Terminal, tmp_path: Path
) -> None:
    stay = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "IMP"},
        "subject": {"reference": "Patient/1"},
        "period": {"start": "2021-03-01T10:00:00Z", "end": "2021-03-01T09:00:00Z"},
    }
    path = tmp_path / "export.ndjson"
    path.write_text(f"{patient('1', 'female')}\n{json.dumps(stay)}\n")
    first, second = (ready.run("ingest", "ehr", path, "-d", "monday") for _ in range(2))
    assert first.exit_code == second.exit_code == 0
    assert cells(first.output, "ehr_encounter")[1] == "dates_are_in_order"
    assert "Checks that failed" not in second.output


def test_a_delivery_that_was_read_before_is_told_how_to_read_it_anew(
    ready: Terminal, export: Path
) -> None:
    command = "medplatform ingest ehr --delivery monday --again"
    first, second = (ready.run("ingest", "ehr", export, "-d", "monday") for _ in range(2))
    assert command not in first.output
    assert command in second.output


def test_what_was_all_accepted_is_success_and_names_no_reason(
    ready: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "Patient.ndjson"
    path.write_text(patient("1", "female") + "\n\n")
    done = ready.run("ingest", "ehr", path)
    assert done.exit_code == 0
    assert "quarantine " not in done.output


def test_a_file_that_breaks_off_was_delivered_in_unknown_number(
    ready: Terminal, tmp_path: Path
) -> None:
    lines = "".join(f"{patient(str(number), 'female')}\n" for number in range(200))
    path = tmp_path / "Patient.ndjson.gz"
    path.write_bytes(gzip.compress(lines.encode())[:-40])
    done = ready.run("ingest", "ehr", path, "-d", "broken")
    assert done.exit_code == 3
    assert "published, incomplete" in done.output
    assert "≥ " in done.output
    assert "read only up to a break" in done.output
    assert "≥ " in ready.run("status").output


def test_deliveries_read_before_do_not_count_unless_they_are_named(
    ready: Terminal, export: Path
) -> None:
    ready.run("ingest", "ehr", export, "-d", "monday")
    again = ready.run("ingest", "ehr")
    assert again.exit_code == 0
    assert "No closed delivery is waiting." in again.output
    assert ready.run("ingest", "ehr", "-d", "monday").exit_code == 3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--labels", "no.csv"], "no label table no.csv"),
        (["--labels", "labels.csv"], "(file)"),
        (
            ["--labels", "labels.csv", "--label-patient-column", "person"],
            "(file, person)",
        ),
        (["--label-patient-column", "who"], "give labels"),
    ],
)
def test_a_label_table_that_cannot_be_used_is_refused_before_anything_is_copied(
    ready: Terminal, tmp_path: Path, options: list[str], reason: str
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "labels.csv").write_text("image,who\nx.png,Jane\n")
    done = ready.run("ingest", "imaging", folder, *options)
    assert done.exit_code == 1
    assert reason in str(done.exception)
    assert "Jane" not in str(done.exception)
    assert not (ready.settings.landing / "imaging").exists()


def test_a_label_table_that_can_be_used_is_taken(ready: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "labels.csv").write_text("image,who\nx.png,1\n")
    columns = ["--label-file-column", "image", "--label-patient-column", "who"]
    ready.run("ingest", "imaging", folder, "-d", "x", "--labels", "labels.csv", *columns)
    assert (ready.settings.landing / "imaging" / "x" / "_DONE").exists()


def test_data_of_ones_own_are_not_mixed_with_the_demo(ready: Terminal, export: Path) -> None:
    settings = ready.settings
    key = KeyRing.load(settings.master_key)
    Identity(key, settings.vault, default_system=IDENTIFIER_SYSTEM).subject(None, "demo")
    done = ready.run("ingest", "ehr", export, "-d", "mine")
    assert done.exit_code == 1
    assert "MEDPLATFORM_DATA" in str(done.exception)
    assert not (settings.landing / "ehr").exists()
    put_into_landing(settings.landing / "ehr" / "mine")
    waiting = ready.run("ingest", "ehr")
    assert waiting.exit_code == 1
    assert "made-up" in waiting.output
    put_into_landing(settings.landing / "ehr" / "synthetic-cohort")
    assert "made-up" not in ready.run("ingest", "ehr", "-d", "synthetic-cohort").output


def test_data_of_ones_own_are_not_protected_by_the_key_of_the_demo(
    terminal: Terminal, export: Path
) -> None:
    settings = terminal.settings
    create_key(settings.master_key, settings.vault, MASTER_KEY)
    done = terminal.run("ingest", "ehr", export, "-d", "mine")
    assert done.exit_code == 1
    assert "everybody knows its key" in str(done.exception)
    assert not (settings.landing / "ehr").exists()


def put_into_landing(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "Patient.ndjson").write_text(patient("1", "female") + "\n")
    (folder / "_DONE").touch()


def test_causes_are_counted_once_and_remarks_stand_apart(ready: Terminal) -> None:
    lake = Lake(ready.settings.lake)
    with lake.stage("ehr", "monday", "00000000") as stage:
        stage.count("s", "resource", delivered=3, accepted=1, quarantined=2)
        for number, severity in ((7, "error"), (5, "error"), (9, "warning"), (7, "warning")):
            stage.refuse(
                Refusal(
                    source_id="s",
                    file="Patient.ndjson",
                    record_number=number,
                    byte_offset=number * 100,
                    unit="resource",
                    element="Patient.gender",
                    code=f"an.{severity}",
                    reason="Mend it.",
                    severity=severity,
                )
            )
        lake.publish(
            stage,
            modality="ehr",
            delivery="monday",
            status="published",
            content_digest="d",
            sources=[SourceEntry(source_id="s", sha256="s", bytes=1, label="Patient.ndjson")],
            started_at=datetime.now(UTC),
        )
    refused, remarks = ready.run("quarantine", "-d", "monday").output.split("Read, with a remark")
    assert "Refused: 2 records" in refused
    assert cells(refused, "an.error") == ["an.error", "Patient.gender", "2", "5", "500", "Mend it."]
    assert "ehr/monday" in refused
    assert remarks.startswith(": 1 records")
    assert cells(remarks, "an.warning")[2:5] == ["1", "9", "900"]


def cells(table: str, code: str) -> list[str]:
    """The cells of the one row of a code, from the code on."""
    (line,) = [line for line in table.splitlines() if code in line]
    found = [cell.strip() for cell in line.strip("│").split("│")]
    return found[found.index(code) :]


def test_a_delivery_that_was_never_read_has_no_quarantine(ready: Terminal, export: Path) -> None:
    ready.run("ingest", "ehr", export, "-d", "monday")
    done = ready.run("quarantine", "-d", "nope")
    assert done.exit_code == 1
    assert "No delivery 'nope' was read" in done.output


def test_an_empty_lake_gives_no_mart(ready: Terminal) -> None:
    done = ready.run("build")
    assert done.exit_code == 1
    assert "Ingest first" in done.output


@pytest.fixture
def unusable(ready: Terminal) -> list[Path]:
    """One file of each kind of reference that cannot be used, and a lake of one patient."""
    rows = {"ehr_patient": [{"patient_id": "ann", "birth_year": 1960}]}
    publish(ready.settings.lake, "monday", rows)
    contents = {
        "pgs/score.txt": "no score\n",
        "clinvar/clinvar.vcf.gz": "no VCF\n",
        "panels/onco.csv": "gene,moi\nCFTR,AR\nCFTR,AD\nBRCA2,Mendelian\n",
    }
    for name, text in contents.items():
        path = ready.settings.reference / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return [ready.settings.reference / name for name in contents]


def test_reference_files_that_cannot_be_used_are_told_when_all_else_was_built(
    ready: Terminal, unusable: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medplatform.warehouse.build", lambda *_, **__: BuildResult(nodes=()))
    monkeypatch.setattr("medplatform.cli.cohort_flow.cohort_flow", lambda _: [])
    monkeypatch.setattr("medplatform.cli.linkage.find_linkage", lambda _: [])
    done = ready.run("build")
    assert done.exit_code == 1
    marts, _, told = done.output.partition("All else was built.")
    assert all(name in marts for name in ("polygenic_score", "imaging_series", "carrier_status"))
    assert all(f"{path}" in told for path in unusable)
    assert "onco.csv, line 3, CFTR: listed twice (AR and AD)" in told
    assert "onco.csv, line 4, BRCA2: inheritance 'Mendelian'" in told
    for path in unusable:
        path.unlink()
    assert ready.run("build").exit_code == 0


def test_reference_files_that_cannot_be_used_are_told_where_a_model_fails_too(
    ready: Terminal, unusable: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise WarehouseError("dbt found problems.")

    monkeypatch.setattr("medplatform.warehouse.build", fail)
    done = ready.run("build")
    assert isinstance(done.exception, WarehouseError)
    assert str(done.exception).startswith("dbt found problems.\n")
    assert all(f"{path}" in str(done.exception) for path in unusable)


def test_genotypes_that_are_implausible_are_told(
    ready: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one of two samples a third of the genotypes is missing."""
    calls = tmp_path / "calls"
    calls.mkdir()
    records = [
        f"chr1 {10 * n} . A G . PASS . GT 0/1 {'./.' if n == 1 else '0/1'}" for n in (1, 2, 3)
    ]
    (calls / "two.vcf").write_bytes(vcf(*records))
    (calls / "crosswalk.csv").write_bytes(crosswalk("S1", "S2"))
    assert ready.run("ingest", "genomics", calls).exit_code == 0
    monkeypatch.setattr("medplatform.warehouse.build", lambda *_, **__: BuildResult(nodes=()))
    monkeypatch.setattr("medplatform.cli.cohort_flow.cohort_flow", lambda _: [])
    monkeypatch.setattr("medplatform.cli.linkage.find_linkage", lambda _: [])
    done = ready.run("build")
    assert done.exit_code == 0
    told = " ".join(done.output.partition("Genotypes that are implausible")[2].split())
    assert "samples_have_call_rate_of_0_95" in told
    assert "1, of 2 judged; at most 0." in told
    assert "sex_on_x_is_the_declared_sex" not in told
