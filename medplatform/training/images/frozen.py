"""Caches of data sets that hold their images themselves: one cell per image, ready to train on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medplatform.lake import Snapshot
from medplatform.training.data import ROWS, Split
from medplatform.training.images.build import Layout, Progress, Sample, build_cache
from medplatform.training.images.cache import FOLDER, CacheKey, ImageCache

BATCH_ROWS = 16
_SHAPE = ("channels", "height", "width")
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
    path = snapshot.file(ROWS)
    splits = pq.read_table(path, columns=["split", *_SHAPE])
    rows = splits.filter(pc.field("split") == split).select(list(_SHAPE))
    shape = tuple(rows.slice(0, 1).to_pylist()[0].values()) if len(rows) else (1, 1, 1)
    return build_cache(
        cache_root(snapshot),
        CacheKey(snapshot.digest, {"split": split}, _VERSION),
        count=len(rows),
        layouts={"image": Layout("uint8", shape), "mask": Layout("uint8", (1, *shape[1:]))},
        tasks=_numbered(path, split),
        make=lambda task: _samples(*task),
        progress=progress,
    )


def _numbered(path: Path, split: Split) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches of a split, each with the number of its first row."""
    start = 0
    columns = ["split", "image", "mask", *_SHAPE]
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False):
            chosen = batch.filter(pc.field("split") == split)
            yield start, chosen
            start += len(chosen)


def _samples(start: int, batch: pa.RecordBatch) -> Iterator[Sample]:
    for number, row in enumerate(batch.to_pylist(), start):
        size = row["height"], row["width"]
        image = np.frombuffer(row["image"], np.uint8).reshape(*size, row["channels"])
        mask = np.frombuffer(row["mask"], np.uint8).reshape(1, *size)
        yield number, {"image": image.transpose(2, 0, 1), "mask": mask}
