"""The marts of what genotypes mean, which no SQL computes: genotypes are packed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from medplatform.lake import Lake
from medplatform.modalities.ehr.deleted import find_deleted_patients
from medplatform.modalities.genomics.tables import SAMPLE
from medplatform.warehouse.genomics_feature_tables import (
    CARRIER_STATUS,
    CLINVAR_ALLELE,
    FEATURE_TABLES,
    GENE_BURDEN,
    PATIENT_GENOMICS,
)
from medplatform.warehouse.inputs import (
    POLYGENIC_SCORE,
    MartInput,
    digest_of_inputs,
    write_input,
)


@dataclass(frozen=True, slots=True)
class References:
    """What is known of alleles and genes, beside the data: files of the folder reference."""

    clinvar: tuple[Path, ...] = ()
    panels: tuple[Path, ...] = ()


def find_references(folder: Path) -> References:
    """The files under reference/clinvar (*.vcf, *.vcf.gz) and reference/panels (*.csv).

    NCBI publishes an index (.vcf.gz.tbi) and a checksum (.vcf.gz.md5) beside each file of ClinVar.
    """
    clinvar = (*folder.glob("clinvar/*.vcf"), *folder.glob("clinvar/*.vcf.gz"))
    return References(
        clinvar=tuple(sorted(clinvar)),
        panels=tuple(sorted(folder.glob("panels/*.csv"))),
    )


@dataclass(frozen=True, slots=True)
class Features:
    """The marts as they stand.

    Attributes
    ----------
    folder
        Where their files are.
    unusable
        The reference files that could not be used, and why: nothing of them is in the marts.
    """

    folder: Path
    unusable: Mapping[Path, str] = field(default_factory=dict[Path, str])

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each mart has."""
        return {t.name: pq.read_metadata(self.path(t)).num_rows for t in FEATURE_TABLES}

    def path(self, table: MartInput) -> Path:
        """The Parquet file of a mart."""
        return self.folder / f"{table.name}.parquet"

    def scan(self, table: MartInput) -> pl.LazyFrame:
        """The rows of a mart."""
        return pl.scan_parquet(self.path(table))


def write_features(lake: Lake, references: References, marts: Path) -> Features:
    """Compute and replace the four marts; ClinVar only where its files are other than before.

    Deleted patients have no row. A reference file that cannot be used is left out, and told in
    `Features.unusable`. Its marts are replaced all the same: as they were, they would keep
    patients who were deleted since.
    """
    from medplatform.modalities.genomics.features.burden import compute_burden
    from medplatform.modalities.genomics.features.carriers import compute_carriers
    from medplatform.modalities.genomics.features.panel import find_unusable_panels, read_panels

    unusable = find_unusable_panels(references.panels)
    panels = read_panels([path for path in references.panels if path not in unusable])
    features = Features(marts, _write_clinvar(references.clinvar, marts) | unusable)
    deleted = pl.col("patient_id").is_in(find_deleted_patients(lake))
    burden = compute_burden(lake).filter(~deleted)
    write_input(GENE_BURDEN, _typed(GENE_BURDEN, burden), marts)
    carriers = compute_carriers(lake, features.scan(CLINVAR_ALLELE), panels).filter(~deleted)
    write_input(CARRIER_STATUS, _typed(CARRIER_STATUS, carriers), marts)
    patients = _summarise(lake, burden, carriers, marts).filter(~deleted)
    write_input(PATIENT_GENOMICS, _typed(PATIENT_GENOMICS, patients), marts)
    return features


def find_patients_without_row(lake: Lake, features: Features) -> int:
    """How many patients have a sample but no row in patient_genomics, or more than one."""
    rows = features.scan(PATIENT_GENOMICS).group_by("patient_id").len().collect()
    sampled = lake.scan(SAMPLE).select("patient_id").unique().collect()
    sampled = sampled.filter(~pl.col("patient_id").is_in(find_deleted_patients(lake)))
    missing = sampled.join(rows, on="patient_id", how="anti").height
    return missing + rows.filter(pl.col("len") > 1).height


