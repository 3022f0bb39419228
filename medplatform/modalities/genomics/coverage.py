"""Where samples are known to be the reference: the blocks of their gVCF files."""

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.genotypes import MISSING
from medplatform.modalities.genomics.tables import BLOCK

_SAMPLE = ["delivery", "sample_id", "patient_id"]
_CONTIG = ["genome_build", "chromosome"]


class ReferenceBlocks:
    """The reference blocks of the samples of a matrix (rows: delivery, sample_id, patient_id)."""

    def __init__(self, lake: Lake, samples: pl.DataFrame) -> None:
        self._lake = lake
        self._columns = samples.with_row_index("column").lazy()
        self._has_any = bool(lake.files(BLOCK.name))

    def fill(self, dosages: np.ndarray, alleles: pl.DataFrame) -> None:
        """Put 0 copies where nothing is known but that a block covers the reference allele.

        Parameters
        ----------
        dosages : int8, alleles x samples
            Changed in place.
        alleles
            genome_build, chromosome, position and reference_allele of each row.
        """
        if not self._has_any:
            return
        places = alleles.with_row_index("row").with_columns(
            last=pl.col("position") + pl.col("reference_allele").str.len_bytes().cast(pl.Int32) - 1
        )
        for (build, chromosome), rows in places.group_by(_CONTIG):
            _fill_contig(dosages, rows, self._find(build, chromosome, rows))

    def _find(self, build: object, chromosome: object, rows: pl.DataFrame) -> pl.DataFrame:
        """The called blocks of a contig that reach into the range of some alleles."""
        return (
            self._lake.scan(BLOCK)
            .filter(
                pl.col("is_called"),
                pl.col("genome_build").eq_missing(pl.lit(build, pl.String)),
                pl.col("chromosome") == chromosome,
                pl.col("start_position") <= rows["position"].max(),
                pl.col("end_position") >= rows["last"].min(),
            )
            .select(*_SAMPLE, "start_position", "end_position")
            .join(self._columns, on=_SAMPLE)
            .select("column", "start_position", "end_position")
            .sort("column", "start_position")
            .collect(engine="streaming")
        )


def _fill_contig(dosages: np.ndarray, rows: pl.DataFrame, blocks: pl.DataFrame) -> None:
    row, first, last = (rows[name].to_numpy() for name in ("row", "position", "last"))
    for (column,), found in blocks.group_by("column"):
        starts, ends = (found[name].to_numpy() for name in ("start_position", "end_position"))
        before = np.searchsorted(starts, first, side="right") - 1
        # Blocks of a sample may overlap where several files have them.
        reach = np.maximum.accumulate(ends)
        is_covered = (before >= 0) & (reach[before] >= last)
        at = row[is_covered]
        values = dosages[at, column]
        dosages[at, column] = np.where(values == MISSING, 0, values)
