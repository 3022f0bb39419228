"""Build a cache of images: whole or not at all, in bounded memory, once for all processes."""

import errno
import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from medplatform.lake.ledger import flush_folder, write_atomically
from medplatform.training.images.cache import (
    MANIFEST,
    CacheDamaged,
    CacheKey,
    ImageCache,
    draft_of,
    header_digest,
    lock,
    open_cache,
    remove_cache,
)
from medplatform.training.recipe import TrainingError

TaskT = TypeVar("TaskT")

Sample = tuple[int, Mapping[str, NDArray[np.generic]]]
"""The row of the data set, and its arrays by name."""
Progress = Callable[[int, int], None]
"""Called with how many rows are done, and how many there are."""


class CacheFailed(TrainingError):
    """A cache could not be built; nothing of it is left. The message says the remedy."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Type and shape of one row of an array, (channels, height, width) or with depth."""

    dtype: str
    shape: tuple[int, ...]


def build_cache(
    root: Path,
    key: CacheKey,
    *,
    count: int,
    layouts: Mapping[str, Layout],
    tasks: Iterable[TaskT],
    make: Callable[[TaskT], Iterable[Sample]],
    workers: int | None = None,
    progress: Progress | None = None,
) -> ImageCache:
    """The cache of a key: opened where it is there and sound, else built.

    Other processes that ask for it meanwhile wait. Rows may come in any order; at most two tasks
    per worker are in memory.

    Parameters
    ----------
    count
        Rows of the data set, each of which has to be made exactly once.
    tasks, make
        What is worked on, and the samples that come of it; called in threads.
    workers
        Threads; by default one per available CPU, at most 8.

    Raises
    ------
    CacheFailed
        The disk is full, or the samples do not fit the data set.
    """
    folder = key.folder(root)
    if cache := _open_sound(folder):
        return cache
    with lock(root):
        if folder.exists():
            return open_cache(folder)
        draft = draft_of(folder)
        draft.mkdir()
        arrays = _write(draft, count, layouts, _mapped(make, tasks, workers), progress)
        manifest = {
            "key": {"dataset": key.dataset, "transform": dict(key.transform), "code": key.code},
            "count": count,
            "arrays": arrays,
            "built_at": datetime.now(UTC).isoformat(),
        }
        write_atomically(draft / MANIFEST, json.dumps(manifest, indent=1).encode())
        draft.rename(folder)
        flush_folder(root)
    return open_cache(folder)


def _open_sound(folder: Path) -> ImageCache | None:
    """The cache if it is there; one that is damaged is removed."""
    if not folder.exists():
        return None
    try:
        return open_cache(folder)
    except CacheDamaged:
        remove_cache(folder)
        return None


def _mapped(
    make: Callable[[TaskT], Iterable[Sample]], tasks: Iterable[TaskT], workers: int | None
) -> Iterator[Sample]:
    """What is made of each task, in order, by some threads that are a little ahead."""
    workers = workers or min(8, len(os.sched_getaffinity(0)))
    pending: deque[Future[list[Sample]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for task in tasks:
            pending.append(pool.submit(lambda each: list(make(each)), task))
            if len(pending) == 2 * workers:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()


def _write(
    folder: Path,
    count: int,
    layouts: Mapping[str, Layout],
    samples: Iterable[Sample],
    progress: Progress | None,
) -> dict[str, Any]:
    """Write all samples to their places and describe the files."""
    done = np.zeros(count, bool)
    files = {name: (folder / f"{name}.npy").open("w+b") for name in layouts}
    try:
        starts = {name: _begin(files[name], count, layouts[name]) for name in layouts}
        for number, (row, arrays) in enumerate(samples, 1):
            if not 0 <= row < count or done[row]:
                raise CacheFailed(f"Row {row} of {count} was made twice, or is none.")
            done[row] = True
            for name, layout in layouts.items():
                content = _content(arrays[name], layout, name)
                os.pwrite(files[name].fileno(), content, starts[name] + row * len(content))
            if progress:
                progress(number, count)
        if not done.all():
            raise CacheFailed(f"{count - done.sum()} of {count} rows have no image any more.")
        return {name: _finish(files[name], layouts[name]) for name in layouts}
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise CacheFailed(
            f"The disk of {folder.parent} is full ({error.strerror}): images for training take "
            f"{_bytes(count, layouts) / 1e9:.1f} GB there. Free some space, such as with "
            f"`medplatform caches --remove 30`, and train again."
        ) from error
    finally:
        for file in files.values():
            file.close()


def _begin(file: BinaryIO, count: int, layout: Layout) -> int:
    """Write the header and take all the space at once, so that a full disk shows at the start."""
    descr = np.lib.format.dtype_to_descr(np.dtype(layout.dtype))
    header = {"descr": descr, "fortran_order": False, "shape": (count, *layout.shape)}
    np.lib.format.write_array_header_1_0(file, header)
    file.flush()
    start = file.tell()
    if count:
        os.posix_fallocate(file.fileno(), start, _bytes(count, {"": layout}))
    return start


def _content(array: NDArray[np.generic], layout: Layout, name: str) -> bytes:
    if array.shape != layout.shape or array.dtype != np.dtype(layout.dtype):
        raise CacheFailed(
            f"An array {name} is {array.dtype} {array.shape}, not {layout.dtype} {layout.shape}."
        )
    return array.tobytes()


def _finish(file: BinaryIO, layout: Layout) -> dict[str, Any]:
    os.fsync(file.fileno())
    path = Path(file.name)
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "dtype": layout.dtype,
        "shape": list(layout.shape),
        "bytes": path.stat().st_size,
        "header_sha256": header_digest(path),
        "sha256": sha256,
    }


def _bytes(count: int, layouts: Mapping[str, Layout]) -> int:
    sizes = (np.dtype(each.dtype).itemsize * int(np.prod(each.shape)) for each in layouts.values())
    return count * sum(sizes)
