"""Gene burden: rare alleles with an effect on a protein that a patient carries, per gene.

An allele qualifies in a gene where an annotation gives it the impact HIGH or MODERATE there, and
no frequency that is known of it is above the threshold: neither one that the annotation states of
a population (gnomAD, 1000 Genomes), nor the one in the lake where enough people were called. An
allele whose frequency nobody knows is taken for rare.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.coverage import LAST_POSITION, find_covered
from medplatform.modalities.genomics.features.genotyped import (
    MATCH_COLUMNS,
    NEWEST_FIRST,
    Genotyped,
    scan_genotyped,
)
from medplatform.modalities.genomics.tables import VARIANT
from medplatform.modalities.genomics.tables.allele import ALLELE
from medplatform.modalities.genomics.tables.annotation import ANNOTATION

POPULATION_FREQUENCIES = (
    *("csq_MAX_AF", "csq_gnomADe_AF", "csq_gnomADg_AF", "csq_gnomAD_AF", "csq_AF"),
)
"""Columns of annotations that state the frequency of the allele in a population."""

SCHEMA = pl.Schema(
    {
        "patient_id": pl.String,
        "gene_symbol": pl.String,
        "qualifying_alleles": pl.Int32,
        "high_impact_alleles": pl.Int32,
        "qualifying_variants": pl.Int32,
        "assessed_variants": pl.Int32,
        "uncalled_variants": pl.Int32,
    }
)
_CELLS = 20_000_000
"""Patients times genes times builds that are counted at a time."""
_BUILD = pl.col("allele_id").str.extract("^([^-]+)-").alias("genome_build")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Which alleles qualify.

    Attributes
    ----------
    frequency
        The largest known frequency of an allele that qualifies.
    called_alleles
        Called alleles in the lake from which on the frequency there is known.
    impacts
        Impacts of annotations that qualify.
    """

    frequency: float = 0.01
    called_alleles: int = 200
    impacts: tuple[str, ...] = ("HIGH", "MODERATE")


THRESHOLDS = Thresholds()


