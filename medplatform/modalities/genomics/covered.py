"""Places that a reference block of a gVCF file covers: the sample was called as the reference.

Not here: what is known of a place from records, which count before blocks.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.tables.block import BLOCK

BATCH_ROWS = 1 << 18
_COLUMNS = (
    *("delivery", "patient_id", "genome_build", "chromosome", "start_position", "end_position"),
    *("reference_allele", "ploidy"),
)


class _Places(NamedTuple):
    """The wanted places of a chromosome in ascending order, and their numbers."""

    positions: np.ndarray
    numbers: np.ndarray


def find_covered(lake: Lake, places: pl.DataFrame) -> pl.DataFrame:
    """The patients who are known to have the reference at wanted places.

    Parameters
    ----------
    places
        number, genome_build, chromosome, position; several numbers may be of one place.

    Returns
    -------
    One row per number and patient: number, patient_id, ploidy, and reference_base (null unless
    a block begins at the place). Where several blocks cover it, the delivery that comes last by
    name counts.
    """
    wanted = {
        (build, chromosome): _Places(rows["position"].to_numpy(), rows["number"].to_numpy())
        for (build, chromosome), rows in places.drop_nulls()
        .sort("position")
        .group_by("genome_build", "chromosome")
    }
    empty = pl.DataFrame(
        schema={
            "number": pl.Int64,
            "patient_id": pl.String,
            "ploidy": pl.Int8,
            "reference_base": pl.String,
            "delivery": pl.String,
        }
    )
    found = pl.concat([empty, *_read(lake, wanted)])
    return (
        found.sort("number", "patient_id", "delivery")
        .unique(["number", "patient_id"], keep="last", maintain_order=True)
        .drop("delivery")
    )


def _read(lake: Lake, wanted: dict[tuple[object, object], _Places]) -> Iterator[pl.DataFrame]:
    columns = [*_COLUMNS, "is_called"]
    for batch in lake.iter_batches(BLOCK, columns, BATCH_ROWS) if wanted else ():
        blocks = pl.DataFrame(batch).filter("is_called")
        for (build, chromosome), rows in blocks.group_by("genome_build", "chromosome"):
            if places := wanted.get((build, chromosome)):
                yield _match(rows, places)


def _match(blocks: pl.DataFrame, places: _Places) -> pl.DataFrame:
    """The places within each block."""
    starts = blocks["start_position"].to_numpy()
    first = np.searchsorted(places.positions, starts)
    last = np.searchsorted(places.positions, blocks["end_position"].to_numpy(), "right")
    counts = np.maximum(last - first, 0)
    rows = np.repeat(np.arange(len(starts)), counts)
    nth = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = first[rows] + nth
    begins = pl.Series(places.positions[place] == starts[rows])
    return blocks[rows].select(
        pl.Series("number", places.numbers[place], pl.Int64),
        "patient_id",
        pl.col("ploidy").cast(pl.Int8),
        pl.when(begins).then(pl.col("reference_allele").str.head(1)).alias("reference_base"),
        "delivery",
    )
