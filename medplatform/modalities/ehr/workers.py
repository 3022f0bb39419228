"""Processes batches in several processes, in their order.

Each worker is a fresh interpreter (forking one that runs threads may deadlock) at the other end of
a socket, so that it ends when this process does, however that ends.
"""

import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Self

from medplatform.modalities.ehr.batch import Batch
from medplatform.modalities.ehr.judging import Processed
from medplatform.modalities.ehr.processing import Context, Processor
from medplatform.modalities.modality import Misconfigured, WorkerDied

_AHEAD = 2
"""Batches that a worker has been given: the one it works on and the next."""


class Workers:
    """A fixed number of workers; a context manager, not thread-safe."""

    def __init__(self, context: Context, number: int) -> None:
        self._context = context
        self._number = number
        self._stack = ExitStack()
        self._connections: list[Connection] = []

    def __enter__(self) -> Self:
        for _ in range(self._number):
            connection = self._start()
            connection.send(self._context)
            self._connections.append(connection)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for connection in self._connections:
            connection.close()
        self._stack.close()

    def process(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Processed]]:
        """What came of each batch, in the order of the batches.

        Raises
        ------
        WorkerDied
            A worker ended before it had answered.
        Misconfigured
            A worker found that the policy cannot be applied.
        """
        pending: deque[tuple[Connection, Batch]] = deque()
        try:
            for number, batch in enumerate(batches):
                if len(pending) == _AHEAD * self._number:
                    connection, given = pending.popleft()
                    yield given, _answer(connection)
                connection = self._connections[number % self._number]
                connection.send(batch)
                pending.append((connection, batch))
            for connection, given in pending:
                yield given, _answer(connection)
        except (EOFError, OSError) as error:
            raise WorkerDied(
                "A worker process ended by itself. Give the machine more memory, or let fewer "
                "processes read (MEDPLATFORM_EHR_WORKERS)."
            ) from error

    def _start(self) -> Connection:
        here, there = socket.socketpair()
        with here, there:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            self._stack.callback(process.wait)
            return Connection(here.detach())


def _answer(connection: Connection) -> Processed:
    answer = connection.recv()
    if isinstance(answer, Misconfigured):
        raise answer
    return answer


def serve(connection: Connection) -> None:
    """Process the batches that come until the other end closes."""
    processor = Processor(connection.recv())
    batches: Queue[Batch | None] = Queue(maxsize=1)
    Thread(target=_receive, args=(connection, batches), daemon=True).start()
    while batch := batches.get():
        try:
            answer = processor.process(batch)
        except Misconfigured as error:
            answer = error
        connection.send(answer)


def _receive(connection: Connection, batches: "Queue[Batch | None]") -> None:
    """Take the next batch from the socket while one is worked on, so that nobody waits."""
    try:
        while True:
            batches.put(connection.recv())
    except (EOFError, OSError):
        batches.put(None)


if __name__ == "__main__":
    with Connection(int(sys.argv[1])) as end:
        try:
            serve(end)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            os._exit(1)
