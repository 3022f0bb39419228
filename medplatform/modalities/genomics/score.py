"""Polygenic scores: for each patient the sum of effect weight times copies of the effect allele.

A variant of a scoring file matches a record of the same build, chromosome and position that has
the effect allele and, where it is stated, the other allele. Where the alleles as written do not
match, single bases are tried on the other strand, unless they are each other's complement. A
variant that matches no record of a file, or several, does not count there.

A missing genotype counts as the mean of the called ones in its cohort, the default of PLINK 1.9
`--score`. A variant that a patient's files do not have at all is not known to be the reference,
unless a reference block of a gVCF file covers it: it adds nothing, and `matched_variants` shows it.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.covered import find_covered
from medplatform.modalities.genomics.genotyped import MATCH_COLUMNS, Genotyped
from medplatform.modalities.genomics.genotypes import MISSING, dosage
from medplatform.modalities.genomics.scoring_file import (
    ScoringFile,
    ScoringFileError,
    read_scoring_file,
)
from medplatform.modalities.genomics.tables import VARIANT

SCHEMA = {
    "patient_id": pl.String,
    "score_name": pl.String,
    "score": pl.Float64,
    "matched_variants": pl.Int32,
    "listed_variants": pl.Int32,
}
DESCRIPTION = {
    "score_name": pl.String,
    "genome_build": pl.String,
    "listed_variants": pl.Int32,
    "usable_variants": pl.Int32,
    "skipped": pl.String,
    "strand_ambiguous": pl.Int32,
    "patients": pl.Int32,
    "other_patients": pl.Int32,
}


def compute_scores(lake: Lake, scoring_files: Sequence[Path]) -> pl.DataFrame:
    """Compute all scores of all patients with genotypes.

    Parameters
    ----------
    scoring_files
        PGS Catalog scoring files, see `read_scoring_file`.

    Returns
    -------
    One row per patient and score of which at least one variant matched: patient_id, score_name,
    score, matched_variants (those found in the patient's files), listed_variants (those in the
    scoring file). Where several files have a patient's genotype, the delivery that comes last by
    name counts.

    Raises
    ------
    ScoringFileError
        A scoring file cannot be used, or two have the same name.
    """
    scores = [read_scoring_file(path) for path in sorted(scoring_files)]
    names = [score.name for score in scores]
    if len(set(names)) < len(names):
        raise ScoringFileError("Two scoring files have the same name. Rename one of them.")
    variants = _number(scores)
    genotyped = Genotyped(lake)
    totals = _Totals(variants, len(scores), len(genotyped.patients))
    for cohort, wanted, cell, samples in genotyped.cells(match_variants(lake, variants)):
        for variant in wanted:
            copies = dosage([cell], [variant.allele], samples)[0]
            columns, patients = genotyped.columns(cohort, variant.superseded_by)
            totals.add(variant.number, copies, columns, patients)
    for number, copies, patients in _covered(lake, variants, genotyped):
        totals.add_covered(number, copies, patients)
    return _frame(scores, genotyped.patients, totals.sums, totals.matched)


def describe_scores(lake: Lake, scoring_files: Sequence[Path]) -> pl.DataFrame:
    """What of scoring files can be computed at all, with the genotypes that the lake has.

    Returns
    -------
    One row per file: score_name, genome_build, listed_variants, usable_variants, skipped (reasons
    and numbers), strand_ambiguous, patients (with genotypes of that build), other_patients (those
    with none of that build, who have no score).
    """
    genotyped = Genotyped(lake)
    rows = []
    for path in sorted(scoring_files):
        score = read_scoring_file(path)
        patients = int(genotyped.patients_of(score.build).sum())
        row = (score.name, score.build, score.listed, score.variants.height)
        skipped = ", ".join(f"{number} {reason}" for reason, number in score.skipped.items())
        others = len(genotyped.patients) - patients
        rows.append((*row, skipped or None, score.strand_ambiguous, patients, others))
    return pl.DataFrame(rows, schema=DESCRIPTION, orient="row")


def _number(scores: Sequence[ScoringFile]) -> pl.DataFrame:
    """The variants of all scores, numbered, with the build and number of their score."""
    frames = [
        score.variants.with_columns(
            pl.lit(number, pl.Int64).alias("score"), pl.lit(score.build).alias("genome_build")
        )
        for number, score in enumerate(scores)
    ]
    if not frames:
        return pl.DataFrame(schema={"number": pl.Int64})
    return pl.concat(frames, how="vertical_relaxed").with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("number")
    )


class _Totals:
    """Scores as they add up: `sums` and `matched` are scores x patients."""

    def __init__(self, variants: pl.DataFrame, scores: int, patients: int) -> None:
        self.sums = np.zeros((scores, patients))
        self.matched = np.zeros(self.sums.shape, np.int32)
        self._recorded: dict[int, list[np.ndarray]] = {}
        names = ["number", "score", "effect", "effect_weight", "dosage_weights"]
        self._terms = {
            number: (score, effect, weights or _WEIGHTS[effect](weight))
            for number, score, effect, weight, weights in (
                variants.select(names).iter_rows() if len(variants) else ()
            )
        }

    def add(
        self, number: int, copies: np.ndarray, columns: np.ndarray, patients: np.ndarray
    ) -> None:
        """Add a variant of a record: copies of all its samples, and those of patients."""
        score, effect, weights = self._terms[number]
        values = _contributions(copies, effect, weights)
        if values is not None:
            self.sums[score, patients] += values[columns]
            self.matched[score, patients] += 1
            self._recorded.setdefault(number, []).append(patients)

    def add_covered(self, number: int, copies: np.ndarray, patients: np.ndarray) -> None:
        """Add a variant in reference blocks to patients who have no record of it."""
        recorded = np.concatenate([[-1], *self._recorded.get(number, [])])
        columns = np.flatnonzero(~np.isin(patients, recorded))
        self.add(number, copies, columns, patients[columns])


def _covered(
    lake: Lake, variants: pl.DataFrame, genotyped: Genotyped
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Variants within reference blocks: number, copies of the effect allele, and patients.

    Which allele the reference is, a block says of its first base only; of other places it is
    known where any record of the lake is there.
    """
    if variants.is_empty():
        return
    place = ["genome_build", "chromosome", "position"]
    covered = find_covered(lake, variants.select("number", *place))
    if covered.is_empty():
        return
    written = _with_complements(variants).select(
        "number", *place, "effect_allele", "other_allele", "is_complement"
    )
    in_records = lake.scan(VARIANT).select(*place, "reference_allele").unique()
    from_records = written.lazy().join(in_records, on=place).collect(engine="streaming")
    bases = covered.select("number", reference_allele="reference_base").drop_nulls().unique()
    from_blocks = written.join(bases, on="number").select(from_records.columns)
    reference = pl.col("reference_allele")
    is_effect = pl.col("effect_allele") == reference
    known = (
        pl.concat([from_records, from_blocks])
        .filter(is_effect | (pl.col("other_allele") == reference))
        .sort("number", "is_complement")
        .unique("number", keep="first", maintain_order=True)
        .select("number", is_effect.alias("is_effect"))
    )
    copies = pl.when("is_effect").then("ploidy").otherwise(0).cast(pl.Int8)
    found = covered.join(known, on="number").with_columns(copies=copies)
    for (number,), rows in found.group_by("number", maintain_order=True):
        patients = genotyped.numbers_of(rows["patient_id"])
        is_known = patients >= 0
        yield cast(int, number), rows["copies"].to_numpy()[is_known], patients[is_known]


