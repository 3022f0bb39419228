"""The distances between the slices of a volume: the usual one, missing slices, uneven ones."""

from collections.abc import Sequence

import polars as pl

from medplatform.volumes.faults import EVEN_STEP, EVEN_STEP_MM


def measure_gaps(slices: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Per group of slices: `places`, `step`, `missing` and `uneven`.

    `step` is the usual distance in mm (the lower median, null for one slice). A distance of n
    steps has n - 1 missing slices, any other one is uneven.
    """
    return (
        with_steps(slices, keys)
        .group_by(keys)
        .agg(
            places=pl.len(),
            step=pl.col("step").first(),
            missing=pl.when(~pl.col("is_uneven")).then(pl.col("steps") - 1).sum(),
            uneven=pl.col("is_uneven").sum(),
        )
    )


def with_steps(slices: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Slices in order, with `gap` to the one before in mm and in `steps`, and `is_uneven`."""
    step = pl.col("step")
    steps = (pl.col("gap") / step).round()
    tolerance = pl.max_horizontal(step * EVEN_STEP, EVEN_STEP_MM)
    beside = (pl.col("gap") - steps * step).abs()
    # The error of one step adds up over many, but must stay far from the next one.
    allowed = pl.max_horizontal(tolerance, pl.min_horizontal(tolerance * steps, step / 10))
    return (
        slices.sort(*keys, "distance")
        .with_columns(gap=pl.col("distance").diff().over(keys))
        .with_columns(step=pl.col("gap").quantile(0.5, "lower").over(keys))
        .with_columns(
            steps=steps.cast(pl.Int32),
            is_uneven=((beside > allowed) | (steps < 1)).fill_null(value=False),
        )
    )
