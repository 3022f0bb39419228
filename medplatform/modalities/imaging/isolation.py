"""A reading process that is started again when a file has killed it."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from medplatform.modalities.imaging.records import Cell, Failure, Header, Limits


class ReadingProcessError(RuntimeError):
    """The reading process does not start: a fault of the installation, not of a file."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was read to the end; its cells come one by one, and only once."""

    header: Header
    cells: Iterator[Cell]


class ReadingProcess:
    """Reads files in a process of its own; a context manager, not thread-safe.

    A file that makes the process die is answered with a `Failure` of code `dicom.crashed` or
    `dicom.timeout`, and the next file gets a new process.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._pending = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process else None

    def identify(self, path: Path) -> str | None:
        """SOP Instance UID of a file, None where it cannot be read."""
        answer = self._ask("identify", path)
        return None if isinstance(answer, Failure) else answer

    def read(self, task: str, path: Path) -> Opened | Failure:
        """Read a file as `dicom`, `picture` or `mask`. Ends the cells of the file before it."""
        answer = self._ask(task, path)
        if isinstance(answer, Failure):
            return answer
        header, self._pending = answer
        return Opened(header, self._cells())

    def _cells(self) -> Iterator[Cell]:
        while self._pending:
            assert self._connection
            cell = self._connection.recv()
            self._pending -= 1
            yield cell

    def _ask(self, task: str, path: Path) -> Any:
        for _ in self._cells():
            pass  # nobody wanted them
        connection = self._connection or self._start()
        try:
            connection.send((task, path))
            return connection.recv()
        except (EOFError, OSError):
            return Failure(self._stop())

    def _start(self) -> Connection:
        """Start a fresh interpreter: forking one that runs threads may deadlock."""
        here, there = socket.socketpair()
        with here, there:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "medplatform.modalities.imaging.worker"),
                    *(str(there.fileno()), json.dumps(asdict(self.limits))),
                ],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            connection = self._connection = Connection(here.detach())
        try:
            connection.recv()
        except (EOFError, OSError) as error:
            self._stop()
            raise ReadingProcessError(
                "The process that reads images does not start; its error output says why. "
                "Is medplatform installed with all its dependencies?"
            ) from error
        self.starts += 1
        return connection

    def _stop(self) -> str:
        """End the process and say what had ended it, as a code."""
        self._pending = 0
        if self._connection:
            self._connection.close()
            self._connection = None
        if self._process is None:
            return "dicom.crashed"
        try:
            status = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._process = None
        return "dicom.timeout" if status == -signal.SIGALRM else "dicom.crashed"