def compute_burden(lake: Lake, thresholds: Thresholds = THRESHOLDS) -> pl.DataFrame:
    """Count qualifying alleles of all patients with genotypes.

    Returns
    -------
    One row per patient and gene of which the patient's files have a qualifying variant: SCHEMA.
    qualifying_alleles counts copies (two where homozygous), high_impact_alleles those of impact
    HIGH, qualifying_variants the alleles carried; assessed_variants are those called in the
    patient, carried or not, uncalled_variants those with a record but no call. Of a patient with
    samples of several genome builds that build counts in which most of the gene was assessed, of
    equally good ones the newest.
    """
    qualifying = find_qualifying(lake, thresholds)
    if qualifying.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    genotyped = Genotyped(lake)
    genes = qualifying["gene_symbol"].unique().sort()
    builds = qualifying.select(_BUILD.n_unique()).item()
    size = max(1, _CELLS // max(1, len(genotyped.patients) * builds))
    chunks = (genes.slice(start, size) for start in range(0, len(genes), size))
    frames = [
        _count(
            lake, genotyped, chunk, qualifying.filter(pl.col("gene_symbol").is_in(chunk.implode()))
        )
        for chunk in chunks
    ]
    return pl.concat(frames).sort("gene_symbol", "patient_id")


def find_qualifying(lake: Lake, thresholds: Thresholds) -> pl.DataFrame:
    """The alleles that qualify, where their genotypes are, and in which gene.

    Returns
    -------
    One row per allele, record and gene: allele_id, chromosome, position, reference_allele,
    gene_symbol, is_high, delivery, cohort_id, variant_id, allele, has_genotypes.
    """
    annotated = _annotated(lake, thresholds)
    places = _places(lake, annotated)
    common = _too_common(lake, places, thresholds)
    return places.join(common, on="allele_id", how="anti")


def _annotated(lake: Lake, thresholds: Thresholds) -> pl.DataFrame:
    """Alleles that annotations call damaging and rare: allele_id, gene_symbol, is_high."""
    keys = ["delivery", "source_id", "variant_id", "allele_number"]
    files = [_read_annotations(path, thresholds) for path in lake.files(ANNOTATION.name)]
    schema = {"allele_id": pl.String, "gene_symbol": pl.String, "is_high": pl.Boolean}
    if not files:
        return pl.DataFrame(schema=schema)
    annotated = pl.concat(files)
    return (
        lake.scan(ALLELE)
        .select("allele_id", *keys)
        .join(annotated.lazy(), on=keys)
        .group_by("allele_id", "gene_symbol")
        .agg(pl.col("is_high").any(), pl.col("frequency").max())
        .with_columns(pl.col("frequency").max().over("allele_id"))
        .filter(pl.col("frequency").is_null() | (pl.col("frequency") <= thresholds.frequency))
        .select(*schema)
        .collect(engine="streaming")
    )


def _read_annotations(path: Path, thresholds: Thresholds) -> pl.DataFrame:
    """The damaging annotations of one file, per allele and gene; its open columns are its own."""
    known = set(pq.read_schema(path).names)
    # A variant that is known under several ids has their frequencies, joined by &.
    frequencies = [
        pl.col(name)
        .str.split("&")
        .list.eval(pl.element().cast(pl.Float64, strict=False))
        .list.max()
        for name in POPULATION_FREQUENCIES
        if name in known
    ]
    frequency = pl.max_horizontal(frequencies) if frequencies else pl.lit(None, pl.Float64)
    return (
        pl.scan_parquet(path, hive_partitioning=True, hive_schema={"delivery": pl.String})
        .filter(
            pl.col("impact").is_in(thresholds.impacts),
            pl.col("gene_symbol").is_not_null(),
            pl.col("allele_number").is_not_null(),
        )
        .group_by("delivery", "source_id", "variant_id", "allele_number", "gene_symbol")
        .agg(
            (pl.col("impact") == "HIGH").any().alias("is_high"), frequency.max().alias("frequency")
        )
        .collect()
    )


def _places(lake: Lake, annotated: pl.DataFrame) -> pl.DataFrame:
    """All records that have the alleles, annotated there or not."""
    record = ["delivery", "cohort_id", "variant_id"]
    genotyped = scan_genotyped(lake).select(*record, pl.lit(True).alias("has_genotypes"))
    return (
        lake.scan(ALLELE)
        .select(
            *("allele_id", "delivery", "variant_id", "chromosome", "position", "reference_allele"),
            pl.col("source_id").alias("cohort_id"),
            pl.col("allele_number").alias("allele"),
        )
        .join(annotated.lazy(), on="allele_id")
        .join(genotyped, on=record, how="left")
        .with_columns(pl.col("has_genotypes").fill_null(False))
        .collect(engine="streaming")
    )


def _too_common(lake: Lake, places: pl.DataFrame, thresholds: Thresholds) -> pl.DataFrame:
    """The alleles that are more frequent in the lake than qualifies.

    Of several records of an allele in one file, the people are the same: the largest counts hold.
    """
    place = ["delivery", "cohort_id", "variant_id"]
    counts = lake.scan(VARIANT).select(
        *("delivery", "variant_id", "called_count", "alternate_counts"),
        pl.col("source_id").alias("cohort_id"),
    )
    index = pl.col("allele") - 1
    return (
        places.lazy()
        .unique(["allele_id", *place])
        .join(counts, on=place)
        .with_columns(copies=pl.col("alternate_counts").list.get(index, null_on_oob=True))
        .group_by("allele_id", "delivery", "cohort_id")
        .agg(pl.col("called_count", "copies").max())
        .group_by("allele_id")
        .agg(pl.col("called_count", "copies").sum())
        .filter(
            pl.col("called_count") >= thresholds.called_alleles,
            pl.col("copies") > pl.col("called_count") * thresholds.frequency,
        )
        .select("allele_id")
        .collect(engine="streaming")
    )


def _count(
    lake: Lake, genotyped: Genotyped, genes: pl.Series, qualifying: pl.DataFrame
) -> pl.DataFrame:
    """The rows of some genes."""
    numbered = qualifying.with_columns(number=pl.col("allele_id").rank("dense").cast(pl.Int64))
    found = numbered.select(_BUILD.unique()).to_series()
    builds = sorted(found, key=NEWEST_FIRST.index)
    rows_of: dict[int, list[tuple[int, int, bool]]] = {}
    gene_rows = {gene: row for row, gene in enumerate(genes)}
    targets = numbered.select("number", _BUILD, "gene_symbol", "is_high").unique()
    for number, build, gene, is_high in targets.iter_rows():
        rows_of.setdefault(number, []).append((builds.index(build), gene_rows[gene], is_high))
    counts = np.zeros((5, len(builds), len(genes), len(genotyped.patients)), np.int32)
    alleles, high, variants, assessed, uncalled = counts
    recorded: dict[int, list[np.ndarray]] = {}
    matches = numbered.filter("has_genotypes").select(MATCH_COLUMNS).unique()
    for call in genotyped.calls(matches):
        copies, is_called = call.copies, call.is_called
        recorded.setdefault(call.number, []).append(call.patients)
        for build, gene, is_high in rows_of[call.number]:
            alleles[build, gene, call.patients] += copies
            high[build, gene, call.patients] += copies * is_high
            variants[build, gene, call.patients] += copies > 0
            assessed[build, gene, call.patients] += is_called
            uncalled[build, gene, call.patients] += ~is_called
    for number, patients in _covered(lake, genotyped, numbered):
        others = patients[~np.isin(patients, np.concatenate([[-1], *recorded.get(number, [])]))]
        for build, gene, _ in rows_of[number]:
            assessed[build, gene, others] += 1
    return _frame(genotyped, genes, _choose_build(counts))


def _choose_build(counts: np.ndarray) -> np.ndarray:
    """The counts of one build per gene and patient: the most assessed, then the newest.

    Parameters
    ----------
    counts
        Alleles, of high impact, variants, assessed and uncalled ones, by build, gene and patient;
        the newest build is the first.
    """
    if counts.shape[1] == 1:
        return counts[:, 0]
    assessed, uncalled = counts[3:]
    # Where nothing was assessed, a build that has records at all counts.
    best = np.argmax(2 * assessed + (assessed + uncalled > 0), axis=0)
    return np.take_along_axis(counts, best[None, None], axis=1)[:, 0]


def _frame(genotyped: Genotyped, genes: pl.Series, counts: np.ndarray) -> pl.DataFrame:
    """The rows of genes and patients of whom there is a record or a block."""
    *_, assessed, uncalled = counts
    gene, patient = np.nonzero(assessed + uncalled)
    patients = pl.Series(genotyped.patients, dtype=pl.String)
    columns = dict(zip(SCHEMA.names()[2:], counts[:, gene, patient], strict=True))
    named = {"patient_id": patients.gather(patient), "gene_symbol": genes.gather(gene)}
    return pl.DataFrame({**named, **columns}, schema=SCHEMA)


def _covered(
    lake: Lake, genotyped: Genotyped, alleles: pl.DataFrame
) -> Iterator[tuple[int, np.ndarray]]:
    """The patients whom a reference block covers at each allele, by its number."""
    places = alleles.unique("number").select(
        "number",
        _BUILD,
        *("chromosome", "position"),
        LAST_POSITION,
    )
    for (number,), rows in find_covered(lake, places).group_by("number"):
        yield cast(int, number), genotyped.numbers_of(rows["patient_id"])
