"""The geometry of volumes: affine, spacing, tilt, and what is wrong with them."""

import numpy as np
import polars as pl

from medplatform.volumes.faults import SHIFTED_PIXELS, TILT_DEGREES
from medplatform.volumes.gaps import with_steps
from medplatform.volumes.planes import ORIENTATION, POSITION, SPACING
from medplatform.volumes.stacks import DIMENSIONS, IN_TIME, REPETITION, find_normal

_ENDS = ("first", "last")
_KEPT = ("series_id", "study_id", "patient_id", "modality", "stack", "dimension")


def describe_volumes(planes: pl.DataFrame) -> pl.DataFrame:
    """One row per volume of planes that have `volume`, `distance` and `place`.

    Of frames at one place the first in time is the slice, the others are duplicates.
    """
    slices = with_steps(
        planes.sort("volume", "place", *IN_TIME).unique(
            ["volume", "place"], keep="first", maintain_order=True
        ),
        ["volume"],
    )
    counts = planes.group_by("volume").agg(planes=pl.len())
    volumes = _summarise(_index(slices)).join(counts, on="volume")
    volumes = volumes.with_columns(
        duplicate_slices=pl.col("planes").cast(pl.Int64) - pl.col("images"),
        missing_slices=pl.col("slices").cast(pl.Int64) - pl.col("images"),
    )
    return _with_affine(_with_step_vector(volumes))


def _index(slices: pl.DataFrame) -> pl.DataFrame:
    """Where each slice is along the third axis, and how far beside the line of the others."""
    steps = pl.when("is_uneven").then(1).otherwise(pl.col("steps")).fill_null(0)
    run = pl.col("distance") - pl.col("distance").first().over("volume")
    length = pl.col("distance").last().over("volume") - pl.col("distance").first().over("volume")
    beside = [
        pl.col(axis)
        - pl.col(axis).first().over("volume")
        - (pl.col(axis).last() - pl.col(axis).first()).over("volume") * run / length
        for axis in POSITION
    ]
    return slices.with_columns(
        index=steps.cast(pl.Int32).cum_sum().over("volume"),
        beside=pl.sum_horizontal(part**2 for part in beside).sqrt().fill_nan(0),  # single: 0 / 0
    )


def _summarise(slices: pl.DataFrame) -> pl.DataFrame:
    same = (
        pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name)
        for name in (*DIMENSIONS, REPETITION)
    )
    return slices.group_by("volume").agg(
        *(pl.col(name).first() for name in _KEPT),
        *(pl.col(axis).first().alias(f"{axis}_first") for axis in POSITION),
        *(pl.col(axis).last().alias(f"{axis}_last") for axis in POSITION),
        *(pl.col(name).first() for name in (*ORIENTATION, *SPACING)),
        *same,
        pl.col("height").first().alias("rows"),
        pl.col("width").first().alias("columns"),
        pl.col("depth").first(),
        pl.col("step").first(),
        pl.len().cast(pl.Int64).alias("images"),
        (pl.col("index").max() + 1).alias("slices"),
        pl.col("is_uneven").any().alias("has_variable_spacing"),
        (pl.col("beside") > SHIFTED_PIXELS * pl.col("column_spacing"))
        .any()
        .fill_null(value=False)
        .alias("has_shifted_slices"),
        pl.col("instance_id").alias("instance_ids"),
        pl.col("frame_number").alias("frame_numbers"),
        pl.col("index").alias("slice_indexes"),
    )


def _with_step_vector(volumes: pl.DataFrame) -> pl.DataFrame:
    """From one slice to the next: `step_x`, `step_y`, `step_z`; the spacing and the tilt of it.

    Of a single slice along the normal, to where the next one would be.
    """
    normal = find_normal([pl.col(name) for name in ORIENTATION])
    is_stack = pl.col("images") > 1
    steps = [
        pl.when(is_stack)
        .then((pl.col(f"{axis}_last") - pl.col(f"{axis}_first")) / (pl.col("slices") - 1))
        .otherwise(part * pl.when(pl.col("depth") > 0).then("depth"))
        .alias(f"step_{axis}")
        for axis, part in zip(POSITION, normal, strict=True)
    ]
    found = volumes.with_columns(steps)
    vector = [pl.col(f"step_{axis}") for axis in POSITION]
    along = pl.sum_horizontal(
        (v * n for v, n in zip(vector, normal, strict=True)), ignore_nulls=False
    )
    across = pl.sum_horizontal(
        ((v - along * n) ** 2 for v, n in zip(vector, normal, strict=True)), ignore_nulls=False
    ).sqrt()
    tilt = pl.arctan2(across, along).degrees()
    return found.with_columns(
        slice_spacing_mm=pl.when("has_variable_spacing").then("step").otherwise(along),
        tilt_degrees=tilt,
        has_gantry_tilt=(tilt > TILT_DEGREES).fill_null(value=False),
    )


def _with_affine(volumes: pl.DataFrame) -> pl.DataFrame:
    """The affine, 16 numbers row by row, and the orientation that nibabel gives it."""
    column_step = [pl.col(name) * pl.col("column_spacing") for name in ORIENTATION[:3]]
    row_step = [pl.col(name) * pl.col("row_spacing") for name in ORIENTATION[3:]]
    numbers = [
        part * (1 if axis == "z" else -1) + 0.0  # from LPS to RAS, without -0
        for number, axis in enumerate(POSITION)
        for part in (
            column_step[number],
            row_step[number],
            pl.col(f"step_{axis}"),
            pl.col(f"{axis}_first"),
        )
    ]
    last_row = [pl.lit(value, pl.Float64) for value in (0, 0, 0, 1)]
    affine = pl.concat_list(*numbers, *last_row)
    volumes = volumes.with_columns(
        pl.when(pl.col("step_x").is_not_null()).then(affine).alias("affine")
    )
    names = [name_orientation(affine) for affine in volumes["affine"]]
    return volumes.with_columns(pl.Series("orientation", names, pl.String))


def name_orientation(affine: pl.Series | list[float] | None) -> str | None:
    """Where the axes of an affine go to, as nibabel says: `RAS`, `LPS`, …"""
    if affine is None:
        return None
    import nibabel

    codes = nibabel.aff2axcodes(np.reshape(np.asarray(affine), (4, 4)))
    return "".join(code or "?" for code in codes)
