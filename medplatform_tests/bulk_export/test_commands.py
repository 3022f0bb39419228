"""`medplatform ingest ehr --from-server`, and the keys that it needs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from medplatform.bulk_export import TransferLocked, public_keys
from medplatform.cli import cli
from medplatform.lake import Lake
from medplatform.modalities import TABLES
from medplatform.privacy import KeyRing
from medplatform.settings import Settings, get_settings
from medplatform_tests.bulk_export.server import BulkServer, outcome
from medplatform_tests.bulk_export.site import ndjson
from medplatform_tests.cli.test_data import patient


class Shell:
    """The command line of an installation, with settings that can be changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def set(self, **values: str) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(f"MEDPLATFORM_{name.upper()}", value)
        get_settings.cache_clear()

    @property
    def settings(self) -> Settings:
        return get_settings()

    def run(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    def ingest(self, *arguments: str | Path) -> Result:
        return self.run("ingest", "ehr", "--from-server", *arguments)

    def patients(self) -> int:
        return Lake(self.settings.lake).rows(TABLES["ehr_patient"].name)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    shell = Shell(monkeypatch)
    shell.set(data=str(tmp_path / "data"))
    KeyRing.create(shell.settings.master_key)
    yield shell
    get_settings.cache_clear()


@pytest.fixture
def patients(server: BulkServer) -> None:
    """An export of two patients."""
    lines = "".join(f"{patient(number, 'female')}\n" for number in ("1", "2"))
    server.publish({"output": [server.add("Patient-1", lines.encode())]})


@pytest.mark.usefixtures("patients")
def test_an_export_is_fetched_and_read(server: BulkServer, shell: Shell) -> None:
    done = shell.ingest(server.base_url, "--type", "Patient", "--delivery", "monday")
    assert done.exit_code == 0, done.output
    assert "Patient │         2" in done.output
    assert "published" in done.output
    assert shell.patients() == 2
    assert server.kick_offs[0].query["_type"] == "Patient"
    assert (shell.settings.landing / "ehr" / "monday" / "_DONE").exists()


@pytest.mark.usefixtures("patients")
def test_since_last_asks_for_what_changed(server: BulkServer, shell: Shell) -> None:
    first = shell.ingest(server.base_url, "--since", "last")
    assert "Asking for everything." in first.output
    server.publish({"output": []})
    second = shell.ingest(server.base_url, "--since", "last", "--delivery", "second")
    assert second.exit_code == 0
    assert "Nothing new up to" in second.output
    assert server.kick_offs[1].query["_since"] == "2026-03-01T12:00:00.123Z"
    assert shell.patients() == 2


@pytest.mark.usefixtures("patients")
def test_the_server_of_the_settings_is_asked_as_they_say(server: BulkServer, shell: Shell) -> None:
    made = shell.run("key", "create-client")
    server.is_secure = True
    server.register("platform", json.loads(made.stdout))
    server.publish(*server.pages)
    shell.set(
        bulk_server_url=server.base_url,
        bulk_group_id="heart",
        bulk_client_id="platform",
        bulk_scope="system/Patient.read",
    )
    done = shell.ingest()
    assert done.exit_code == 0, done.output
    assert server.kick_offs[0].path.endswith("/Group/heart/$export")
    assert server.kick_offs[0].token
    (asked,) = [seen.form for seen in server.seen if seen.path == "/auth/token"]
    assert asked["scope"] == "system/Patient.read"


@pytest.mark.usefixtures("patients")
def test_another_server_is_not_given_what_belongs_to_that_of_the_settings(
    server: BulkServer, shell: Shell
) -> None:
    shell.set(
        bulk_server_url="https://fhir.example.org/r4",
        bulk_group_id="heart",
        bulk_client_id="platform",
    )
    assert shell.ingest(server.base_url).exit_code == 0
    assert server.kick_offs[0].path == "/fhir/$export"
    assert server.kick_offs[0].token is None


def observation(number: str, patient_id: str) -> str:
    return json.dumps(
        {
            "resourceType": "Observation",
            "id": number,
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "39156-5"}]},
            "subject": {"reference": f"Patient/{patient_id}"},
        }
    )


