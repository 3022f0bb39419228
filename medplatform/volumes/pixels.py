"""The pixels of frames, read from the lake where they stand."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from medplatform.lake import Lake
from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.tables import IMAGING_FRAME
from medplatform.volumes.planes import LINEAGE, current_images

_RESCALE = {"rescale_slope": pl.Float64, "rescale_intercept": pl.Float64}
_CELL = ("height", "width", "channels", "dtype", "codec", "pixels")


@dataclass(frozen=True, slots=True)
class Frame:
    """Stored pixels, (height, width) or (height, width, channels), and what they mean.

    A value is `pixels * slope + intercept` (PS3.3 C.11.1.1.2); 1 and 0 where nothing is said.
    """

    pixels: np.ndarray
    slope: float
    intercept: float


class Frames:
    """The frames of some images, read when they are asked for.

    Where each of them stands is looked up once, without its pixels.
    """

    def __init__(self, lake: Lake, instance_ids: pl.Series) -> None:
        columns = ["instance_id", *_RESCALE]
        wanted = pl.col("instance_id").is_in(instance_ids.implode())
        images = current_images(lake, columns).filter(wanted).collect()
        self._places = {
            (row["instance_id"], row["frame_number"]): {**row, "path": path}
            for path in lake.files(IMAGING_FRAME.name)
            for row in _locate(path, images)
        }

    def read(self, frames: Sequence[tuple[str, int]]) -> list[Frame]:
        """Frames by instance_id and number.

        Raises
        ------
        KeyError
            The lake does not have one.
        """
        by_group: dict[tuple[Path, int], list[int]] = defaultdict(list)
        for number, frame in enumerate(frames):
            place = self._places[frame]
            by_group[place["path"], place["group"]].append(number)
        found: dict[int, Frame] = {}
        for (path, group), numbers in by_group.items():
            with pq.ParquetFile(path) as file:
                cells = file.read_row_group(group, columns=list(_CELL))
            for number in numbers:
                place = self._places[frames[number]]
                (cell,) = cells.slice(place["row_in_group"], 1).to_pylist()
                found[number] = Frame(_decode(cell), place["slope"], place["intercept"])
        return [found[number] for number in range(len(frames))]


def _locate(path: Path, images: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Where the frames of images stand in one file of the lake, and their rescale."""
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        wanted = ["instance_id", "frame_number", *LINEAGE[1:], *_RESCALE]
        stored = [name for name in wanted if name in file.schema_arrow.names]
        rows = pl.DataFrame(file.read(columns=stored))
    absent = [pl.lit(None, t).alias(n) for n, t in _RESCALE.items() if n not in stored]
    found = rows.with_columns(
        *absent,
        delivery=pl.lit(path.parent.name.removeprefix("delivery=")),
        group=pl.Series(np.repeat(np.arange(len(sizes)), sizes)),
        row_in_group=pl.Series([row for size in sizes for row in range(size)], dtype=pl.Int64),
    ).join(images, on=["instance_id", *LINEAGE], how="inner", suffix="_of_image")
    yield from found.select(
        "instance_id",
        "frame_number",
        "group",
        "row_in_group",
        pl.coalesce("rescale_slope", "rescale_slope_of_image", pl.lit(1.0)).alias("slope"),
        pl.coalesce("rescale_intercept", "rescale_intercept_of_image", pl.lit(0.0)).alias(
            "intercept"
        ),
    ).iter_rows(named=True)


def _decode(cell: dict[str, Any]) -> np.ndarray:
    shape = (cell["height"], cell["width"])
    if cell["channels"] > 1:
        shape = (*shape, cell["channels"])
    return codec.decode(cell["codec"], cell["pixels"], dtype=cell["dtype"], shape=shape)
