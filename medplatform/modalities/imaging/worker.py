"""The reading process: opens and decodes one file after another, on request.

Files come from outside and decoders are C libraries, so a forged file may crash or exhaust the
process that reads it. This one may die: the kernel ends it by memory limit or alarm, and the
reader (see `isolation`) starts the next. Run as `python -m medplatform.modalities.imaging.worker`.
"""

import json
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from medplatform.modalities.imaging.dicom import read_dicom, sop_instance_uid
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.picture import read_mask, read_picture
from medplatform.modalities.imaging.records import Cell, Failure, Header, Limits, Reading

Task = Callable[[Path, Limits], Reading]

TASKS: dict[str, Task] = {"dicom": read_dicom, "picture": read_picture, "mask": read_mask}
IDENTIFY = "identify"
READY = "ready"


def serve(connection: Connection, limits: Limits) -> None:
    """Answer requests of (task, path) until the other end closes.

    The answer to `identify` is a UID or None; to the tasks a `Failure`, or a header, the number
    of cells and the cells. Cells are sent only when the whole file has been read, so that a file
    that kills the process leaves nothing behind.
    """
    _limit_memory(limits.memory_bytes)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, inside C code too
    _silence()
    connection.send(READY)
    while True:
        try:
            task, path = connection.recv()
        except EOFError:
            return
        signal.alarm(limits.seconds)
        answer: Any = sop_instance_uid(path) if task == IDENTIFY else _read(task, path, limits)
        signal.alarm(0)
        cells: list[Cell] = []
        if isinstance(answer, tuple):
            cells = answer[1]
            answer = (answer[0], len(cells))
        connection.send(answer)
        for cell in cells:
            connection.send(cell)


def _read(task: str, path: Path, limits: Limits) -> Failure | tuple[Header, list[Cell]]:
    try:
        reading = TASKS[task](path, limits)
        cells = list(reading.cells)
    except Unusable as error:
        return error.failure
    except MemoryError:
        return Failure("dicom.too_large")
    return reading.header, cells


def _silence() -> None:
    """Send error output nowhere: libraries print what they read."""
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _limit_memory(extra: int) -> None:
    """Limit the address space to what the libraries take now and `extra` bytes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold records
    if sys.platform != "linux":
        return  # the address space cannot be limited there; the alarm remains
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), Limits(**json.loads(sys.argv[2])))
