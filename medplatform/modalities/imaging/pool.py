"""Several reading processes that answer in the order in which they were asked."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.records import Failure, Identified

T = TypeVar("T")
Asked = tuple[T, Path | None]
"""Anything, and the file that is to be read for it; None where it needs none."""

_AHEAD = 2
"""Files that a process has been given: the one it reads and the next."""


class ReadingPool:
    """A fixed number of reading processes; a context manager, not thread-safe.

    A single process is asked for one file at a time: then nothing but the platform itself runs
    beside it. Several are asked ahead.
    """

    def __init__(self, processes: Sequence[ReadingProcess]) -> None:
        self.processes = processes
        self._window = 1 if len(processes) == 1 else _AHEAD * len(processes)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for process in self.processes:
            self._stack.enter_context(process)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def identify(
        self, asked: Iterable[Asked[T]]
    ) -> Iterator[tuple[T, Identified | Failure | None]]:
        """Which image of which series each file is."""
        for item, process in self._ask("identify", asked):
            yield item, process.receive_identity() if process else None

    def read(
        self, task: str, asked: Iterable[Asked[T]]
    ) -> Iterator[tuple[T, Opened | Failure | None]]:
        """What came of each file; the cells of one end when the next is asked for."""
        for item, process in self._ask(task, asked):
            yield item, process.receive() if process else None

    def _ask(
        self, task: str, asked: Iterable[Asked[T]]
    ) -> Iterator[tuple[T, ReadingProcess | None]]:
        """Each item with the process that has been asked, whose next answer is that of the item."""
        pending: deque[tuple[T, ReadingProcess | None]] = deque()
        submitted = 0
        for item, path in asked:
            process = None
            if path is not None:
                process = self.processes[submitted % len(self.processes)]
                process.submit(task, path)
                submitted += 1
            pending.append((item, process))
            if len(pending) >= self._window:
                yield pending.popleft()
        yield from pending
