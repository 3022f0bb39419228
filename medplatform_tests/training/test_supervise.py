"""The supervisor leaves no process behind, however the run ends, and never hides how it ended."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform.training import supervise

SUPERVISE = [sys.executable, "-I", "-S", supervise.__file__]

STUBBORN_TRAINER = """
    import os, pathlib, signal, subprocess, sys, time
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    worker = subprocess.Popen(["sleep", "300"], start_new_session=True)
    pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {worker.pid}")
    time.sleep(300)
"""


def start(
    tmp_path: Path, trainer: str, *, grace: float = 0.3
) -> tuple[subprocess.Popen[bytes], Path]:
    """Start a trainer under the supervisor; it writes its process ids to the returned file."""
    script, pids = tmp_path / "trainer.py", tmp_path / "pids"
    script.write_text(textwrap.dedent(trainer))
    command = [*SUPERVISE, "--grace", str(grace), "--", sys.executable, "-S", script, pids]
    return subprocess.Popen(command), pids


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"timed out: {what}"
        time.sleep(0.02)


def read_pids(path: Path) -> list[int]:
    wait_until(lambda: path.exists() and path.read_text() != "", "the trainer started")
    return [int(word) for word in path.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_a_tree_that_ignores_it(
    tmp_path: Path, signal_number: signal.Signals
) -> None:
    supervisor, pids = start(tmp_path, STUBBORN_TRAINER)
    trainer, worker = read_pids(pids)
    supervisor.send_signal(signal_number)
    assert supervisor.wait(20) == 128 + signal.SIGKILL
    assert not is_alive(trainer) and not is_alive(worker)


def test_an_interrupted_run_never_exits_0(tmp_path: Path) -> None:
    polite = """
        import os, pathlib, signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
        time.sleep(300)
    """
    supervisor, pids = start(tmp_path, polite, grace=10)
    read_pids(pids)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(20) == 128 + signal.SIGINT


def test_a_second_signal_ends_the_grace_period(tmp_path: Path) -> None:
    supervisor, pids = start(tmp_path, STUBBORN_TRAINER, grace=100)
    trainer, worker = read_pids(pids)
    supervisor.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert is_alive(trainer)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(20) == 128 + signal.SIGKILL
    assert not is_alive(trainer) and not is_alive(worker)


def test_killing_the_parent_of_the_supervisor_ends_the_tree(tmp_path: Path) -> None:
    script, pids = tmp_path / "trainer.py", tmp_path / "pids"
    script.write_text(textwrap.dedent(STUBBORN_TRAINER))
    command = [*SUPERVISE, "--grace", "0.3", "--", sys.executable, "-S", str(script), str(pids)]
    parent = subprocess.Popen(
        [sys.executable, "-S", "-c", f"import subprocess; subprocess.run({command!r})"]
    )
    trainer, worker = read_pids(pids)
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_alive(trainer) and not is_alive(worker), "the tree ended")


def test_killing_the_supervisor_ends_the_trainer(tmp_path: Path) -> None:
    lonely = """
        import os, pathlib, sys, time
        pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
        time.sleep(300)
    """
    supervisor, pids = start(tmp_path, lonely)
    (trainer,) = read_pids(pids)
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: not is_alive(trainer), "the trainer ended")


def test_a_crash_leaves_no_worker(tmp_path: Path) -> None:
    supervisor, pids = start(tmp_path, STUBBORN_TRAINER)
    trainer, worker = read_pids(pids)
    os.kill(trainer, signal.SIGKILL)
    assert supervisor.wait(20) == 128 + signal.SIGKILL
    assert not is_alive(worker)


def test_workers_left_by_a_run_that_ended_are_killed_too(tmp_path: Path) -> None:
    careless = """
        import pathlib, subprocess, sys
        worker = subprocess.Popen(["sleep", "300"], start_new_session=True)
        pathlib.Path(sys.argv[1]).write_text(str(worker.pid))
        sys.exit(7)
    """
    supervisor, pids = start(tmp_path, careless)
    assert supervisor.wait(20) == 7
    (worker,) = read_pids(pids)
    assert not is_alive(worker)


@pytest.mark.parametrize(("body", "code"), [("pass", 0), ("raise SystemExit(3)", 3)])
def test_the_exit_code_is_that_of_the_command(tmp_path: Path, body: str, code: int) -> None:
    supervisor, _ = start(tmp_path, body)
    assert supervisor.wait(20) == code


def test_signals_reach_the_command_unblocked(tmp_path: Path) -> None:
    mask = """
        import pathlib, signal, sys
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        pathlib.Path(sys.argv[1]).write_text(str(len(blocked)))
    """
    supervisor, pids = start(tmp_path, mask)
    assert supervisor.wait(20) == 0
    assert read_pids(pids) == [0]


def test_a_command_that_cannot_be_run_is_named() -> None:
    ended = subprocess.run(
        [*SUPERVISE, "--", "/nonexistent/trainer"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 127
    assert "/nonexistent/trainer cannot be run" in ended.stderr
