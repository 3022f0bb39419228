"""The pixels of frames with their rescale, which makes values of the modality of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.imaging.frames import FrameStore
from medplatform.modalities.imaging.tables import IMAGING_FRAME
from medplatform.volumes.planes import LINEAGE, current_images

_RESCALE = ("rescale_slope", "rescale_intercept")
Rescale = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """Stored pixels, (height, width) or (height, width, channels), and what they mean.

    A value is `pixels * slope + intercept` (PS3.3 C.11.1.1.2); 1 and 0 where nothing is said.
    """

    pixels: np.ndarray
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of some images, read when they are asked for."""

    _store: FrameStore
    _rescale: dict[tuple[str, int], Rescale]

    def read(self, frames: Sequence[tuple[str, int]]) -> list[Frame]:
        """Frames by instance_id and number.

        Raises
        ------
        KeyError
            The lake does not have one.
        """
        return [Frame(self._store.read(*frame), *self._rescale[frame]) for frame in frames]


@contextmanager
def open_frames(lake: Lake, instance_ids: pl.Series) -> Iterator[Frames]:
    """The frames of some images of the lake."""
    rescale = _read_rescale(lake, instance_ids)
    with FrameStore(lake) as store:
        yield Frames(store, rescale)


def _read_rescale(lake: Lake, instance_ids: pl.Series) -> dict[tuple[str, int], Rescale]:
    """Slope and intercept of each frame: what it says itself, else what its image says."""
    wanted = pl.col("instance_id").is_in(instance_ids.implode())
    images = current_images(lake, ["instance_id", *_RESCALE]).filter(wanted)
    slope, intercept = (
        pl.coalesce(name, f"{name}_of_image", pl.lit(default))
        for name, default in zip(_RESCALE, (1.0, 0.0), strict=True)
    )
    frames = (
        lake.scan(IMAGING_FRAME, ["instance_id", "frame_number", *_RESCALE, *LINEAGE])
        .join(images, on=["instance_id", *LINEAGE], how="inner", suffix="_of_image")
        .select("instance_id", "frame_number", slope, intercept.alias("intercept"))
        .collect()
    )
    return {(image, number): (m, b) for image, number, m, b in frames.iter_rows()}
