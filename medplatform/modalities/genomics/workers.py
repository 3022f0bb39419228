"""Reads the files of a delivery, one by one or in several processes.

Each worker is a fresh interpreter (forking one that runs threads may deadlock) at the other end of
a socket, so that it ends when this process does. It writes to a stage of its own, whose files the
stage of the delivery takes over.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from medplatform.lake import Stage, Staged
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.genomics.configuration import Configuration
from medplatform.modalities.genomics.linkage import Linkage
from medplatform.modalities.genomics.reader import Reading, read_file
from medplatform.modalities.genomics.reference.catalogue import Genomes
from medplatform.modalities.genomics.report import FileReport
from medplatform.modalities.genomics.selection import Selection
from medplatform.modalities.genomics.tables import TABLES
from medplatform.modalities.genomics.texts import TextPolicy
from medplatform.privacy import Identity


class WorkerDied(RuntimeError):
    """A worker ended by itself, for want of memory most likely. Nothing was published."""


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

    def open(self) -> Reading:
        """The same with open files, for one process."""
        keys = (*self.delivery.options.text_keys, *self.configuration.text_keys)
        return Reading(
            delivery=self.delivery,
            identity=self.identity,
            linkage=self.linkage,
            genomes=Genomes(self.configuration.genomes),
            selection=Selection(self.delivery),
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
    """
    number = min(context.configuration.workers, len(tasks))
    if number > 1:
        with Workers(context, stage, number) as workers:
            yield from workers.read(tasks)
        return
    reading = context.open()
    for source, copy in tasks:
        read_file(FileReport(stage, source), reading, copy)
        yield source
    reading.genomes.close()


class Workers:
    """A fixed number of workers; a context manager, not thread-safe."""

    def __init__(self, context: Context, stage: Stage, number: int) -> None:
        self._context = context
        self._stage = stage
        self._number = number
        self._stack = ExitStack()
        self._tables = {table.name: table for table in TABLES}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def read(self, tasks: Sequence[Task]) -> Iterator[Source]:
        """Read files, the largest first, and yield each when it is in the stage."""
        waiting = sorted(tasks, key=lambda task: task.source.bytes)
        given: dict[Connection, Task] = {}
        try:
            for _ in range(self._number):
                connection = self._start()
                connection.send(self._context)
                given[connection] = self._give(connection, waiting)
            while given:
                for connection in wait(list(given)):
                    assert isinstance(connection, Connection)
                    self._take(*connection.recv())
                    yield given.pop(connection).source
                    if waiting:
                        given[connection] = self._give(connection, waiting)
        except (EOFError, OSError) as error:
            raise WorkerDied(
                "A worker process ended by itself. Give the machine more memory, or let fewer "
                "processes read (MEDPLATFORM_GENOMICS_WORKERS)."
            ) from error

    def _give(self, connection: Connection, waiting: list[Task]) -> Task:
        task = waiting.pop()
        folder = self._stage.folder / f"worker-{len(waiting)}"
        connection.send(_Job(folder, self._stage.generation, task))
        return task

    def _take(self, staged: Staged, used_samples: frozenset[str]) -> None:
        self._stage.absorb(staged, self._tables)
        self._context.linkage.mark_used(used_samples)

    def _start(self) -> Connection:
        here, there = socket.socketpair()
        with here, there:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # The workers share the processors; a pool of threads in each would fight for them.
                env={**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
            self._stack.callback(process.wait)
            connection = Connection(here.detach())
            self._stack.callback(connection.close)
            return connection


def serve(connection: Connection) -> None:
    """Read the files that are asked for until the other end closes."""
    context: Context = connection.recv()
    reading = context.open()
    while True:
        folder, generation, (source, copy) = connection.recv()
        stage = Stage(folder, generation)
        read_file(FileReport(stage, source), reading, copy)
        stage.close()
        connection.send((stage.staged(), frozenset(context.linkage.used)))


if __name__ == "__main__":
    with Connection(int(sys.argv[1])) as end:
        try:
            serve(end)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            os._exit(1)
