"""Reads the files of a delivery, one by one or in several processes.

Each worker is a fresh interpreter (forking one that runs threads may deadlock) at the other end of
a socket, so that it ends when this process does. It writes to a stage of its own, whose files the
stage of the delivery takes over.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType, TracebackType
from typing import NamedTuple, Self

from medplatform.lake import Stage, Staged
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.genomics.configuration import Configuration
from medplatform.modalities.genomics.deidentify.texts import TextPolicy
from medplatform.modalities.genomics.reader import Reading, read_file
from medplatform.modalities.genomics.reference.catalogue import Genomes
from medplatform.modalities.genomics.samples.linkage import Linkage
from medplatform.modalities.genomics.selection import Selection
from medplatform.modalities.genomics.tables import TABLES
from medplatform.modalities.modality import WorkerDied
from medplatform.modalities.report import FileReport
from medplatform.privacy import Identity

# Not `-m`: what the worker sends must be of this module by name, not of its `__main__`.
_START = f"from {__name__} import main; main()"
PATIENCE_S = 10
"""How long a worker that is told to end may take to, before it is killed."""


class WorkerFailed(RuntimeError):
    """A worker met an exception, whose name alone the message has. Nothing was published."""


class Failure(NamedTuple):
    """An exception in a worker, without its message: that may quote a record or a path."""

    name: str
    errno: int | None

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """What is told of an exception."""
        return cls(type(error).__name__, error.errno if isinstance(error, OSError) else None)

    def as_error(self) -> Exception:
        """The exception to raise in its stead."""
        if self.errno is not None:
            return OSError(self.errno, os.strerror(self.errno))
        return WorkerFailed(f"Reading a file failed in a worker process with {self.name}.")


class Answer(NamedTuple):
    """What a worker has read, and the samples of the crosswalk that it found."""

    staged: Staged
    used_samples: frozenset[str]
    matched_regions: frozenset[tuple[str, int]]


class Task(NamedTuple):
    """A file to read; it is the `copy`-th of the delivery that has this content, from 1."""

    source: Source
    copy: int


@dataclass(frozen=True, slots=True)
class Context:
    """What all files of a delivery are read with; can be sent to another process."""

    delivery: Delivery
    identity: Identity
    linkage: Linkage
    configuration: Configuration
    selection: Selection

    def open(self) -> Reading:
        """The same with open files, for one process."""
        keys = (*self.delivery.options.text_keys, *self.configuration.text_keys)
        return Reading(
            delivery=self.delivery,
            identity=self.identity,
            linkage=self.linkage,
            genomes=Genomes(self.configuration.genomes),
            selection=self.selection,
            policy=TextPolicy.with_keys(keys),
        )


class _Job(NamedTuple):
    folder: Path
    generation: str
    task: Task


def read_files(context: Context, stage: Stage, tasks: Sequence[Task]) -> Iterator[Source]:
    """Read files into a stage, in as many processes as are configured; yields what is done.

    Raises
    ------
    WorkerDied
        A worker ended before it had answered.
    WorkerFailed
        A worker met an exception.
    OSError
        A worker could not read or write.
    """
    number = min(context.configuration.workers, len(tasks))
    if number > 1:
        with Workers(context, stage, number) as workers:
            yield from workers.read(tasks)
        return
    reading = context.open()
    with closing(reading.genomes):
        for source, copy in tasks:
            read_file(FileReport(stage, source), reading, copy)
            yield source


class Workers:
    """A fixed number of workers; a context manager, not thread-safe."""

    def __init__(self, context: Context, stage: Stage, number: int) -> None:
        self._context = context
        self._stage = stage
        self._number = number
        self._processes: list[subprocess.Popen[bytes]] = []
        self._connections = ExitStack()
        self._tables = {table.name: table for table in TABLES}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._connections.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def read(self, tasks: Sequence[Task]) -> Iterator[Source]:
        """Read files, the largest first, and yield each when it is in the stage."""
        waiting = sorted(tasks, key=lambda task: task.source.bytes)
        given: dict[Connection, Task] = {}
        for _ in range(self._number):
            connection = self._start()
            _send(connection, self._context)
            given[connection] = self._give(connection, waiting)
        while given:
            for connection in wait(list(given)):
                assert isinstance(connection, Connection)
                self._take(_receive(connection))
                yield given.pop(connection).source
                if waiting:
                    given[connection] = self._give(connection, waiting)

    def _give(self, connection: Connection, waiting: list[Task]) -> Task:
        task = waiting.pop()
        folder = self._stage.folder / f"worker-{len(waiting)}"
        _send(connection, _Job(folder, self._stage.generation, task))
        return task

    def _take(self, answer: Answer) -> None:
        self._stage.absorb(answer.staged, self._tables)
        self._context.linkage.mark_used(answer.used_samples)
        self._context.selection.mark_matched(answer.matched_regions)

    def _start(self) -> Connection:
        here, there = socket.socketpair()
        with here, there:
            process = subprocess.Popen(
                [sys.executable, "-c", _START, str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # A traceback may quote records and paths; what may be told comes as `Failure`.
                stderr=subprocess.DEVNULL,
                # The workers share the processors; a pool of threads in each would fight for them.
                env={**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
            self._processes.append(process)
            return self._connections.enter_context(Connection(here.detach()))


@contextmanager
def _deaths_told() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        raise WorkerDied(
            "A worker process ended by itself. Give the machine more memory, or let fewer "
            "processes read (MEDPLATFORM_GENOMICS_WORKERS)."
        ) from None


def _send(connection: Connection, message: Context | _Job) -> None:
    with _deaths_told():
        connection.send(message)


def _receive(connection: Connection) -> Answer:
    with _deaths_told():
        answer: Answer | Failure = connection.recv()
    if isinstance(answer, Failure):
        raise answer.as_error()
    return answer


def serve(connection: Connection) -> None:
    """Read the files that are asked for until the other end closes."""
    context: Context = connection.recv()
    reading = context.open()
    with closing(reading.genomes):
        while True:
            job: _Job = connection.recv()
            try:
                answer = _read(job, reading)
            except Exception as error:
                connection.send(Failure.of(error))
                raise
            connection.send(answer)


def _read(job: _Job, reading: Reading) -> Answer:
    stage = Stage(job.folder, job.generation)
    read_file(FileReport(stage, job.task.source), reading, job.task.copy)
    stage.close()
    used = frozenset(reading.linkage.used)
    return Answer(stage.staged(), used, reading.selection.matched)


def _end(_signal: int, _frame: FrameType | None) -> None:
    """Leave by an exception, so that temporary files go and processes that were started end."""
    sys.exit(1)


def main() -> None:
    """Serve the process that has started this one; the first argument is the socket to it."""
    signal.signal(signal.SIGTERM, _end)
    with Connection(int(sys.argv[1])) as end:
        try:
            serve(end)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            os._exit(1)
