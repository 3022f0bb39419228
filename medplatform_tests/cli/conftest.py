"""An installation that the environment describes, and the command line in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from medplatform.cli import cli
from medplatform.settings import Settings, get_settings


class Terminal:
    """Runs commands against one installation."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.runner = CliRunner()

    def run(self, *arguments: str | Path) -> Result:
        return self.runner.invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDPLATFORM_DATA", str(tmp_path / "data"))
    get_settings.cache_clear()
    yield Terminal(get_settings())
    get_settings.cache_clear()
