"""The marts of series, studies and volumes of images, which no SQL computes: they are geometry."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from medplatform.lake import Lake
from medplatform.volumes import assemble, read_images
from medplatform.volumes.sources import digest_sources
from medplatform.warehouse.inputs import (
    IMAGING_SERIES,
    IMAGING_STUDY,
    IMAGING_VOLUME,
    MartInput,
    digest_of_inputs,
    write_input,
)

TABLES = (IMAGING_VOLUME, IMAGING_STUDY, IMAGING_SERIES)


@dataclass(frozen=True, slots=True)
class Assembled:
    """The tables as they stand, and whether they had to be computed for that."""

    folder: Path
    inputs: str
    is_new: bool

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return {table.name: pq.read_metadata(self.path(table)).num_rows for table in TABLES}

    def path(self, table: MartInput) -> Path:
        """The Parquet file of a table."""
        return self.folder / f"{table.name}.parquet"

    def read(self, table: MartInput) -> pl.DataFrame:
        """The rows of a table."""
        return pl.read_parquet(self.path(table))


def write_volumes(lake: Lake, marts: Path) -> Assembled:
    """Assemble the series of the lake and replace the three marts, where their inputs changed."""
    inputs = digest_sources(lake)
    if all(digest_of_inputs(table, marts) == inputs for table in TABLES):
        return Assembled(marts, inputs, is_new=False)
    assembly = assemble(read_images(lake))
    write_input(IMAGING_VOLUME, assembly.volumes, marts, inputs=inputs)
    write_input(IMAGING_STUDY, assembly.studies, marts, inputs=inputs)
    write_input(IMAGING_SERIES, assembly.series, marts, inputs=inputs)
    return Assembled(marts, inputs, is_new=True)
