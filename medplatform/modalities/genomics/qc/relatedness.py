"""Which samples are one person or relatives: markers are chosen, and all pairs compared.

Markers are biallelic single-nucleotide variants of the autosomes with a minor allele frequency
above 5 % and a call rate above 95 %, at least 10 kb apart (neighbours say the same of two people),
at most 8,192 of them, evenly spaced. So many tell the third degree from no relation at all; with
fewer, only closer relatives are looked for (`kinship.smallest_kinship`). Of few chromosomes nothing
is told: relatives can have inherited all of one alike, or nothing of it, and strangers of one
ancestry can have one alike. What counts is what both samples of a pair have: files of the whole
genome and of one chromosome share that one.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.matrix import read_dosages
from medplatform.modalities.genomics.genotypes.packed import MISSING
from medplatform.modalities.genomics.qc.alleles import PLACE
from medplatform.modalities.genomics.qc.kinship import (
    COLUMNS,
    DEGREES,
    find_relatives,
    smallest_kinship,
)

MOST_MARKERS = 8192
SMALLEST_MAF = 0.05
SMALLEST_CALL_RATE = 0.95
DISTANCE_BASES = 10_000
FEWEST_CHROMOSOMES = 5
SMALLEST_PART = 0.01
"""Of the shared markers, for a chromosome to count: chromosome 21 has 1.3 % of the autosomes."""
PAIRS_AT_ONCE = 1 << 15
LARGEST_PARENT_OPPOSITE = 0.01
"""Parent and child share an allele everywhere, but for errors; siblings differ at more markers."""


@dataclass(frozen=True, slots=True)
class Relatedness:
    """Pairs that are related, or of one patient; and what they were looked for with."""

    pairs: pl.DataFrame
    markers: int

    @property
    def least(self) -> float | None:
        """The smallest kinship that was looked for."""
        return smallest_kinship(self.markers)


def choose_markers(variants: pl.DataFrame) -> pl.DataFrame:
    """The rows of the variants (columns as in genomics_variant_qc) that are markers.

    None where those that are fit are of fewer than `FEWEST_CHROMOSOMES`.
    """
    fit = variants.filter(
        pl.col("region") == "autosome",
        pl.col("kind").is_in(["transition", "transversion"]),
        pl.col("alternate_count") == 1,
        pl.col("minor_allele_frequency") > SMALLEST_MAF,
        pl.col("call_rate") > SMALLEST_CALL_RATE,
    )
    bins = fit.with_columns(bin=pl.col("position") // DISTANCE_BASES).unique(
        ["genome_build", "chromosome", "bin"], keep="first", maintain_order=True
    )
    apart = bins.filter(
        (pl.col("position") - pl.col("position").shift() >= DISTANCE_BASES).fill_null(True)
        | (pl.col("chromosome") != pl.col("chromosome").shift())
    )
    if apart["chromosome"].n_unique() < FEWEST_CHROMOSOMES:
        return apart.clear()
    if apart.height <= MOST_MARKERS:
        return apart
    return apart[np.linspace(0, apart.height - 1, MOST_MARKERS).astype(np.int64)]


def find_related(lake: Lake, variants: pl.DataFrame, without: list[str]) -> Relatedness:
    """Compare all samples of all deliveries but those of some patients."""
    markers = choose_markers(variants)
    least = smallest_kinship(markers.height)
    if least is None:
        return Relatedness(_describe(pl.DataFrame(schema=COLUMNS)), markers.height)
    matrix = read_dosages(lake, markers.select("allele_id", *PLACE))
    is_kept = ~matrix.samples["patient_id"].is_in(without)
    samples = matrix.samples.filter(is_kept)
    patients = samples["patient_id"].rank("dense").to_numpy()
    dosages = matrix.dosages[:, is_kept.to_numpy()]
    pairs = _drop_untold(find_relatives(dosages, least, patients))
    chromosomes = count_chromosomes(dosages, markers["chromosome"], pairs)
    pairs = pairs.filter(chromosomes >= FEWEST_CHROMOSOMES)
    return Relatedness(_describe(pairs, samples), markers.height)


def count_chromosomes(
    dosages: np.ndarray, chromosomes: pl.Series, pairs: pl.DataFrame
) -> np.ndarray:
    """How many chromosomes the shared markers of each pair lie on.

    Parameters
    ----------
    dosages : int8, markers x samples
        Copies, or MISSING.
    chromosomes
        Of each marker.
    pairs
        Columns `first` and `second`: columns of `dosages`.

    Returns
    -------
    One integer per pair. A chromosome counts that has `SMALLEST_PART` of the shared markers.
    """
    is_called = dosages != MISSING
    packed = [
        np.packbits(is_called[(chromosomes == name).to_numpy()], axis=0)
        for name in chromosomes.unique()
    ]
    starts = np.cumsum([0, *(len(part) for part in packed[:-1])])
    called = np.ascontiguousarray(np.concatenate(packed).T)
    counts = [np.zeros(0, np.int64)]
    for some in pairs.iter_slices(PAIRS_AT_ONCE):
        both = called[some["first"].to_numpy()] & called[some["second"].to_numpy()]
        shared = np.add.reduceat(np.bitwise_count(both), starts, axis=1, dtype=np.int64)
        is_counted = shared >= np.maximum(SMALLEST_PART * shared.sum(axis=1, keepdims=True), 1)
        counts.append(is_counted.sum(axis=1))
    return np.concatenate(counts)


def _drop_untold(pairs: pl.DataFrame) -> pl.DataFrame:
    """Leave out the pairs that share too few markers for their kinship, or for any."""
    shared = pairs["shared_markers"].unique()
    least = pl.DataFrame(
        {"shared_markers": shared, "least": [smallest_kinship(n) for n in shared]},
        schema_overrides={"least": pl.Float64},
    )
    is_related = pl.col("kinship") >= min(DEGREES.values())
    return (
        pairs.join(least, on="shared_markers")
        .filter(pl.when(is_related).then(pl.col("kinship") >= pl.col("least")).otherwise(True))
        .filter(pl.col("least").is_not_null())
        .sort("first", "second")
    )


def _describe(pairs: pl.DataFrame, samples: pl.DataFrame | None = None) -> pl.DataFrame:
    """Name the samples and the degree of each pair."""
    names = ["delivery", "sample_id", "patient_id"]
    if samples is None:
        samples = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    numbered = samples.with_row_index("number").with_columns(pl.col("number").cast(pl.Int64))
    for side in ("first", "second"):
        named = numbered.rename({name: f"{side}_{name}" for name in names})
        pairs = pairs.join(named, left_on=side, right_on="number", how="left")
    return pairs.select(
        *(f"{side}_{name}" for side in ("first", "second") for name in names),
        "kinship",
        "shared_markers",
        "opposite_homozygotes",
        _relation().alias("relation"),
        is_same_patient=pl.col("first_patient_id") == pl.col("second_patient_id"),
    )


def _relation() -> pl.Expr:
    is_parent = pl.col("opposite_homozygotes") < LARGEST_PARENT_OPPOSITE
    found = pl.lit("unrelated")
    for degree, bound in reversed(DEGREES.items()):
        name = pl.lit(degree)
        if degree == "first degree":
            name = pl.when(is_parent).then(pl.lit("parent and child")).otherwise(pl.lit("siblings"))
        found = pl.when(pl.col("kinship") > bound).then(name).otherwise(found)
    return found
