"""Single frames of the lake, in any order, decoded: what a viewer or a training job asks for.

Where each frame stands is looked up once; the pixels stay on the disk, mapped into memory.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from medplatform.lake import Lake
from medplatform.lake.current import LINEAGE_COLUMNS
from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.current import current_images
from medplatform.modalities.imaging.tables import IMAGING_FRAME

OPEN_FILES = 64
_IMAGE = ("instance_id", *LINEAGE_COLUMNS)
_SHAPE = ("height", "width", "channels", "dtype", "codec")


class FrameStore:
    """Reads frames by instance and number; a context manager, not thread-safe.

    Of an instance that came several times, the frames of the one that counts are read: see
    `medplatform.modalities.imaging.current`. What is published later is seen by a new store.

    Parameters
    ----------
    instance_ids
        The images that may be asked for; nothing is remembered of any other, and files of other
        deliveries are not opened. All where None, which takes about 300 bytes per frame.

    Attributes
    ----------
    keys
        (instance_id, frame number from 1) of all frames, oldest delivery first.

    Examples
    --------
    >>> with FrameStore(lake) as frames:  # doctest: +SKIP
    ...     pixels = frames.read(instance_id)
    """

    def __init__(self, lake: Lake, instance_ids: Collection[str] | None = None) -> None:
        self._paths = lake.files(IMAGING_FRAME.name)
        self._files: OrderedDict[int, _File] = OrderedDict()
        self._places: dict[tuple[str, int], tuple[int, int]] = {}
        images = current_images(lake, instance_ids=instance_ids).select(_IMAGE).collect()
        of_delivery = images.partition_by("delivery", as_dict=True, include_key=False)
        for number, path in enumerate(self._paths):
            wanted = of_delivery.get((path.parent.name.removeprefix("delivery="),))
            if wanted is not None:
                chosen = None if instance_ids is None else wanted["instance_id"]
                for row, instance_id, frame in _find_rows(path, wanted, chosen):
                    self._places[instance_id, frame] = number, row

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        while self._files:
            self._files.popitem()[1].close()

    @property
    def keys(self) -> list[tuple[str, int]]:
        """All that can be read."""
        return list(self._places)

    def read(self, instance_id: str, frame_number: int = 1) -> np.ndarray:
        """Pixels as stored, (height, width) or (height, width, channels).

        Raises
        ------
        KeyError
            The lake has no such frame.
        """
        number, row = self._places[instance_id, frame_number]
        return self._open(number).read(row)

    def _open(self, number: int) -> "_File":
        """A file of the table; those that were not used for longest are closed."""
        file = self._files.get(number)
        if file is None:
            while len(self._files) >= OPEN_FILES:
                self._files.popitem(last=False)[1].close()
            file = self._files[number] = _File(self._paths[number])
        self._files.move_to_end(number)
        return file


def _find_rows(
    path: Path, images: pl.DataFrame, chosen: pl.Series | None
) -> Iterator[tuple[int, str, int]]:
    """Row, instance_id and frame number of the frames of some images in one file."""
    rows = pl.scan_parquet(path, row_index_name="row", hive_partitioning=False)
    if chosen is not None:
        # Row groups of other images are passed over by their statistics.
        rows = rows.filter(pl.col("instance_id").is_in(chosen.implode()))
    found = rows.select("row", "frame_number", *images.columns).join(
        images.lazy(), on=images.columns, how="semi", maintain_order="left"
    )
    return found.select("row", "instance_id", "frame_number").collect().iter_rows()


class _File:
    """One Parquet file, with what is needed to decode each of its rows."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, memory_map=True)
        metadata = self._file.metadata
        sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
        self._ends = np.cumsum(sizes)
        self._rows = self._file.read(columns=list(_SHAPE)).to_pylist()

    def read(self, row: int) -> np.ndarray:
        group = int(np.searchsorted(self._ends, row, side="right"))
        first = int(self._ends[group - 1]) if group else 0
        cells = self._file.read_row_group(group, columns=["pixels"], use_threads=False)
        cell = cells.column(0)[row - first].as_py()
        found = self._rows[row]
        shape = (found["height"], found["width"])
        if found["channels"] > 1:
            shape = (*shape, found["channels"])
        return codec.decode(found["codec"], cell, dtype=found["dtype"], shape=shape)

    def close(self) -> None:
        self._file.close()


def read_frame(lake: Lake, instance_id: str, frame_number: int = 1) -> np.ndarray:
    """Pixels of one frame; see `FrameStore` for many.

    Raises
    ------
    KeyError
        The lake has no such frame.
    """
    with FrameStore(lake, [instance_id]) as store:
        return store.read(instance_id, frame_number)