@pytest.mark.usefixtures("patients")
def test_patients_of_two_servers_are_two_people_whatever_their_ids(
    server: BulkServer, other: BulkServer, shell: Shell
) -> None:
    stranger = json.loads(patient("1", "male"))
    stranger["identifier"][0]["value"] = "another"
    lines = f"{json.dumps(stranger)}\n{observation('o', '1')}\n".encode()
    other.publish({"output": [other.add("Patient-1", lines)]})
    assert shell.ingest(server.base_url).exit_code == 0
    assert shell.ingest(other.base_url).exit_code == 0
    assert shell.patients() == 3


@pytest.mark.usefixtures("patients")
def test_a_later_export_refers_to_patients_of_an_earlier_one(
    server: BulkServer, shell: Shell
) -> None:
    assert shell.ingest(server.base_url, "--source", "cardiology").exit_code == 0
    entry = server.add("Observation-1", f"{observation('o', '1')}\n".encode())
    server.publish({"output": [entry]})
    done = shell.ingest(server.base_url, "--since", "last")
    assert done.exit_code == 0, done.output
    assert Lake(shell.settings.lake).rows("ehr_observation") == 1


def test_what_the_server_says_of_the_export_is_shown(server: BulkServer, shell: Shell) -> None:
    lines = f"{patient('1', 'female')}\n".encode()
    error = server.add("OperationOutcome-1", json.dumps(outcome("processing")).encode())
    wrong = server.add("Patient-1", lines, count=7)
    server.publish({"output": [wrong], "error": [error]})
    refused = shell.ingest(server.base_url)
    assert "--accept-wrong-counts" in str(refused.exception)
    done = shell.ingest(server.base_url, "--accept-wrong-counts")
    assert done.exit_code == 0
    assert "error/processing (1)" in done.output
    assert "Accepted as it is: Patient" in done.output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--group", "1"], "belong to --from-server"),
        (["--since", "last"], "belong to --from-server"),
        (["--from-server"], "MEDPLATFORM_BULK_SERVER_URL"),
        (["--from-server", "http://x", "--group", "1", "--patient-level"], "exclude each other"),
        (["--from-server", "http://x", "--key", "k"], "belongs to --client-id"),
        (["some/path", "--from-server", "http://x"], "neither with PATH"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    shell: Shell, arguments: list[str], reason: str
) -> None:
    done = shell.run("ingest", "ehr", *arguments)
    assert done.exit_code == 2
    assert reason in done.output


def test_only_health_records_come_from_a_server(shell: Shell) -> None:
    done = shell.run("ingest", "imaging", "--from-server", "http://x")
    assert done.exit_code == 2


def test_an_export_that_another_process_fetches_is_left_alone(
    server: BulkServer, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise TransferLocked("Another process fetches it.")

    monkeypatch.setattr("medplatform.bulk_export.fetch_export", locked)
    done = shell.ingest(server.base_url)
    assert isinstance(done.exception, TransferLocked)


def test_the_public_key_is_printed_and_can_be_printed_again(shell: Shell) -> None:
    made = shell.run("key", "create-client", "--algorithm", "RS384")
    path = shell.settings.client_key
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(made.stdout) == public_keys(path)
    assert '"d"' not in made.stdout
    assert json.loads(shell.run("key", "show-client").stdout) == public_keys(path)
    assert shell.run("key", "create-client").exit_code == 1


def test_an_export_of_which_nothing_can_be_used_is_no_success(
    server: BulkServer, shell: Shell
) -> None:
    server.publish({"output": [server.add("Patient-1", ndjson("Patient", 3))]})
    done = shell.ingest(server.base_url)
    assert done.exit_code == 3
    assert "nothing accepted" in done.output
