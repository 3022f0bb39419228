"""Processes that are killed in the middle of their work."""

import os
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

_CHANGES = frozenset({"open", "os.mkdir", "os.remove", "os.rename", "shutil.rmtree"})


def start_doomed(work: Callable[[int], None], changes: int | None = None) -> tuple[int, BinaryIO]:
    """Run `work` in a process that is killed instead of its next change to files after so many.

    Gives its number, and what it writes to the descriptor that `work` is given.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child:
        os.close(theirs)
        return child, os.fdopen(ours, "rb")
    left = iter(range(changes or 0))

    def kill(event: str, _arguments: object) -> None:
        if event in _CHANGES and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    if changes is not None:
        sys.addaudithook(kill)
    try:
        work(theirs)
    finally:
        os._exit(0)


def run_doomed(work: Callable[[int], None], changes: int) -> tuple[int, bool]:
    """Run it to its end: how many bytes it wrote, and whether it was killed."""
    child, stream = start_doomed(work, changes)
    with stream:
        written = len(stream.read())
    _, status = os.waitpid(child, 0)
    return written, os.WIFSIGNALED(status)
