"""The pixels of frames with their rescale, which makes values of the modality of them."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.imaging.frames import FrameStore
from medplatform.modalities.imaging.rescaling import INTERCEPT, SLOPE
from medplatform.modalities.imaging.tables import IMAGING_FRAME
from medplatform.volumes.planes import LINEAGE, current_images

_RESCALE = ("rescale_slope", "rescale_intercept")
Meaning = tuple[float, float, bool]
"""Slope, intercept, and whether a table stands in their place."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Stored pixels, (height, width) or (height, width, channels), and what they mean.

    A value is `pixels * slope + intercept` (PS3.3 C.11.1.1.2), but for an image `has_modality_lut`:
    its values are in a table.
    """

    pixels: np.ndarray
    slope: float
    intercept: float
    has_modality_lut: bool = False


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of some images, read when they are asked for."""

    _store: FrameStore
    _meanings: dict[tuple[str, int], Meaning]

    def read(self, frames: Sequence[tuple[str, int]]) -> list[Frame]:
        """Frames by instance_id and number.

        Raises
        ------
        KeyError
            The lake does not have one.
        """
        return [Frame(self._store.read(*frame), *self._meanings[frame]) for frame in frames]


@contextmanager
def open_frames(lake: Lake, instance_ids: pl.Series) -> Iterator[Frames]:
    """The frames of some images of the lake."""
    wanted = instance_ids.drop_nulls().to_list()
    meanings = _read_meanings(lake, wanted)
    with FrameStore(lake, wanted) as store:
        yield Frames(store, meanings)


def _read_meanings(lake: Lake, wanted: Collection[str]) -> dict[tuple[str, int], Meaning]:
    """Of each frame, what it says itself, else what its image says."""
    images = current_images(lake, [*_RESCALE, "has_modality_lut"], instance_ids=wanted)
    slope, intercept = (
        pl.coalesce(name, f"{name}_of_image", pl.lit(default))
        for name, default in zip(_RESCALE, (SLOPE, INTERCEPT), strict=True)
    )
    frames = (
        lake.scan(IMAGING_FRAME, ["instance_id", "frame_number", *_RESCALE, *LINEAGE])
        .join(images, on=["instance_id", *LINEAGE], how="inner", suffix="_of_image")
        .select(
            *("instance_id", "frame_number"),
            slope,
            intercept.alias("intercept"),
            pl.col("has_modality_lut").fill_null(value=False),
        )
        .collect()
    )
    return {(image, number): (m, b, has) for image, number, m, b, has in frames.iter_rows()}
