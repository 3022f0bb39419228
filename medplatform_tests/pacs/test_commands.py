"""The commands that bring images of a PACS."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from medplatform.cli import cli
from medplatform.lake import Lake
from medplatform.privacy import KeyRing
from medplatform.settings import Settings, get_settings
from medplatform_tests.pacs.images import make_image, make_series
from medplatform_tests.pacs.receiver import send_to
from medplatform_tests.pacs.server import DicomWebServer, answer


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

    def fetch(self, *arguments: str | Path) -> Result:
        return self.run("ingest", "imaging", "--from-dicomweb", *arguments)

    def instances(self) -> int:
        return Lake(self.settings.lake).rows("imaging_instance")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    shell = Shell(monkeypatch)
    shell.set(data=str(tmp_path / "data"), patient_identifier_system="urn:hospital")
    KeyRing.create(shell.settings.master_key)
    yield shell
    get_settings.cache_clear()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("word\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fetched is not read: that is another test, and takes seconds."""
    monkeypatch.setattr("medplatform.cli.ingest._read", lambda *_: [])


@pytest.fixture
def paths(server: DicomWebServer, tmp_path: Path) -> list[Path]:
    paths = make_series(tmp_path / "in", 3)
    server.hold(paths)
    return paths


@pytest.mark.usefixtures("paths")
def test_images_are_fetched_and_read_and_only_new_ones_add_rows(
    server: DicomWebServer, shell: Shell, tmp_path: Path
) -> None:
    first = shell.fetch(server.url)
    assert first.exit_code == 0, first.output
    assert "published" in first.output
    assert shell.instances() == 3
    second = shell.fetch(server.url)
    assert second.exit_code == 0
    assert "Nothing new" in second.output
    make_image(tmp_path / "new.dcm", number=4)
    server.hold([tmp_path / "new.dcm"])
    assert shell.fetch(server.url).exit_code == 0
    assert shell.instances() == 4


@pytest.mark.usefixtures("paths")
def test_what_could_not_be_fetched_is_named_and_is_no_success(
    server: DicomWebServer, shell: Shell
) -> None:
    server.has_series = False
    server.fail(server.path_of(0), answer(404))
    done = shell.fetch(server.url)
    assert done.exit_code == 3
    assert "Not fetched: 1 × was answered with 404." in done.output
    assert shell.instances() == 2


@pytest.mark.usefixtures("paths", "unread")
def test_patients_come_from_a_file(server: DicomWebServer, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "patients.txt").write_text("P1\n\nP2\n")
    done = shell.fetch(
        server.url,
        "--patients",
        tmp_path / "patients.txt",
        "--since",
        "2026-01-01",
        "--modality",
        "CT",
    )
    assert done.exit_code == 0, done.output
    queries = [seen.query for seen in server.asked("/studies")]
    assert {query["PatientID"] for query in queries} == {"P1", "P2"}
    assert {query["StudyDate"] for query in queries} == {"20260101-"}
    assert {query["ModalitiesInStudy"] for query in queries} == {"CT"}


@pytest.mark.usefixtures("paths", "unread")
def test_the_server_of_the_settings_is_asked_as_they_say(
    server: DicomWebServer, shell: Shell, secret: Path
) -> None:
    server.authorization = "Basic cmVhZGVyOndvcmQ="
    shell.set(
        dicomweb_url=server.url,
        dicomweb_user="reader",
        dicomweb_secret_file=str(secret),
        dicomweb_modalities='["CT"]',
    )
    done = shell.fetch()
    assert done.exit_code == 0, done.output
    assert server.seen[0].query["ModalitiesInStudy"] == "CT"


@pytest.mark.usefixtures("paths", "unread")
def test_another_server_is_not_given_what_belongs_to_that_of_the_settings(
    server: DicomWebServer, shell: Shell, secret: Path
) -> None:
    shell.set(
        dicomweb_url="https://pacs.example.org/dicom-web",
        dicomweb_secret_file=str(secret),
        dicomweb_modalities='["MR"]',
    )
    assert shell.fetch(server.url).exit_code == 0
    assert "authorization" not in server.seen[0].headers
    assert "ModalitiesInStudy" not in server.seen[0].query
    shell.fetch(server.url, "--secret", secret)
    assert server.seen[-1].headers["authorization"] == "Bearer word"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["imaging", "--modality", "CT"], "belong to --from-dicomweb"),
        (["imaging", "--until", "2026-01-01"], "belong to --from-dicomweb"),
        (["imaging", "--since", "2026-01-01"], "belong to --from-server"),
        (["imaging", "--from-dicomweb"], "MEDPLATFORM_DICOMWEB_URL"),
        (["imaging", "some/path", "--from-dicomweb", "http://x"], "neither with PATH"),
        (["ehr", "--from-dicomweb", "http://x"], "modality imaging"),
        (["ehr", "--from-server", "http://x", "--from-dicomweb", "http://x"], "exclude"),
        (["imaging", "--from-dicomweb", "http://x", "--user", "me"], "--secret"),
        (["imaging", "--from-dicomweb", "http://x", "--patients", "empty.txt"], "everything"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    shell: Shell, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    done = shell.run("ingest", *arguments)
    assert done.exit_code == 2
    assert reason in done.output


def test_a_receiver_delivers_what_is_open_when_it_is_told_to_stop(
    shell: Shell, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "medplatform", "receive", "--port", "0", "--reserve-gib", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    port = re.search(r":(\d+)\.", process.stdout.readline())
    assert port
    assert send_to(int(port[1]), make_series(tmp_path / "in", 2)) == [0, 0]
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "SENDER at 127.0.0.1: 2 objects received." in output
    assert re.search(r"Delivered imaging/\d\S+Z-received: 2", output)
    (delivery,) = (shell.settings.landing / "imaging").iterdir()
    assert (delivery / "_DONE").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["pull", "--aet", "A", "--host", "h", "--cert-file", "in.pem"], "belong to --tls"),
        (["pull", "--aet", "A", "--host", "h", "--listen", "11112"], "HOST:PORT"),
        (["receive", "--key-file", "in.pem"], "belong to --tls"),
    ],
)
def test_options_of_peers_that_cannot_be_meant(
    shell: Shell, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    (tmp_path / "in.pem").touch()
    done = shell.run(*arguments)
    assert done.exit_code == 2
    assert reason in done.output
