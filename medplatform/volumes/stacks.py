"""Which frames of a series belong together: stacks of one geometry, and the volumes in them.

Frames of one patient, coordinate system, orientation, size and spacing are a stack. Where a stack
has several frames at one place, a dimension (acquisition, time, echo, …) tells them apart, or they
are duplicates.
"""

from collections.abc import Sequence

import polars as pl

from medplatform.volumes.faults import SAME_COSINE, SAME_PLACE_MM, SAME_SPACING_MM
from medplatform.volumes.gaps import measure_gaps
from medplatform.volumes.planes import ORIENTATION, POSITION, SPACING

DIMENSIONS = (
    "acquisition_number",
    "stack_id",
    "temporal_position",
    "echo_time_ms",
    "b_value_s_mm2",
    "frame_reference_ms",
    "image_type",
)
"""What tells frames of one place apart, in the order in which it is tried."""
REPETITION = "repetition"
OF_ORIENTATION = tuple(f"{name}_number" for name in ORIENTATION)
OF_SPACING = tuple(f"{name}_number" for name in SPACING)
OF_ONE_STACK = ("series_id", "patient_id", "frame_of_reference_id", "height", "width")
IN_TIME = ("acquired_at", "instance_number", "instance_id", "frame_number")

_FOLLOWING = ("acquisition_number", "stack_id")
"""Dimensions of which the values may lie behind each other in space."""
_SMALLEST_PART = 3


def find_stacks(planes: pl.DataFrame) -> pl.DataFrame:
    """Planes with their `stack`, their `distance` along its normal in mm, and their `place` in it.

    Beside them the numbers of the orientation and spacing in the series, such as `row_x_number`.
    """
    frame = planes
    for name in ORIENTATION:
        frame = _number_values(frame, name, OF_ONE_STACK[:1], SAME_COSINE)
    for name in SPACING:
        frame = _number_values(frame, name, OF_ONE_STACK[:1], SAME_SPACING_MM)
    keys = [*OF_ONE_STACK, *OF_ORIENTATION, *OF_SPACING]
    stacks = frame.select(keys).unique().sort(keys).with_row_index("stack")
    frame = frame.join(stacks, on=keys, how="inner", nulls_equal=True)
    normal = find_normal([pl.col(name).mean().over("stack") for name in ORIENTATION])
    distance = pl.sum_horizontal(
        pl.col(axis) * part for axis, part in zip(POSITION, normal, strict=True)
    )
    frame = frame.with_columns(distance.alias("distance"))
    return _number_values(frame, "distance", ["stack"], SAME_PLACE_MM).rename(
        {"distance_number": "place"}
    )


def find_volumes(planes: pl.DataFrame) -> pl.DataFrame:
    """The planes of stacks with their `volume`, a number, and the `dimension` that made it."""
    frame = planes.with_columns(
        pl.col("image_type").list.join("\\"),
        volume=pl.col("stack"),
        dimension=pl.lit(None, pl.String),
    )
    for name in DIMENSIONS:
        frame = _split(frame, name)
    return _split_repetitions(frame)


def _split(frame: pl.DataFrame, dimension: str) -> pl.DataFrame:
    """Split the volumes in which a dimension tells frames of one place apart.

    It does so where it leaves fewer duplicates, and has no more values than frames are at a place:
    an acquisition per slice is no dimension. Acquisitions and stacks that lie behind each other
    with a gap between are told apart too, where each is an even stack for itself.
    """
    volumes = _count_duplicates(frame, ["volume"]).join(
        frame.group_by("volume").agg(values=pl.col(dimension).n_unique()), on="volume"
    )
    many = volumes.filter(pl.col("values") > 1).select("volume")
    if many.is_empty():
        return frame
    parts = _count_duplicates(frame.join(many, on="volume", how="semi"), ["volume", dimension])
    left = parts.group_by("volume").agg(left=pl.col("duplicates").sum())
    tells = volumes.join(left, on="volume").filter(
        (pl.col("left") < pl.col("duplicates")) & (pl.col("values") <= pl.col("most"))
    )
    split = set(tells["volume"])
    if dimension in _FOLLOWING:
        split |= _find_gapped(frame.join(many, on="volume", how="semi"), dimension)
    return _renumber(frame, pl.col("volume").is_in(list(split)), dimension)


def _find_gapped(frame: pl.DataFrame, dimension: str) -> set[int]:
    """Volumes of uneven distances in which each value of a dimension is an even stack."""
    whole = measure_gaps(frame.unique(["volume", "place"]), ["volume"])
    uneven = frame.join(whole.filter(pl.col("uneven") > 0), on="volume", how="semi")
    parts = measure_gaps(uneven.unique(["volume", dimension, "place"]), ["volume", dimension])
    even = parts.group_by("volume").agg(
        is_even=((pl.col("uneven") == 0) & (pl.col("places") >= _SMALLEST_PART)).all()
    )
    return set(even.filter("is_even")["volume"])


def _split_repetitions(frame: pl.DataFrame) -> pl.DataFrame:
    """Number the frames of each place in time, where all places have as many and they differ."""
    places = frame.group_by("volume", "place").agg(
        frames=pl.len(), contents=pl.col("pixel_sha256").n_unique()
    )
    repeated = places.group_by("volume").agg(
        fewest=pl.col("frames").min(),
        most=pl.col("frames").max(),
        contents=pl.col("contents").max(),
    )
    of_repeated = repeated.filter(
        (pl.col("fewest") == pl.col("most")) & (pl.col("most") > 1) & (pl.col("contents") > 1)
    )
    chosen = pl.col("volume").is_in(of_repeated["volume"].to_list())
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("volume", "place")
    frame = frame.sort("volume", "place", *IN_TIME).with_columns(
        pl.when(chosen).then(number).alias(REPETITION)
    )
    return _renumber(frame, chosen, REPETITION)


def _renumber(frame: pl.DataFrame, chosen: pl.Expr, dimension: str) -> pl.DataFrame:
    """Give each value of a dimension a volume of its own in the chosen volumes."""
    named = pl.concat_str("dimension", pl.lit(dimension), separator=",", ignore_nulls=True)
    part = pl.when(chosen).then(pl.col(dimension).cast(pl.String).fill_null(""))
    return frame.with_columns(
        volume=pl.struct("volume", part.alias("part")).rank("dense"),
        dimension=pl.when(chosen).then(named).otherwise("dimension"),
    )


def _count_duplicates(frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Per group: frames at a place that another has already, and the most frames of a place."""
    places = frame.group_by(*keys, "place").agg(frames=pl.len())
    return places.group_by(keys).agg(
        duplicates=pl.col("frames").sum().cast(pl.Int64) - pl.len(), most=pl.col("frames").max()
    )


def _number_values(
    frame: pl.DataFrame, name: str, within: Sequence[str], tolerance: float
) -> pl.DataFrame:
    """Number the distinct values of a column; neighbours within the tolerance are one value."""
    is_new = (pl.col(name).diff() > tolerance).fill_null(value=False)
    return frame.sort(*within, name).with_columns(
        is_new.cast(pl.Int32).cum_sum().over(within).alias(f"{name}_number")
    )


def find_normal(orientation: Sequence[pl.Expr]) -> list[pl.Expr]:
    """Unit vector of row x column, the normal of the plane."""
    a, b = orientation[:3], orientation[3:]
    cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    length = pl.sum_horizontal(part**2 for part in cross).sqrt()
    return [part / length for part in cross]
