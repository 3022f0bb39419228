"""The images and frames of the lake that count, and where in space the frames lie.

Never reads pixels.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import polars as pl

from medplatform.lake import Lake
from medplatform.lake.current import LINEAGE_COLUMNS as LINEAGE
from medplatform.modalities.ehr.deleted import find_deleted_patients
from medplatform.modalities.imaging import current
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE

POSITION = ("x", "y", "z")
ORIENTATION = ("row_x", "row_y", "row_z", "column_x", "column_y", "column_z")
"""Direction cosines of a row (towards higher columns), and of a column (towards higher rows)."""
SPACING = ("row_spacing", "column_spacing")
_SPACING_COLUMNS = ("pixel_spacing_row_mm", "pixel_spacing_column_mm")
RIGID = 1e-2
"""By how much squares and products of direction cosines may be off: they are often rounded."""

TRUNCATED = "pixels.truncated"
"""Why an image is refused of which the pixel data ends before the last frame."""
_OF_BOTH = (
    "image_position_mm",
    "image_orientation",
    "pixel_spacing_row_mm",
    "pixel_spacing_column_mm",
    "slice_thickness_mm",
    "spacing_between_slices_mm",
    "image_type",
    "acquired_at",
)
"""What a frame says of itself, else its image of it."""
INSTANCE_COLUMNS = (
    "instance_id",
    "series_id",
    "study_id",
    "patient_id",
    "modality",
    "body_part",
    "frames",
    "instance_number",
    "study_at",
    "frame_of_reference_id",
    "acquisition_number",
    "echo_time_ms",
    "b_value_s_mm2",
    "frame_reference_ms",
    *_OF_BOTH,
)
FRAME_COLUMNS = (
    "instance_id",
    "frame_number",
    "height",
    "width",
    "pixel_sha256",
    "stack_id",
    "temporal_position",
    "matrix_row",
    *_OF_BOTH,
)


@dataclass(frozen=True, slots=True)
class Images:
    """What series are assembled from: the images that count, and their frames.

    `refused` has one row per image that is in quarantine and of which the series is known, unless
    it came again: series_id and `is_truncated`, whether its pixel data ends too soon.
    """

    instances: pl.DataFrame
    frames: pl.DataFrame
    refused: pl.DataFrame


def read_images(lake: Lake) -> Images:
    """The images that count: of each the newest delivery, none of a deleted patient.

    Of images of one delivery that of the smallest source_id counts, as in the warehouse
    (`medplatform.lake.current`); frames are those of the row that counts.
    """
    instances = current_images(lake, INSTANCE_COLUMNS)
    frames = lake.scan(IMAGING_FRAME, [*FRAME_COLUMNS, *LINEAGE]).join(
        instances.select("instance_id", *LINEAGE), on=["instance_id", *LINEAGE], how="semi"
    )
    known, of_known = pl.collect_all([instances, frames])
    return Images(known.drop(LINEAGE), of_known.drop(LINEAGE), _find_refused(lake, known))


def current_images(
    lake: Lake, columns: Iterable[str], *, instance_ids: Collection[str] | None = None
) -> pl.LazyFrame:
    """The rows of `imaging_instance` that count, of all patients whom no source has deleted; see
    `medplatform.modalities.imaging.current`."""
    deleted = find_deleted_patients(lake)
    return current.current_images(
        lake, columns, deleted_patients=deleted, instance_ids=instance_ids
    )


def _find_refused(lake: Lake, known: pl.DataFrame) -> pl.DataFrame:
    return (
        lake.quarantine(IMAGING_INSTANCE.modality)
        .filter((pl.col("severity") == "error") & pl.col("part_of").is_not_null())
        .drop_nulls("record_id")
        .join(
            known.select(record_id="instance_id", part_of="series_id"),
            on=["record_id", "part_of"],
            how="anti",
        )
        .group_by("record_id", series_id="part_of")
        .agg(is_truncated=(pl.col("code") == TRUNCATED).any())
        .select("series_id", "is_truncated")
    )


def find_planes(images: Images) -> pl.DataFrame:
    """One row per frame, with what its image says and where it lies in space.

    Columns x, y, z of the first pixel, the direction cosines and the spacings in the patient system
    (LPS, mm), and `depth`, how far the next slice would be; null where the frame or its image does
    not say. What the frame says goes before what its image says; one position is none of several
    frames. `is_placed` where all are there, the directions are perpendicular ones of length 1, and
    the frame is no tile of a slide.
    """
    instance = images.instances.rename({name: f"{name}_of_image" for name in _OF_BOTH})
    is_single = pl.col("frames") == 1
    of_image = {name: pl.col(f"{name}_of_image") for name in _OF_BOTH}
    of_image["image_position_mm"] = pl.when(is_single).then(of_image["image_position_mm"])
    return (
        images.frames.join(instance, on="instance_id", how="inner")
        .with_columns(pl.coalesce(name, said).alias(name) for name, said in of_image.items())
        .with_columns(
            *_numbers("image_position_mm", POSITION),
            *_numbers("image_orientation", ORIENTATION),
        )
        .rename(dict(zip(_SPACING_COLUMNS, SPACING, strict=True)))
        .with_columns(
            is_placed=_is_placed(),
            depth=pl.coalesce(
                pl.col("spacing_between_slices_mm").abs(), pl.col("slice_thickness_mm")
            ),
        )
        .drop("image_position_mm", "image_orientation", *(f"{name}_of_image" for name in _OF_BOTH))
    )


def _is_placed() -> pl.Expr:
    a, b = ORIENTATION[:3], ORIENTATION[3:]

    def dot(left: tuple[str, ...], right: tuple[str, ...]) -> pl.Expr:
        return pl.sum_horizontal(
            (pl.col(i) * pl.col(j) for i, j in zip(left, right, strict=True)), ignore_nulls=False
        )

    is_rigid = [
        (dot(a, a) - 1).abs() < RIGID,
        (dot(b, b) - 1).abs() < RIGID,
        dot(a, b).abs() < RIGID,
    ]
    known = [pl.col(name).is_finite() for name in POSITION]
    spaced = [pl.col(name) > 0 for name in SPACING]
    placed = pl.all_horizontal(*is_rigid, *known, *spaced).fill_null(value=False)
    return placed & pl.col("matrix_row").is_null()


def _numbers(column: str, names: Iterable[str]) -> list[pl.Expr]:
    return [
        pl.col(column).list.get(number, null_on_oob=True).alias(name)
        for number, name in enumerate(names)
    ]