def _write_clinvar(paths: Sequence[Path], marts: Path) -> dict[Path, str]:
    """Replace clinvar_allele where its files changed; the files that cannot be used, and why."""
    from medplatform.modalities.genomics.clinvar.table import SCHEMA, read_usable

    if _is_written_from(paths, marts):
        return {}
    tables, unusable = read_usable(paths)
    alleles = pl.concat([pl.DataFrame(schema=SCHEMA), *tables.values()])
    newest = alleles.sort("release_date", descending=True, nulls_last=True, maintain_order=True)
    unique = newest.unique("allele_id", keep="first").sort("allele_id")
    inputs = _digest(list(tables))
    write_input(CLINVAR_ALLELE, _typed(CLINVAR_ALLELE, unique), marts, inputs=inputs)
    return unusable


def _is_written_from(paths: Sequence[Path], marts: Path) -> bool:
    """Whether clinvar_allele is made of just these files: then all of them could be used."""
    try:
        return digest_of_inputs(CLINVAR_ALLELE, marts) == _digest(paths)
    except OSError:
        # A file that cannot be opened is told by who reads it.
        return False


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _summarise(
    lake: Lake, burden: pl.DataFrame, carriers: pl.DataFrame, marts: Path
) -> pl.DataFrame:
    """The rows of patient_genomics."""
    samples = lake.scan(SAMPLE).select(
        "patient_id", "sample_id", "delivery", "genome_build", "call_rate"
    )
    people = (
        samples.sort("delivery")
        .group_by("patient_id")
        .agg(
            pl.len().alias("samples"),
            pl.col("delivery").n_unique().alias("deliveries"),
            pl.col("genome_build").drop_nulls().unique().sort().alias("genome_builds"),
            pl.col("call_rate").last(),
        )
        .collect()
    )
    summaries = [_of_scores(marts), _of_burden(burden), _of_carriers(carriers)]
    for summary in summaries:
        people = people.join(summary, on="patient_id", how="left")
    counts = ["scores", "burden_genes", "panel_genes", "assessed_panel_genes"]
    return people.with_columns(pl.col(counts).fill_null(0)).sort("patient_id")


def _of_scores(marts: Path) -> pl.DataFrame:
    path = marts / f"{POLYGENIC_SCORE.name}.parquet"
    scores = pl.scan_parquet(path) if path.exists() else _empty(POLYGENIC_SCORE).lazy()
    share = pl.col("matched_variants") / pl.col("listed_variants")
    return (
        scores.group_by("patient_id")
        .agg(pl.col("score").count().alias("scores"), share.min().alias("lowest_matched_share"))
        .collect()
    )


def _of_burden(burden: pl.DataFrame) -> pl.DataFrame:
    return burden.group_by("patient_id").agg(
        pl.len().alias("burden_genes"),
        (pl.col("high_impact_alleles") > 0).sum().alias("genes_with_high_impact"),
        pl.col("qualifying_alleles").sum(),
    )


def _of_carriers(carriers: pl.DataFrame) -> pl.DataFrame:
    """A gene that is in several panels counts once."""
    is_assessed = pl.col("is_assessed").any()
    genes = carriers.group_by("patient_id", "gene_symbol").agg(
        is_assessed,
        pl.col("zygosity").is_not_null().any().alias("is_carried"),
        (pl.col("status") == "fits").any().alias("fits"),
    )
    return genes.group_by("patient_id").agg(
        pl.len().alias("panel_genes"),
        pl.col("is_assessed").sum().alias("assessed_panel_genes"),
        pl.when(is_assessed).then(pl.col("is_carried").sum()).alias("genes_with_pathogenic"),
        pl.when(is_assessed).then(pl.col("fits").any()).alias("has_finding"),
    )


def _typed(table: MartInput, rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of a mart in their order and of their types."""
    empty = _empty(table)
    return rows.select(empty.columns).cast(empty.schema)


def _empty(table: MartInput) -> pl.DataFrame:
    frame = pl.from_arrow(table.schema().empty_table())
    assert isinstance(frame, pl.DataFrame)
    return frame
