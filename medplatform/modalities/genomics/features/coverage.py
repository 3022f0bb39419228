"""Where samples are known to be the reference: the blocks of their gVCF files.

An allele was looked at where one block that was called covers all bases of its REF: of a deletion
that reaches beyond the block nothing is known. Records count before blocks, those without a call
too; which places have a record of a sample, the callers know.
"""

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.tables import BLOCK

_CONTIG = ["genome_build", "chromosome"]
_SAMPLE = ["delivery", "sample_id", "patient_id"]
_ROWS = 1 << 20
"""Rows of a frame of `iter_covered`, about."""

LAST_POSITION = (
    pl.col("position") + pl.col("reference_allele").str.len_bytes().cast(pl.Int32) - 1
).alias("last_position")
"""The last base of REF, of a frame with position and reference_allele."""

COVERED = {
    "number": pl.Int64,
    "delivery": pl.String,
    "sample_id": pl.String,
    "patient_id": pl.String,
    "ploidy": pl.Int8,
    "reference_base": pl.String,
}


class _Places(NamedTuple):
    """The wanted places of a contig by ascending position."""

    first: np.ndarray
    last: np.ndarray
    numbers: np.ndarray

    def reach(self, contig: tuple[object, object]) -> pl.Expr:
        """The blocks that may cover some of the places."""
        build, chromosome = contig
        return (
            pl.col("genome_build").eq_missing(pl.lit(build, pl.String))
            & (pl.col("chromosome") == chromosome)
            & (pl.col("start_position") <= int(self.first[-1]))
            & (pl.col("end_position") >= int(self.last.min()))
        )


def iter_covered(lake: Lake, places: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The samples that are known to have the reference at wanted places, a part file at a time.

    Parameters
    ----------
    places
        number, genome_build, chromosome, position and last_position (`LAST_POSITION`); several
        numbers may be of one place.

    Yields
    ------
    One row per number and block that covers the place, as COVERED has it. `reference_base` is the
    reference at `position`, null unless a block begins there.
    """
    wanted = {
        (key[0], key[1]): _Places(
            *(rows[name].to_numpy() for name in ("position", "last_position", "number"))
        )
        for key, rows in places.drop_nulls(["chromosome", "position", "last_position"])
        .sort("position")
        .group_by(_CONTIG)
    }
    for path in lake.files(BLOCK.name) if wanted else ():
        for key, blocks in _read(path, wanted).group_by(_CONTIG):
            yield from _match(blocks, wanted[key[0], key[1]])


def find_covered(lake: Lake, places: pl.DataFrame) -> pl.DataFrame:
    """The patients who are known to have the reference at wanted places (see `iter_covered`).

    Returns
    -------
    One row per number and patient: number, patient_id, ploidy, reference_base. Where several
    blocks cover the place, the delivery that comes last by name counts.
    """
    empty = pl.DataFrame(schema=COVERED)
    return (
        pl.concat([empty, *iter_covered(lake, places)])
        .sort("number", "patient_id", "delivery")
        .unique(["number", "patient_id"], keep="last", maintain_order=True)
        .drop("delivery", "sample_id")
    )


def _read(path: Path, wanted: Mapping[tuple[object, object], _Places]) -> pl.DataFrame:
    """The called blocks of a part file that may cover a wanted place."""
    reaches = [places.reach(contig) for contig, places in wanted.items()]
    return (
        pl.scan_parquet(path, hive_partitioning=True, hive_schema={"delivery": pl.String})
        .filter(pl.col("is_called"), reduce(or_, reaches))
        .select(
            *(*_SAMPLE, *_CONTIG, "start_position", "end_position", "reference_allele"),
            pl.col("ploidy").cast(pl.Int8),
        )
        .collect()
    )


def _match(blocks: pl.DataFrame, places: _Places) -> Iterator[pl.DataFrame]:
    """The places that lie within each block of their contig."""
    starts, ends = (blocks[name].to_numpy() for name in ("start_position", "end_position"))
    first = np.searchsorted(places.first, starts)
    counts = np.maximum(np.searchsorted(places.first, ends, "right") - first, 0)
    before = np.cumsum(counts) - counts
    cuts = np.flatnonzero(np.diff(before // _ROWS)) + 1
    for rows in np.split(np.arange(len(starts)), cuts):
        block = np.repeat(rows, counts[rows])
        nth = np.arange(len(block)) - np.repeat(before[rows] - before[rows[0]], counts[rows])
        place = first[block] + nth
        is_whole = places.last[place] <= ends[block]
        block, place = block[is_whole], place[is_whole]
        begins = pl.Series(places.first[place] == starts[block], dtype=pl.Boolean)
        base = pl.when(begins).then(pl.col("reference_allele").str.head(1))
        yield blocks[block].select(
            pl.Series("number", places.numbers[place], pl.Int64),
            *_SAMPLE,
            "ploidy",
            base.alias("reference_base"),
        )
