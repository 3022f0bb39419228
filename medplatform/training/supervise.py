"""Run a command and own every process it starts: `python -m medplatform.training.supervise -- CMD`.

Orchestrators signal one process once; a trainer that ignores it, or its loader processes, live on
and keep the GPU. The supervisor adopts all descendants (PR_SET_CHILD_SUBREAPER), and when it is
signalled, when its parent dies or when the command ends, it sends SIGTERM to the whole tree, waits
for the grace period, then sends SIGKILL until no descendant is left. If the supervisor itself is
killed, the kernel kills the command (PR_SET_PDEATHSIG).

The exit code is the command's, 128 + n if signal n ended it. An interrupted run never exits 0.
Linux only. It uses the standard library alone and can be run as a file, without the package, so
that it starts in milliseconds.
"""

import argparse
import ctypes
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

STOP = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
PARENT_DIED = signal.SIGUSR1
WATCHED = {*STOP, PARENT_DIED, signal.SIGCHLD}
POLL_S = 0.5
KILL_POLL_S = 0.05
CANNOT_EXECUTE = 127


def supervise(command: Sequence[str], *, grace_s: float) -> int:
    """Run a command to its end and return the exit code to leave with.

    Must be called from the main thread of a process that has no other children.

    Parameters
    ----------
    grace_s
        Seconds between SIGTERM and SIGKILL. A second signal ends them at once.
    """
    parent = os.getppid()
    inherited = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, PARENT_DIED)
    child = _start(command, inherited)
    status: int | None = None
    stopped_by: int | None = None
    while status is None and stopped_by is None:
        status = _reap(child)
        if status is None:
            # The parent's death is also polled for: the signal is sent when the thread that
            # started the supervisor ends, and never if the parent died before prctl.
            stopped_by = signal.SIGTERM if os.getppid() != parent else _wait(POLL_S)
    status = _end_tree(child, status, grace_s)
    if stopped_by is None:
        return _exit_code(status)
    return _exit_code(status) or 128 + stopped_by


def descendants(root: int) -> set[int]:
    """Process ids below a process, without zombies, read from /proc."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name in parentheses may hold spaces and parentheses itself.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] not in "ZX":
                children[int(fields[1])].append(int(entry.name))
    found: set[int] = set()
    pending = [root]
    while pending:
        below = set(children[pending.pop()]) - found
        found |= below
        pending += below
    return found


def _start(command: Sequence[str], mask: set[signal.Signals] | set[int]) -> int:
    """Fork the command into a session of its own, with the signal mask from before."""
    supervisor = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(CANNOT_EXECUTE)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execvp(command[0], list(command))
    except OSError as error:
        os.write(2, f"{command[0]} cannot be run: {error.strerror}\n".encode())
    finally:
        os._exit(CANNOT_EXECUTE)


def _wait(timeout_s: float) -> int | None:
    """The stop signal that arrived within a time; None for none or one that decides nothing."""
    received = signal.sigtimedwait(WATCHED, timeout_s)
    return received.si_signo if received is not None and received.si_signo in STOP else None


def _reap(child: int) -> int | None:
    """Collect every ended descendant; the wait status of the command if it is among them."""
    status: int | None = None
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            status = ended


def _end_tree(child: int, status: int | None, grace_s: float) -> int:
    """SIGTERM, grace, SIGKILL to all descendants; returns when none is left."""
    own = os.getpid()
    signalled: set[int] = set()
    deadline = time.monotonic() + grace_s
    while True:
        ended = _reap(child)
        status = status if ended is None else ended
        alive = descendants(own)
        if not alive and status is not None:
            return status
        is_over = time.monotonic() >= deadline
        # Whoever was forked since the last round is signalled too.
        for pid in alive if is_over else alive - signalled:
            try:
                os.kill(pid, signal.SIGKILL if is_over else signal.SIGTERM)
            except ProcessLookupError:
                continue
        signalled |= alive
        if _wait(KILL_POLL_S) is not None:
            deadline = time.monotonic()


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _prctl(option: int, argument: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed: the supervisor needs Linux")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the supervisor."""
    parser = argparse.ArgumentParser(prog="medplatform.training.supervise", description=__doc__)
    parser.add_argument("--grace", type=float, default=10.0, help="seconds before SIGKILL")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- COMMAND [ARGUMENT …]")
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("name the command to run after --")
    return supervise(command, grace_s=options.grace)


if __name__ == "__main__":
    sys.exit(main())
