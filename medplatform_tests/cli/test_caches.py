"""`medplatform caches` shows what is kept for training, and removes what is old."""

import os
import time

from medplatform_tests.cli.conftest import Terminal
from medplatform_tests.training.images.phantom import KEY, cache_of


def test_there_may_be_none(terminal: Terminal) -> None:
    result = terminal.run("caches")
    assert result.exit_code == 0
    assert "No images are kept ready" in result.output


def test_caches_are_listed_and_the_old_ones_removed(terminal: Terminal) -> None:
    roots = [terminal.settings.datasets / name / "cache" for name in ("one", "two")]
    first, second = (cache_of(root, 5).folder for root in roots)
    week = time.time() - 7 * 86_400
    os.utime(second / "manifest.json", (week, week))

    listed = terminal.run("caches").output
    for text in ("one", "two", KEY.digest[:16], KEY.dataset[:16]):
        assert text in listed
    assert "removed" not in listed

    assert terminal.run("caches", "--remove", "8").output.count("removed") == 0
    assert terminal.run("caches", "--remove", "6").output.count("removed") == 1
    assert first.exists() and not second.exists()
    terminal.run("caches", "--remove", "0")
    assert not first.exists()
