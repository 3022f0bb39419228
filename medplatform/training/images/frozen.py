"""Caches of data sets that hold their images themselves: one cell per image, ready to train on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from medplatform.lake import Snapshot
from medplatform.training.data import ROWS, Split
from medplatform.training.images.build import Layout, Progress, Sample, build_cache
from medplatform.training.images.cache import FOLDER, CacheKey, ImageCache

BATCH_ROWS = 64
_VERSION = "1"
"""Of how cells become arrays."""


def cache_root(snapshot: Snapshot) -> Path:
    """Where the caches of a recipe's data sets are."""
    return snapshot.folder.parent / FOLDER


def cache_frozen(
    snapshot: Snapshot, split: Split, *, progress: Progress | None = None
) -> ImageCache:
    """The images of one split, in the order of its rows.

    The rows hold `image` (uint8, height x width x channels in C order) and `mask` (uint8, height x
    width), all of one size. The cache has them as (C, H, W) and (1, H, W).
    """
    rows = ds.dataset(snapshot.file(ROWS)).filter(ds.field("split") == split)
    count = rows.count_rows()
    sizes = rows.head(1, columns=["channels", "height", "width"])
    shape = tuple(column[0].as_py() for column in sizes.columns) if count else (1, 1, 1)
    return build_cache(
        cache_root(snapshot),
        CacheKey(snapshot.digest, {"split": split}, _VERSION),
        count=count,
        layouts={"image": Layout("uint8", shape), "mask": Layout("uint8", (1, *shape[1:]))},
        tasks=_numbered(rows),
        make=lambda task: _samples(*task),
        progress=progress,
    )


def _numbered(rows: ds.Dataset) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches, each with the number of its first row."""
    start = 0
    scanner = rows.scanner(
        columns=["image", "mask", "height", "width", "channels"],
        batch_size=BATCH_ROWS,
        use_threads=False,
        # Else all images of a row group are in memory at once, which can be the whole data set.
        fragment_scan_options=ds.ParquetFragmentScanOptions(
            use_buffered_stream=True, pre_buffer=False
        ),
    )
    for batch in scanner.to_batches():
        yield start, batch
        start += len(batch)


def _samples(start: int, batch: pa.RecordBatch) -> Iterator[Sample]:
    for number, row in enumerate(batch.to_pylist(), start):
        size = row["height"], row["width"]
        image = np.frombuffer(row["image"], np.uint8).reshape(*size, row["channels"])
        mask = np.frombuffer(row["mask"], np.uint8).reshape(1, *size)
        yield number, {"image": image.transpose(2, 0, 1), "mask": mask}
