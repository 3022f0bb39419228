"""Outlines of lesions in two-dimensional images, learnt from masks."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator

from medplatform.clinical import gates
from medplatform.lake import Lake, Table
from medplatform.lake.current import LINEAGE_COLUMNS
from medplatform.training.recipe import Collected, Recipe, TrainingConfig
from medplatform.training.recipes.lesion_images import resize_image, resize_mask, to_uint8

if TYPE_CHECKING:
    from medplatform.training.learner import Learner

MAX_SIZE = 256
SIZE_STEP = 32
BATCH_ROWS = 16
FrameKey = tuple[str, int]
"""Instance and frame number."""
PackedMask = tuple[NDArray[np.uint8], tuple[int, int]]
"""One bit per pixel, and the shape."""

_INSTANCE_COLUMNS = (
    "instance_id",
    "patient_id",
    "rows",
    "columns",
    "samples_per_pixel",
    "photometric",
    "patient_sex",
    "manufacturer",
)
_PIXEL_COLUMNS = ("instance_id", "frame_number", "height", "width", "codec", "pixels")
_MASK_COLUMNS = (*_PIXEL_COLUMNS, "segmentation_id", *LINEAGE_COLUMNS)
_FRAME_COLUMNS = (*_PIXEL_COLUMNS, "patient_id", "channels", "dtype")

_SCHEMA = {
    "image_id": pl.String,
    "instance_id": pl.String,
    "frame_number": pl.Int32,
    "patient_id": pl.String,
    "image": pl.Binary,
    "mask": pl.Binary,
    "height": pl.Int32,
    "width": pl.Int32,
    "channels": pl.Int32,
    "foreground_fraction": pl.Float64,
    "patient_sex": pl.String,
    "manufacturer": pl.String,
}


class LesionSegmentationConfig(TrainingConfig):
    """A residual U-Net that is trained on random crops and applied to whole images."""

    epochs: Annotated[int, Field(ge=1, description="Passes over the images, at most.")] = 25
    batch_size: Annotated[int, Field(ge=1, description="Crops per optimiser step.")] = 8
    learning_rate: Annotated[
        float, Field(gt=0, description="Peak learning rate of AdamW; warms up, then falls to 0.")
    ] = 3e-3
    # At a high learning rate the validation Dice jumps from epoch to epoch (0.86, then 0.13 for
    # eight of them), and only settles when the rate has fallen: to 0.93.
    patience: Annotated[
        int,
        Field(ge=1, description="Epochs without a better validation Dice before stopping early."),
    ] = 15
    channels: Annotated[
        tuple[int, ...],
        Field(min_length=2, description="Width of each level; each level halves the resolution."),
    ] = (16, 32, 64, 128, 256)
    residual_units: Annotated[int, Field(ge=0, description="Residual units per level.")] = 2
    crop_size: Annotated[
        int, Field(ge=16, description="Edge of the square training crops, in pixels.")
    ] = 128
    intensity_jitter: Annotated[
        float,
        Field(ge=0, le=1, description="Strength of random gamma, contrast and brightness."),
    ] = 0.5

    @model_validator(mode="after")
    def _halves_at_every_level(self) -> Self:
        step = 2 ** (len(self.channels) - 1)
        if self.crop_size % step:
            raise ValueError(
                f"crop_size must be a multiple of {step}: {len(self.channels)} levels halve it "
                f"{len(self.channels) - 1} times"
            )
        return self


def collect(lake: Lake, marts: Path, *, image_size: int | None = None) -> Collected:
    """One row per image that has a mask, resized to one common square size.

    Masks of one image are united. Intensities are stretched per image to uint8. Images of patients
    whom their source deleted are left out.

    Parameters
    ----------
    image_size
        Edge in pixels, a multiple of 32; by default that of a typical image, at most 256.
    """
    from medplatform.modalities.ehr.deleted import find_deleted_patients
    from medplatform.modalities.imaging.tables import (
        IMAGING_FRAME,
        IMAGING_INSTANCE,
        IMAGING_MASK,
    )

    masks = _united_masks(lake, IMAGING_MASK)
    masked = pl.Series(sorted({instance for instance, _ in masks}), dtype=pl.String)
    instances = (
        lake.scan(IMAGING_INSTANCE, _INSTANCE_COLUMNS)
        .filter(
            pl.col("instance_id").is_in(masked.implode()),
            ~pl.col("patient_id").is_in(find_deleted_patients(lake)),
        )
        .unique("instance_id", keep="last", maintain_order=True)
        .collect()
    )
    size = image_size or _common_size(instances)
    channels = 3 if instances.height and (instances["samples_per_pixel"] == 3).all() else 1
    images: dict[FrameKey, dict[str, Any]] = {}
    by_id = {row["instance_id"]: row for row in instances.iter_rows(named=True)}
    for frame in _rows(lake, IMAGING_FRAME, _FRAME_COLUMNS):
        key = (frame["instance_id"], frame["frame_number"])
        if key in masks and key[0] in by_id:
            row = _image_row(frame, by_id[key[0]], masks[key], size, channels)
            if row:
                images[key] = row
    rows = pl.DataFrame(list(images.values()), schema=_SCHEMA)
    return Collected(rows, {"image_size": size, "channels": channels})


def _common_size(instances: pl.DataFrame) -> int:
    """The median of the longer edges, rounded up to a step and bounded."""
    edges = instances.select(pl.max_horizontal("rows", "columns")).to_series().drop_nulls()
    if edges.is_empty():
        return MAX_SIZE
    steps = -(-int(np.median(edges.to_numpy())) // SIZE_STEP)
    return min(max(steps, 1) * SIZE_STEP, MAX_SIZE)


def _united_masks(lake: Lake, table: Table) -> dict[FrameKey, PackedMask]:
    """The union of all segments of each frame, of a segmentation only as it counts now."""
    from medplatform.modalities.imaging.codec import decode
    from medplatform.modalities.imaging.current import current_images

    objects = current_images(lake).select("instance_id", *LINEAGE_COLUMNS).collect()
    counting = set(objects.iter_rows())
    united: dict[FrameKey, PackedMask] = {}
    for row in _rows(lake, table, _MASK_COLUMNS):
        segmentation = row["segmentation_id"]
        lineage = (row[name] for name in LINEAGE_COLUMNS)
        is_replaced = segmentation is not None and (segmentation, *lineage) not in counting
        if row["instance_id"] is None or is_replaced:
            continue
        shape = (row["height"], row["width"])
        bits = np.packbits(decode(row["codec"], row["pixels"], dtype="uint8", shape=shape) > 0)
        key = (row["instance_id"], row["frame_number"])
        known = united.get(key)
        if known is not None and known[1] == shape:
            bits |= known[0]
        united[key] = (bits, shape)
    return united


def _image_row(
    frame: dict[str, Any],
    instance: dict[str, Any],
    packed: PackedMask,
    size: int,
    channels: int,
) -> dict[str, Any] | None:
    """The row of one frame; None where its mask has another shape than the frame."""
    from medplatform.modalities.imaging.codec import decode

    bits, shape = packed
    if shape != (frame["height"], frame["width"]):
        return None
    layers = () if frame["channels"] == 1 else (frame["channels"],)
    pixels = decode(frame["codec"], frame["pixels"], dtype=frame["dtype"], shape=shape + layers)
    image = to_uint8(pixels, inverted=instance["photometric"] == "MONOCHROME1")
    mask = resize_mask(np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape), size)
    return {
        "image_id": f"{frame['instance_id']}:{frame['frame_number']}",
        "instance_id": frame["instance_id"],
        "frame_number": frame["frame_number"],
        "patient_id": frame["patient_id"],
        "image": resize_image(image, size, channels).tobytes(),
        "mask": mask.tobytes(),
        "height": size,
        "width": size,
        "channels": channels,
        "foreground_fraction": float(mask.mean()),
        "patient_sex": instance["patient_sex"],
        "manufacturer": instance["manufacturer"],
    }


def _rows(lake: Lake, table: Table, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for batch in lake.iter_batches(table, columns, BATCH_ROWS):
        yield from batch.to_pylist()


def _load_learner() -> "type[Learner]":
    from medplatform.training.recipes.lesion_segmentation_model import LesionSegmentationLearner

    return LesionSegmentationLearner


LESION_SEGMENTATION = Recipe(
    name="lesion_segmentation",
    title="Outlines of lesions",
    intended_use="Proposes an outline of what was marked in the training masks, on "
    "two-dimensional images of the same kind, for a reader to accept or to correct. Not for "
    "images of another body part, modality or staining, and not as the only reader.",
    task="segmentation",
    metric="dice",
    depends_on=("lake/imaging_instance", "lake/imaging_frame", "lake/imaging_mask"),
    modalities=("imaging",),
    split_salt="lesion_segmentation",
    row_id="image_id",
    minimum_patients=10,
    config=LesionSegmentationConfig,
    debug=LesionSegmentationConfig(epochs=2, channels=(4, 8), residual_units=0, crop_size=32),
    gates=gates.LESION_SEGMENTATION,
    collect=collect,
    load_learner=_load_learner,
)
