"""What a person should look at: series of no one known patient, pixels that say what they are not.

The faults of the geometry are columns of the series themselves.
"""

import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.ehr.tables import PATIENT
from medplatform.modalities.imaging.tables import IMAGING_FRAME

SAMPLES_OF_PHOTOMETRIC = {"MONOCHROME1": 1, "MONOCHROME2": 1, "RGB": 3}
"""Photometric Interpretations (PS3.3 C.7.6.3.1.2) of stored frames, and their samples per pixel:
palettes and the YBR kinds were converted to RGB."""


def find_unknown_patients(series: pl.DataFrame, lake: Lake) -> pl.DataFrame:
    """The series without one patient, or of one whom the health records do not have, and why.

    Where there are no health records at all, nobody is unknown.
    """
    patients = lake.scan(PATIENT, ["patient_id"]).unique().collect()["patient_id"]
    mixed, absent = pl.col("has_mixed_patients"), pl.col("patient_id").is_null()
    unknown = ~pl.col("patient_id").is_in(patients.to_list()) & pl.lit(len(patients) > 0)
    problem = (
        pl.when(mixed)
        .then(pl.lit("several patients"))
        .when(absent)
        .then(pl.lit("no patient"))
        .when(unknown)
        .then(pl.lit("no health records of the patient"))
    )
    return (
        series.select("series_id", "modality", "instances", problem.alias("problem"))
        .filter(pl.col("problem").is_not_null())
        .sort("problem", "series_id")
    )


def count_photometrics(lake: Lake) -> pl.DataFrame:
    """Frames per `photometric` and samples per pixel, and whether that `fits`."""
    expected = pl.col("photometric").replace_strict(
        SAMPLES_OF_PHOTOMETRIC, default=None, return_dtype=pl.Int32
    )
    return (
        lake.scan(IMAGING_FRAME, ["photometric", "channels"])
        .group_by("photometric", samples_per_pixel="channels")
        .agg(frames=pl.len())
        .with_columns(fits=(expected == pl.col("samples_per_pixel")).fill_null(value=False))
        .sort("fits", "photometric", "samples_per_pixel")
        .collect()
    )
