"""The rows of a data set of images: which frames and volumes of the lake a recipe asked for.

Rows hold no pixels. They name each slice and the SHA-256 of its pixels, with all that is said of
its values, so the digest of the data set covers what the model will see.
"""

from pathlib import Path

import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_MASK
from medplatform.training.data import IMAGES
from medplatform.training.images.spec import ImageSpec, Percentiles, Units
from medplatform.training.recipe import Collected, TrainingError
from medplatform.volumes import VOLUME
from medplatform.volumes.planes import LINEAGE, current_images

_MEANING = {
    "rescale_slope": "slope",
    "rescale_intercept": "intercept",
    "photometric": "photometric",
    "window_center": "window_center",
    "window_width": "window_width",
    "voi_lut_function": "voi_function",
    "pixel_padding_value": "padding",
}
"""Columns of frames and images, and what `prepare.Meaning` calls them."""
_OF_BOTH = (
    "pixel_spacing_row_mm",
    "pixel_spacing_column_mm",
    *(name for name in _MEANING if name != "pixel_padding_value"),
)
"""Said of a frame, else of its image."""
MASK_KEY = ("mask_id", "source_id", "record_number")
"""Of a corrected segmentation a mask has the id of the one before, so its lineage names it too."""
_KEPT = (
    "instance_id",
    "series_id",
    "study_id",
    "modality",
    "body_part",
    "laterality",
    "view_position",
    "manufacturer",
    "patient_sex",
    "patient_age_years",
    "label",
)


class VolumesMissing(TrainingError):
    """The volumes of the lake have not been assembled; the message says how to."""


def collect_images(lake: Lake, marts: Path, *, spec: ImageSpec) -> Collected:
    """One row per frame or volume that the spec asks for: what `Recipe.collect` returns.

    Columns are image_id, patient_id, what is known of the image, `spacing_mm` in the order of
    `spec.size`, and `slices`: instance_id, frame_number, pixel_sha256, the meaning of the values,
    and where the spec has masks, their ids and lineage.

    Raises
    ------
    VolumesMissing
        Volumes are asked for, and the mart of volumes was not built.
    """
    frames = _find_frames(lake, spec)
    if spec.has_masks:
        key = ["instance_id", "frame_number", "height", "width"]
        frames = frames.join(_find_masks(lake, key), on=key, how="left")
    rows = _gather_volumes(frames, marts) if spec.of == "volumes" else _gather_frames(frames)
    if spec.has_masks:
        is_masked = pl.element().struct.field("masks").list.len() > 0
        rows = rows.filter(pl.col("slices").list.eval(is_masked).list.any())
    if spec.spacing_mm:
        rows = rows.filter(
            pl.col("spacing_mm").list.eval((pl.element() > 0).fill_null(value=False)).list.all()
        )
    return Collected(rows.sort("image_id"), {IMAGES: spec.model_dump(mode="json")})


def _find_frames(lake: Lake, spec: ImageSpec) -> pl.DataFrame:
    """The frames of the images that the spec asks for: what each says of itself goes before what
    its image says of all."""
    wanted = [
        pl.col(name).is_in(values)
        for name, values in (
            ("modality", spec.modalities),
            ("body_part", spec.body_parts),
            ("view_position", spec.views),
        )
        if values
    ]
    columns = [*_KEPT, *_OF_BOTH, "pixel_padding_value"]
    images = current_images(lake, [*columns, "has_modality_lut"]).filter(pl.lit(True), *wanted)
    key = ["instance_id", *LINEAGE]
    own = ["frame_number", "height", "width", "channels", "pixel_sha256", *_OF_BOTH]
    frames = lake.scan(IMAGING_FRAME, [*key, *own]).join(
        images, on=key, how="inner", suffix="_of_image"
    )
    if isinstance(spec.intensity, Units):
        frames = frames.filter(pl.col("channels") == 1)
    if not isinstance(spec.intensity, Percentiles):
        # The table that gives their values is not applied, so no window is of their units.
        frames = frames.filter(~pl.col("has_modality_lut").fill_null(value=False))
    either = [pl.coalesce(name, f"{name}_of_image").alias(name) for name in _OF_BOTH]
    names = ["patient_id", "frame_number", "height", "width", "pixel_sha256", *columns]
    return frames.with_columns(either).select(names).rename(_MEANING).collect()


def _find_masks(lake: Lake, key: list[str]) -> pl.DataFrame:
    """The masks that count of each frame that has any of its own size.

    Of a segmentation (DICOM SEG) the masks of the object that counts do, as many as it has; of
    other masks the newest of each.
    """
    masks = lake.scan(IMAGING_MASK, [*key, *MASK_KEY, "delivery", "segmentation_id"])
    objects = current_images(lake, []).select(*LINEAGE, segmentation_id="instance_id")
    of_objects = masks.join(objects, on=["segmentation_id", *LINEAGE], how="semi")
    others = (
        masks.filter(pl.col("segmentation_id").is_null())
        .sort(LINEAGE, descending=[True, False, False])
        .unique("mask_id", keep="first")
    )
    return (
        pl.concat([of_objects, others])
        .drop_nulls(key)
        .group_by(key)
        .agg(masks=pl.struct(MASK_KEY).unique().sort())
        .collect()
    )


def _slice(frames: pl.DataFrame) -> pl.Expr:
    names = ("instance_id", "frame_number", "pixel_sha256", *_MEANING.values(), "masks")
    present = [name for name in names if name in frames.columns]
    return pl.struct(present)


def _gather_frames(frames: pl.DataFrame) -> pl.DataFrame:
    return frames.select(
        pl.format("{}:{}", "instance_id", "frame_number").alias("image_id"),
        "patient_id",
        *_KEPT,
        pl.concat_list("pixel_spacing_row_mm", "pixel_spacing_column_mm").alias("spacing_mm"),
        pl.concat_list(_slice(frames)).alias("slices"),
    )


def _gather_volumes(frames: pl.DataFrame, marts: Path) -> pl.DataFrame:
    """One row per volume without fault of which all slices are wanted."""
    path = marts / f"{VOLUME.name}.parquet"
    if not path.exists():
        raise VolumesMissing(
            f"The volumes of the lake are not assembled: {path.name} is missing among the marts. "
            f"Materialize marts/{VOLUME.name}, or run: medplatform build"
        )
    volumes = (
        pl.scan_parquet(path)
        .filter(pl.col("geometry_status") == "volume")
        .select(
            image_id=pl.format("{}:{}", "series_id", "volume_number"),
            slices_expected="slices",
            spacing_mm=pl.concat_list(
                "slice_spacing_mm", "pixel_spacing_row_mm", "pixel_spacing_column_mm"
            ),
            instance_id="instance_ids",
            frame_number="frame_numbers",
            slice_index="slice_indexes",
        )
        .collect()
    )
    listed = volumes.explode("instance_id", "frame_number", "slice_index")
    known = [name for name in _KEPT if name != "instance_id"]
    return (
        listed.join(frames, on=["instance_id", "frame_number"], how="inner")
        .sort("image_id", "slice_index")
        .group_by("image_id", maintain_order=True)
        .agg(
            pl.col("slices_expected").first(),
            pl.col("patient_id").unique(),
            *(pl.col(name).first() for name in known),
            pl.col("spacing_mm").first(),
            slices=_slice(frames),
        )
        .filter(
            pl.col("slices").list.len() == pl.col("slices_expected"),
            pl.col("patient_id").list.len() == 1,
        )
        .with_columns(pl.col("patient_id").list.first())
        .drop("slices_expected")
    )
