"""docs/pacs.md names every option and setting, and its example works as it stands."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from medplatform.cli.dimse import pull, receive
from medplatform.cli.ingest import ingest
from medplatform.cli.pacs import QueryOptions
from medplatform.settings import Settings
from medplatform_tests.pacs.images import make_series
from medplatform_tests.pacs.server import DicomWebServer

DOCUMENT = Path(__file__).parents[2] / "docs" / "pacs.md"
TEXT = DOCUMENT.read_text()
RETRIEVAL = {field.name for field in fields(QueryOptions)} | {"dicomweb", "user", "secret"}


def test_the_example_in_python_runs(
    server: DicomWebServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    server.hold(make_series(tmp_path / "in", 3))
    monkeypatch.chdir(tmp_path)
    exec(example.replace("https://pacs.example.org/dicom-web", server.url), {})
    assert capsys.readouterr().out.endswith(" 3 {}\n")


def test_every_option_of_a_retrieval_is_described() -> None:
    options = {option for one in ingest.params for option in one.opts if one.name in RETRIEVAL}
    assert len(options) > 8
    assert {option for option in options if f"`{option}" not in TEXT} == set()


@pytest.mark.parametrize("command", [pull, receive])
def test_the_options_of_a_command_are_mentioned(command: object) -> None:
    names = {option for one in command.params for option in one.opts if option[:2] == "--"}  # pyright: ignore
    assert {name for name in names if not re.search(rf"{name}\b", TEXT)} == set()


def test_every_setting_is_described() -> None:
    names = {f"MEDPLATFORM_{name.upper()}" for name in Settings.model_fields if "dicomweb" in name}
    assert len(names) == 9
    assert {name for name in names if name not in TEXT} == set()
