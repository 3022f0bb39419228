"""A private folder is one process's own, and does not outlive it for long."""

import signal
import subprocess
import sys
from pathlib import Path

from medplatform.transfer.private import scratch_folder

_KILLED = """
import os, signal, sys
from pathlib import Path
from medplatform.transfer.private import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "record").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_is_private_and_removed_at_the_end(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "root") as folder:
        (folder / "record").touch()
        assert folder.parent == tmp_path / "root"
        assert {each.stat().st_mode & 0o777 for each in (folder, folder.parent)} == {0o700}
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _KILLED, str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("*/record"))) == 1
    with scratch_folder(tmp_path):
        assert list(tmp_path.glob("*/record")) == []


def test_the_folder_of_a_process_that_runs_stays(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as first:
        (first / "record").touch()
        with scratch_folder(tmp_path) as second:
            assert first != second
            assert (first / "record").exists()
