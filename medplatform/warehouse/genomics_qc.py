"""The marts of quality control of genotypes, which no SQL computes: genotypes are packed."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq

from medplatform.lake import Lake
from medplatform.modalities.ehr.deleted import find_deleted_patients
from medplatform.modalities.ehr.tables import PATIENT
from medplatform.modalities.genomics import qc
from medplatform.modalities.genomics.tables import ALLELE, BLOCK, GENOTYPE, SAMPLE, VARIANT
from medplatform.warehouse.genomics_tables import (
    GENOMICS_QC,
    GENOMICS_RELATEDNESS,
    GENOMICS_VARIANT_QC,
)
from medplatform.warehouse.inputs import MartInput, digest_of_inputs, write_input

if TYPE_CHECKING:
    from medplatform.modalities.genomics.qc.assess import Quality

TABLES = (GENOMICS_VARIANT_QC, GENOMICS_RELATEDNESS, GENOMICS_QC)


@dataclass(frozen=True, slots=True)
class Assessed:
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

    def quality(self) -> "Quality":
        """The rows of all tables."""
        from medplatform.modalities.genomics.qc.assess import Quality
        from medplatform.modalities.genomics.qc.relatedness import Relatedness, choose_markers

        variants = pl.read_parquet(self.path(GENOMICS_VARIANT_QC))
        pairs = pl.read_parquet(self.path(GENOMICS_RELATEDNESS))
        return Quality(
            pl.read_parquet(self.path(GENOMICS_QC)),
            variants,
            Relatedness(pairs, choose_markers(variants).height),
        )


def write_genomics_qc(lake: Lake, marts: Path) -> Assessed:
    """Assess the genotypes of the lake and replace the three marts, where their inputs changed.

    Deleted patients are in none of them.
    """
    deleted, sexes = sorted(find_deleted_patients(lake)), _read_sexes(lake)
    inputs = _digest_sources(lake, deleted, sexes)
    if all(digest_of_inputs(table, marts) == inputs for table in TABLES):
        return Assessed(marts, inputs, is_new=False)
    from medplatform.modalities.genomics.qc.assess import assess

    quality = assess(lake, without=deleted, sexes=sexes)
    for table, rows in (
        (GENOMICS_VARIANT_QC, quality.variants),
        (GENOMICS_RELATEDNESS, quality.relatedness.pairs),
        (GENOMICS_QC, quality.samples),
    ):
        write_input(table, _shape(table, rows), marts, inputs=inputs)
    return Assessed(marts, inputs, is_new=True)


def _shape(table: MartInput, rows: pl.DataFrame) -> pl.DataFrame:
    """The declared columns, of the declared types."""
    schema = pl.DataFrame(table.schema().empty_table()).schema
    return rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _read_sexes(lake: Lake) -> pl.DataFrame:
    """The sex of each patient by the last delivery of health records that says it."""
    return (
        lake.scan(PATIENT, ["patient_id", "sex", "delivery"])
        .filter(pl.col("sex").is_in(["male", "female"]))
        .sort("delivery")
        .group_by("patient_id")
        .agg(pl.col("sex").last().alias("patient_sex"))
        .sort("patient_id")
        .collect()
    )


def _digest_sources(lake: Lake, deleted: list[str], sexes: pl.DataFrame) -> str:
    """Digest of the genotypes, of who was deleted, of the sexes of patients, and of the code."""
    digest = sha256()
    for module in sorted(Path(qc.__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    digest.update(json.dumps([deleted, sexes.rows()]).encode())
    for table in (VARIANT, ALLELE, SAMPLE, GENOTYPE, BLOCK):
        for entry in lake.ledger.entries(table.modality):
            for file in entry.tables.get(table.name, []):
                digest.update(f"{entry.delivery}:{file.sha256}".encode())
    return digest.hexdigest()
