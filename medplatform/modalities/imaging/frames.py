"""Single frames of the lake, in any order, decoded: what a viewer or a training job asks for.

Where each frame stands is looked up once; the pixels stay on the disk, mapped into memory.
"""

from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow.parquet as pq

from medplatform.lake import Lake
from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.tables import IMAGING_FRAME

OPEN_FILES = 64
_SHAPE = ("height", "width", "channels", "dtype", "codec")


class FrameStore:
    """Reads frames by instance and number; a context manager, not thread-safe.

    Of an instance that came in several deliveries, the frames of the last one count. What is
    published later is seen by a new store.

    Attributes
    ----------
    keys
        (instance_id, frame number from 1) of all frames, oldest delivery first.

    Examples
    --------
    >>> with FrameStore(lake) as frames:  # doctest: +SKIP
    ...     pixels = frames.read(instance_id)
    """

    def __init__(self, lake: Lake) -> None:
        self._paths = lake.files(IMAGING_FRAME.name)
        self._files: OrderedDict[int, _File] = OrderedDict()
        self._places: dict[tuple[str, int], tuple[int, int]] = {}
        for number, path in enumerate(self._paths):
            with pq.ParquetFile(path) as file:
                found = file.read(columns=["instance_id", "frame_number"])
            keys = zip(*(column.to_pylist() for column in found.columns), strict=True)
            self._places.update((key, (number, row)) for row, key in enumerate(keys))

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
    with FrameStore(lake) as store:
        return store.read(instance_id, frame_number)
