"""A reading process that is started again when a file has killed it."""

import json
import pickle
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from medplatform.modalities.imaging.deidentify.policy import PLATFORM_POLICY, Policy
from medplatform.modalities.imaging.records import (
    Cell,
    Failure,
    Header,
    Identified,
    Limits,
    SpoolFull,
)
from medplatform.modalities.imaging.transport import Receiver

_TIMERS = (-signal.SIGPROF, -signal.SIGALRM)


class ReadingProcessError(RuntimeError):
    """The reading process does not start: a fault of the installation, not of a file."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was read to the end; its cells come one by one, and only once."""

    header: Header
    cells: Iterator[Cell]


@dataclass(frozen=True, slots=True)
class _Request:
    task: str
    path: Path
    spool: Path


class ReadingProcess:
    """Reads files in a process of its own; a context manager, not thread-safe.

    Where the process dies, a new one tries the same file: the kernel may have ended it for the
    memory that others take, or somebody while it had nothing to do. A file with which two die, or
    that uses its processor time up, is answered with a `Failure` of code `dicom.crashed` or
    `dicom.timeout`, and the next file gets a new process.

    Parameters
    ----------
    limits
        What one file may cost.
    folder
        Where the cells of a file lie until they are taken. Default: a temporary folder.
    policy
        How DICOM is de-identified.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        folder: Path | None = None,
        policy: Policy = PLATFORM_POLICY,
    ) -> None:
        self.limits = limits or Limits()
        self.policy = policy
        self.starts = 0
        self._spool = TemporaryDirectory(dir=folder, prefix="cells-")
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._receiver = Receiver()
        self._is_ready = False
        self._pending: deque[_Request] = deque()
        self._requests = 0
        self._opened: Path | None = None
        self._is_second_try = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stop()
        self._spool.cleanup()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process else None

    def identify(self, path: Path) -> Identified | Failure:
        """Which image a file is; a `Failure` only where the process died."""
        self.submit("identify", path)
        return self.receive_identity()

    def read(self, task: str, path: Path) -> Opened | Failure:
        """Read a file as `dicom`, `picture` or `mask`. Ends the cells of the file before it."""
        self.submit(task, path)
        return self.receive()

    def submit(self, task: str, path: Path) -> None:
        """Ask for a file without waiting for the answer; files are read in this order."""
        self._requests += 1
        request = _Request(task, path, Path(self._spool.name) / str(self._requests))
        self._pending.append(request)
        if self._connection is None:
            self._start()
        else:
            self._send(request)

    def receive(self) -> Opened | Failure:
        """The answer to the oldest request to read. Ends the cells of the file before it.

        Raises
        ------
        OSError
            The disk is full.
        """
        answer = self._receive()
        if isinstance(answer, Failure):
            return answer
        return Opened(self._receiver.header(answer), self._cells(answer.cells))

    def receive_identity(self) -> Identified | Failure:
        """The answer to the oldest request to identify."""
        return self._receive()

    def _receive(self) -> Any:
        if self._opened:
            self._opened.unlink(missing_ok=True)
        answer = self._await_answer()
        request = self._pending.popleft()
        self._is_second_try = False
        self._opened = request.spool
        if isinstance(answer, SpoolFull):
            raise OSError(answer.errno, answer.strerror)
        return answer

    def _await_answer(self) -> Any:
        while True:
            self._await_start()
            assert self._connection
            try:
                return self._connection.recv()
            except (EOFError, OSError):
                status = self._stop()
            if self._is_second_try or status == -signal.SIGPROF:
                return Failure("dicom.timeout" if status in _TIMERS else "dicom.crashed")
            self._is_second_try = True

    def _cells(self, number: int) -> Iterator[Cell]:
        assert self._opened
        with self._opened.open("rb") as stream:
            for _ in range(number):
                yield pickle.load(stream)

    def _send(self, request: _Request) -> None:
        assert self._connection
        # A process that has just died is noticed when its answer is asked for.
        with suppress(OSError):
            self._connection.send((request.task, request.path, request.spool))

    def _start(self) -> None:
        """Start a fresh interpreter (forking one that runs threads may deadlock), and ask it."""
        here, there = socket.socketpair()
        with here, there:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "medplatform.modalities.imaging.worker"),
                    *(str(there.fileno()), json.dumps(asdict(self.limits))),
                    self.policy.model_dump_json(),
                ],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            self._connection = Connection(here.detach())
        self._receiver = Receiver()
        self._is_ready = False
        for request in self._pending:
            self._send(request)

    def _await_start(self) -> None:
        if self._connection is None:
            self._start()
        if self._is_ready:
            return
        assert self._connection
        try:
            self._connection.recv()
        except (EOFError, OSError) as error:
            self._stop()
            raise ReadingProcessError(
                "The process that reads images does not start; its error output says why. "
                "Is medplatform installed with all its dependencies?"
            ) from error
        self._is_ready = True
        self.starts += 1

    def _stop(self) -> int | None:
        """End the process; its exit status, negative where a signal had ended it."""
        if self._connection:
            self._connection.close()
            self._connection = None
        if self._process is None:
            return None
        try:
            status = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._process = None
        return status