def match_variants(lake: Lake, variants: pl.DataFrame) -> pl.DataFrame:
    """The records that variants of scores match.

    Parameters
    ----------
    variants
        number, genome_build, and the columns of `ScoringFile.variants`.

    Returns
    -------
    One row per variant and cohort that has it: `genotyped.MATCH_COLUMNS`; `allele` is the index
    of the effect allele.
    """
    if variants.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(MATCH_COLUMNS, pl.String))
    place = ["genome_build", "chromosome", "position"]
    wanted = _with_complements(variants)
    found = (
        lake.scan(VARIANT)
        .filter(pl.col("called_count").is_not_null())
        .select(
            *place,
            "delivery",
            pl.col("source_id").alias("cohort_id"),
            "variant_id",
            pl.concat_list("reference_allele", "alternate_alleles").alias("alleles"),
        )
        .join(wanted.lazy(), on=place)
        .filter(
            pl.col("other_allele").is_null()
            | (
                pl.col("alleles").list.contains(pl.col("other_allele"))
                & (pl.col("other_allele") != pl.col("effect_allele"))
            )
        )
        .with_columns(allele=pl.int_ranges(pl.col("alleles").list.len(), dtype=pl.Int32))
        .explode("alleles", "allele")
        .filter(pl.col("alleles") == pl.col("effect_allele"))
        .collect(engine="streaming")
    )
    match = ["number", "delivery", "cohort_id"]
    return (
        found.filter(pl.col("is_complement") == pl.col("is_complement").min().over(match))
        .filter(pl.len().over(match) == 1)
        .select(MATCH_COLUMNS)
    )


def _with_complements(variants: pl.DataFrame) -> pl.DataFrame:
    """The variants and, for single bases that are not palindromic, their other strand."""
    bases, complements = ["A", "C", "G", "T"], ["T", "G", "C", "A"]
    alleles = pl.col("effect_allele", "other_allele")
    flipped = variants.filter(
        pl.col("effect_allele").is_in(bases),
        pl.col("other_allele").is_in(bases),
        pl.col("effect_allele").replace(bases, complements) != pl.col("other_allele"),
    ).with_columns(alleles.replace(bases, complements))
    return pl.concat(
        [
            variants.with_columns(is_complement=pl.lit(False)),
            flipped.with_columns(is_complement=pl.lit(True)),
        ]
    )


_WEIGHTS: dict[str, Callable[[float], list[float]]] = {
    "additive": lambda weight: [0, weight, 2 * weight],
    "dominant": lambda weight: [0, weight, weight],
    "recessive": lambda weight: [0, 0, weight],
}


def _contributions(copies: np.ndarray, effect: str, weights: Sequence[float]) -> np.ndarray | None:
    """What each sample adds (float64), the mean where not called; None if none is called."""
    is_called = copies != MISSING
    if not is_called.any():
        return None
    if effect == "additive":
        values = copies * float(weights[1])
    else:
        values = np.asarray(weights, np.float64)[np.clip(copies, 0, 2)]
    return np.where(is_called, values, values[is_called].mean())


def _frame(
    scores: list[ScoringFile], patients: list[str], sums: np.ndarray, matched: np.ndarray
) -> pl.DataFrame:
    frames = [
        pl.DataFrame(
            {
                "patient_id": patients,
                "score_name": score.name,
                "score": sums[number],
                "matched_variants": matched[number],
                "listed_variants": score.listed,
            },
            schema=SCHEMA,
        )
        for number, score in enumerate(scores)
    ]
    empty = pl.DataFrame(schema=SCHEMA)
    return (
        pl.concat([empty, *frames])
        .filter(pl.col("matched_variants") > 0)
        .sort("score_name", "patient_id")
    )
