"""The images and frames of the lake that count, and where in space the frames lie.

Never reads pixels.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from medplatform.lake import Lake, Table
from medplatform.modalities.ehr.deleted import find_deleted_patients
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE

POSITION = ("x", "y", "z")
ORIENTATION = ("row_x", "row_y", "row_z", "column_x", "column_y", "column_z")
"""Direction cosines of a row (towards higher columns), and of a column (towards higher rows)."""
SPACING = ("row_spacing", "column_spacing")
_SPACING_COLUMNS = ("pixel_spacing_row_mm", "pixel_spacing_column_mm")
RIGID = 1e-2
"""By how much squares and products of direction cosines may be off: they are often rounded."""

LINEAGE = ("delivery", "source_id", "record_number")
_OF_BOTH = {
    "image_position_mm": pl.List(pl.Float64),
    "image_orientation": pl.List(pl.Float64),
    "pixel_spacing_row_mm": pl.Float64,
    "pixel_spacing_column_mm": pl.Float64,
    "slice_thickness_mm": pl.Float64,
    "spacing_between_slices_mm": pl.Float64,
    "image_type": pl.List(pl.String),
    "acquired_at": pl.Datetime("us", "UTC"),
}
"""What a frame says of itself, else its image of it."""
INSTANCE_COLUMNS = pl.Schema(
    {
        "instance_id": pl.String,
        "series_id": pl.String,
        "study_id": pl.String,
        "patient_id": pl.String,
        "modality": pl.String,
        "body_part": pl.String,
        "frames": pl.Int32,
        "instance_number": pl.Int32,
        "study_at": pl.Datetime("us", "UTC"),
        "frame_of_reference_id": pl.String,
        "acquisition_number": pl.Int32,
        "echo_time_ms": pl.Float64,
        "b_value_s_mm2": pl.Float64,
        "frame_reference_ms": pl.Float64,
        **_OF_BOTH,
    }
)
FRAME_COLUMNS = pl.Schema(
    {
        "instance_id": pl.String,
        "frame_number": pl.Int32,
        "height": pl.Int32,
        "width": pl.Int32,
        "pixel_sha256": pl.String,
        "stack_id": pl.String,
        "temporal_position": pl.Int32,
        "matrix_row": pl.Int32,
        **_OF_BOTH,
    }
)


@dataclass(frozen=True, slots=True)
class Images:
    """What series are assembled from: the images that count, and their frames."""

    instances: pl.DataFrame
    frames: pl.DataFrame


def read_images(lake: Lake) -> Images:
    """The images that count: of each the newest delivery, none of a deleted patient.

    Of images of one delivery that of the smallest source_id counts, as in the warehouse
    (`medplatform.lake.current`); frames are those of the row that counts.
    """
    instances = current_images(lake, INSTANCE_COLUMNS)
    frames = _scan(lake, IMAGING_FRAME, FRAME_COLUMNS).join(
        instances.select("instance_id", *LINEAGE), on=["instance_id", *LINEAGE], how="semi"
    )
    both = pl.collect_all([instances, frames])
    return Images(*(frame.drop(LINEAGE) for frame in both))


def current_images(lake: Lake, columns: pl.Schema) -> pl.LazyFrame:
    """The rows of `imaging_instance` that count, with patient and lineage beside the columns."""
    return (
        _scan(lake, IMAGING_INSTANCE, pl.Schema({"patient_id": pl.String, **columns}))
        .filter(~pl.col("patient_id").is_in(find_deleted_patients(lake)))
        .sort("delivery", "source_id", "record_number", descending=[True, False, False])
        .unique("instance_id", keep="first", maintain_order=True)
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


def _scan(lake: Lake, table: Table, columns: pl.Schema) -> pl.LazyFrame:
    """Columns of a table with their lineage; null where the table does not declare one."""
    declared = {column.name for column in table.all_columns}
    absent = [pl.lit(None, dtype).alias(n) for n, dtype in columns.items() if n not in declared]
    stored = [name for name in columns if name in declared]
    return lake.scan(table, [*stored, *LINEAGE]).with_columns(absent)
