"""The reading process: opens and decodes one file after another, on request.

Files come from outside and decoders are C libraries, so a forged file may crash or exhaust the
process that reads it. This one may die: the kernel ends it by memory limit or timer, and the
reader (see `isolation`) starts the next. Run as `python -m medplatform.modalities.imaging.worker`.
"""

import gc
import json
import os
import pickle
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medplatform.modalities.imaging.deidentify.burned_in import (
    AS_IT_IS,
    Treatment,
    look_for_words,
)
from medplatform.modalities.imaging.deidentify.policy import Policy
from medplatform.modalities.imaging.dicom import read_dicom
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.opening import identify
from medplatform.modalities.imaging.picture import read_mask, read_picture
from medplatform.modalities.imaging.records import (
    Cell,
    Failure,
    Limits,
    Reading,
    SpoolFull,
)
from medplatform.modalities.imaging.transport import Answer, Sender

if TYPE_CHECKING:
    from medplatform.modalities.imaging.export.original import OriginalReading, Pixels

Task = Callable[[Path, Limits], "Reading | OriginalReading"]


def _read_volume(path: Path, limits: Limits, treatment: Treatment = AS_IT_IS) -> Reading:
    from medplatform.modalities.imaging.nifti.reading import read_volume

    return read_volume(path, limits, treatment)


def _read_label_map(path: Path, limits: Limits) -> Reading:
    from medplatform.modalities.imaging.nifti.reading import read_label_map

    return read_label_map(path, limits)


def _read_directory(path: Path, limits: Limits) -> Reading:
    from medplatform.modalities.imaging.dicomdir import read_directory

    return read_directory(path, limits)


TASKS: dict[str, Task] = {
    "directory": _read_directory,
    "picture": read_picture,
    "mask": read_mask,
    "volume": _read_volume,  # needs nibabel, which few deliveries do
    "label_map": _read_label_map,
}
IDENTIFY = "identify"
_NEW_OBJECTS = 5000
"""Between collections: those of some twenty headers, and fewer than fill the memory."""
READY = "ready"


def _read_original(path: Path, limits: Limits, policy: Policy) -> "OriginalReading":
    from medplatform.modalities.imaging.export.original import read_original

    return read_original(path, limits, policy)


def serve(connection: Connection, limits: Limits, policy: Policy) -> None:
    """Answer requests of (task, path, spool) until the other end closes.

    The answer to `identify` is an `Identified`; to the tasks a `Failure`, or an `Answer` with the
    header and the number of cells, which are in the file `spool` by then, one pickle after
    another. They count only when that has been said, so that a file that kills the process leaves
    nothing behind.
    """
    _limit_memory(limits.memory_bytes)
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)  # ends the process, inside C code too
    _silence()
    words = look_for_words(policy)
    sender = Sender()
    tasks: dict[str, Task] = {
        **TASKS,
        "screened picture": partial(read_picture, treatment=words),
        "screened volume": partial(_read_volume, treatment=words),
        "dicom": partial(read_dicom, policy=policy),
        "original": partial(_read_original, policy=policy),
    }
    collect_seldom()
    connection.send(READY)
    while True:
        try:
            task, path, spool = connection.recv()
        except EOFError:
            return
        _limit_time(limits.seconds + path.stat().st_size // limits.bytes_per_second, limits)
        if task == IDENTIFY:
            answer: Any = identify(path, limits)
        else:
            answer = _read(tasks[task], path, spool, limits, sender)
        _limit_time(0, limits)
        connection.send(answer)


def collect_seldom() -> None:
    """Have what the libraries hold stay, and few collections look through the elements of files."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)


def _read(
    task: Task, path: Path, spool: Path, limits: Limits, sender: Sender
) -> Failure | SpoolFull | Answer:
    try:
        reading = task(path, limits)
        number = _write(reading.cells, spool)
    except Unusable as error:
        return error.failure
    except MemoryError:
        return Failure("dicom.too_large")
    except SpoolFull as error:
        return error
    return sender.answer(reading.header, number)


def _write(cells: "Iterable[Cell | Pixels]", spool: Path) -> int:
    """Write cells as they come, none of them held; how many there were."""
    number = 0
    with spool.open("wb") as stream:
        for cell in cells:
            content = pickle.dumps(cell, pickle.HIGHEST_PROTOCOL)
            try:
                stream.write(content)
                stream.flush()
            except OSError as error:
                raise SpoolFull(error.errno, os.strerror(error.errno or 0)) from None
            number += 1
    return number


def _silence() -> None:
    """Send error output nowhere: libraries print what they read."""
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _limit_time(seconds: int, limits: Limits) -> None:
    """End the process after so much processor time from now, never with 0."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(seconds * limits.clock_factor)


def _limit_memory(extra: int) -> None:
    """Limit the address space to what the libraries take now and `extra` bytes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold records
    if sys.platform != "linux":
        return  # the address space cannot be limited there; the timers remain
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    serve(
        Connection(int(sys.argv[1])),
        Limits(**json.loads(sys.argv[2])),
        Policy.model_validate_json(sys.argv[3]),
    )
