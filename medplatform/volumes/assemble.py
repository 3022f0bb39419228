"""From images and frames to series, studies and volumes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from medplatform.volumes.faults import OF_SERIES, OF_VOLUME
from medplatform.volumes.geometry import describe_volumes
from medplatform.volumes.planes import Images, find_planes
from medplatform.volumes.stacks import (
    DIMENSIONS,
    OF_ORIENTATION,
    OF_SPACING,
    REPETITION,
    find_stacks,
    find_volumes,
)
from medplatform.volumes.tables import SERIES, STUDY, VOLUME, Derived

CROSS_SECTIONAL = ("CT", "MR", "PT")
"""Modalities of which every image has a place in space (PS3.3 C.7.6.2)."""

_GEOMETRY = (
    "rows",
    "columns",
    "slices",
    "pixel_spacing_row_mm",
    "pixel_spacing_column_mm",
    "slice_spacing_mm",
    "affine",
    "orientation",
    "tilt_degrees",
)
_SUMMED = ("missing_slices", "duplicate_slices")
_ANY = ("has_variable_spacing", "has_gantry_tilt", "has_shifted_slices")


@dataclass(frozen=True, slots=True)
class Assembly:
    """The rows of the three tables."""

    series: pl.DataFrame
    studies: pl.DataFrame
    volumes: pl.DataFrame


def assemble(images: Images) -> Assembly:
    """Put the frames of each series together.

    Images without a series or study, such as PNG files, are in no row of the table.
    """
    instances = images.instances.filter(pl.col("series_id").is_not_null())
    planes = find_planes(replace(images, instances=instances)).with_columns(
        is_localizer=_has_type("LOCALIZER"), is_mosaic=_has_type("MOSAIC")
    )
    placed = find_stacks(
        planes.filter(pl.col("is_placed") & ~pl.col("is_localizer") & ~pl.col("is_mosaic"))
    )
    mixed = _find_mixed(placed)
    refused = images.refused.group_by("series_id").agg(
        refused_images=pl.len().cast(pl.Int64), lacks_pixels=pl.col("is_truncated").any()
    )
    volumes = _finish_volumes(describe_volumes(find_volumes(placed)), mixed, refused)
    series = _find_series(instances, planes, mixed, refused, volumes)
    return Assembly(
        _shape(SERIES, series, ["series_id"]),
        _shape(STUDY, _find_studies(instances, planes, series), ["study_id"]),
        _shape(VOLUME, volumes, ["series_id", "volume_number"]),
    )


def _find_mixed(placed: pl.DataFrame) -> pl.DataFrame:
    """Per series: in what its images differ that one volume has one of."""

    def differ(*names: str) -> pl.Expr:
        return pl.struct(names).n_unique() > 1

    return placed.group_by("series_id").agg(
        has_mixed_patients=differ("patient_id"),
        has_mixed_frames_of_reference=differ("frame_of_reference_id"),
        has_mixed_orientation=differ(*OF_ORIENTATION),
        has_mixed_size=differ("height", "width"),
        has_mixed_spacing=differ(*OF_SPACING),
    )


def _finish_volumes(
    volumes: pl.DataFrame, mixed: pl.DataFrame, refused: pl.DataFrame
) -> pl.DataFrame:
    """Number the volumes of each series, and name what is wrong with them."""
    named = (
        volumes.rename(
            {"row_spacing": "pixel_spacing_row_mm", "column_spacing": "pixel_spacing_column_mm"}
        )
        .join(mixed, on="series_id", how="left")
        .join(refused, on="series_id", how="left")
        .with_columns(pl.col("refused_images").fill_null(0))
    )
    order = pl.col("images").sum().over("stack")
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("series_id")
    return (
        named.with_columns(order=order)
        .sort(
            *("series_id", "order", "stack", *DIMENSIONS, REPETITION, "volume"),
            descending=[False, True, *[False] * (len(DIMENSIONS) + 3)],
        )
        .with_columns(volume_number=number, faults=_name_faults(OF_VOLUME))
        .with_columns(
            geometry_status=pl.when(pl.col("faults").list.len() > 0)
            .then(pl.lit("volume_with_faults"))
            .when(pl.col("images") == 1)
            .then(pl.lit("single_slice"))
            .otherwise(pl.lit("volume"))
        )
    )


def _find_series(
    instances: pl.DataFrame,
    planes: pl.DataFrame,
    mixed: pl.DataFrame,
    refused: pl.DataFrame,
    volumes: pl.DataFrame,
) -> pl.DataFrame:
    series = _count_instances(instances)
    of_images = mixed.drop("has_mixed_patients")
    for part in (_count_planes(planes), _summarise_volumes(volumes), of_images, refused):
        series = series.join(part, on="series_id", how="left")
    return (
        series.with_columns(pl.col(pl.Boolean).fill_null(value=False))
        .with_columns(pl.col(pl.UInt32, pl.Int64).fill_null(0))
        .with_columns(
            # A series of segmentations or reports has no images that they could be among.
            non_images=pl.when(pl.col("images") > 0)
            .then(pl.col("instances") - pl.col("images"))
            .otherwise(0),
            images_without_position=_count_unplaced(),
            is_truncated=pl.col("is_truncated") | pl.col("lacks_pixels"),
        )
        .with_columns(faults=_name_faults(OF_SERIES), geometry_status=_series_status())
    )


def _count_instances(instances: pl.DataFrame) -> pl.DataFrame:
    return instances.group_by("series_id").agg(
        _only("study_id"),
        _only("patient_id"),
        _only("modality"),
        _only("body_part"),
        has_mixed_patients=pl.col("patient_id").n_unique() > 1,
        started_at=pl.col("acquired_at").min(),
        instances=pl.len(),
    )


def _count_planes(planes: pl.DataFrame) -> pl.DataFrame:
    frames = planes.group_by("series_id", "instance_id").agg(
        is_truncated=pl.len() < pl.col("frames").first()
    )
    return (
        planes.group_by("series_id")
        .agg(
            images=pl.col("instance_id").n_unique(),
            frames=pl.len(),
            unplaced=(~pl.col("is_placed") & ~pl.col("is_mosaic")).sum(),
            localizers=pl.col("is_localizer").sum(),
            has_localizer=pl.col("is_localizer").any(),
            is_mosaic=pl.col("is_mosaic").any(),
        )
        .join(
            frames.group_by("series_id").agg(pl.col("is_truncated").any()),
            on="series_id",
            how="left",
        )
    )


def _summarise_volumes(volumes: pl.DataFrame) -> pl.DataFrame:
    return volumes.group_by("series_id", maintain_order=True).agg(
        pl.col(*_GEOMETRY).first(),
        pl.col(*_SUMMED).sum(),
        pl.col(*_ANY).any(),
        volumes=pl.len(),
        has_fault=(pl.col("geometry_status") == "volume_with_faults").any(),
        has_stack=(pl.col("geometry_status") == "volume").any(),
    )


def _count_unplaced() -> pl.Expr:
    """Frames without a place in space, where the others have one or the modality demands it."""
    expected = pl.col("modality").is_in(CROSS_SECTIONAL) | (pl.col("unplaced") < pl.col("frames"))
    return pl.when(expected.fill_null(value=False)).then("unplaced").otherwise(0)


def _series_status() -> pl.Expr:
    return (
        pl.when("has_fault")
        .then(pl.lit("volume_with_faults"))
        .when("has_stack")
        .then(pl.lit("volume"))
        .when(pl.col("volumes") > 0)
        .then(pl.lit("single_slice"))
        .when((pl.col("frames") > 0) & (pl.col("localizers") == pl.col("frames")))
        .then(pl.lit("localizer"))
        .otherwise(pl.lit("no_volume"))
    )


def _find_studies(
    instances: pl.DataFrame, planes: pl.DataFrame, series: pl.DataFrame
) -> pl.DataFrame:
    known = instances.filter(pl.col("study_id").is_not_null())
    faulty = series.group_by("study_id").agg(
        volumes=pl.col("volumes").sum(),
        series_with_faults=(pl.col("faults").list.len() > 0).sum(),
    )
    frames = planes.group_by("study_id").agg(
        images=pl.col("instance_id").n_unique(), frames=pl.len()
    )
    return (
        known.group_by("study_id")
        .agg(
            _only("patient_id"),
            pl.col("study_at").min(),
            modalities=pl.col("modality").drop_nulls().unique().sort(),
            series=pl.col("series_id").n_unique(),
            instances=pl.len(),
        )
        .join(frames, on="study_id", how="left")
        .join(faulty, on="study_id", how="left")
        .with_columns(pl.col("images", "frames", "volumes", "series_with_faults").fill_null(0))
    )


def _only(name: str) -> pl.Expr:
    """The value of a column where there is one, null where there are several."""
    return pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name)


def _has_type(value: str) -> pl.Expr:
    """Whether Image Type (0008,0008) has a value."""
    return pl.col("image_type").list.contains(value).fill_null(value=False)


def _name_faults(columns: Mapping[str, str] | Iterable[str]) -> pl.Expr:
    """The names of the faults of which the columns are not false or 0."""
    names = [
        pl.when(pl.col(column).cast(pl.Int64) > 0).then(pl.lit(OF_SERIES[column]))
        for column in columns
    ]
    return pl.concat_list(names).list.drop_nulls()


def _shape(table: Derived, rows: pl.DataFrame, order: list[str]) -> pl.DataFrame:
    """Rows with exactly the columns of a table, sorted."""
    empty = pl.from_arrow(table.schema().empty_table())
    assert isinstance(empty, pl.DataFrame)
    return rows.select(pl.col(name).cast(dtype) for name, dtype in empty.schema.items()).sort(order)
