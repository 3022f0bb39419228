"""What long commands say where nobody watches a bar: in a log, in a pipe."""

import pytest

from medplatform.cli import terminal
from medplatform.cli.terminal import ProgressLines


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in a list of one."""
    now = [1000.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    return now


def test_what_is_short_says_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    report = ProgressLines()
    for done in range(10):
        clock[0] += 0.5
        report("records", done, 10)
    assert capsys.readouterr() == ("", "")


def test_what_is_long_says_every_ten_seconds_how_far_it_is(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    report = ProgressLines()
    for done in range(1, 26):
        clock[0] += 1
        report("records", done, 25)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["records: 40%", "records: 80%"]


def test_the_end_need_not_be_known(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    report = ProgressLines()
    clock[0] += 60
    report("files", 7, 0)
    assert capsys.readouterr().err == "files\n"
