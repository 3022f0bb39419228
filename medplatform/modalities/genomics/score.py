"""Polygenic scores: for each patient the sum of effect weight times copies of the effect allele.

A variant of a scoring file matches a record of the same build, chromosome and position that has
the effect allele and, where it is stated, the other allele. Where the alleles as written do not
match, single bases are tried on the other strand, unless they are each other's complement. A
variant that matches no record of a file, or several, does not count there.

A missing genotype counts as the mean of the called ones in its cohort, the default of PLINK 1.9
`--score`. A variant that a patient's files do not have at all is not known to be the reference:
it adds nothing, and `matched_variants` shows it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from medplatform.lake import Lake
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
    genotyped = Genotyped(lake)
    sums = np.zeros((len(scores), len(genotyped.patients)))
    matched = np.zeros(sums.shape, np.int32)
    matches, terms = _number_terms([match_variants(lake, score) for score in scores])
    for cohort, wanted, cell, samples in genotyped.cells(matches):
        for variant in wanted:
            score, effect, weights = terms[variant.number]
            values = _contributions(dosage([cell], [variant.allele], samples)[0], effect, weights)
            if values is not None:
                columns, patients = genotyped.columns(cohort, variant.superseded_by)
                sums[score, patients] += values[columns]
                matched[score, patients] += 1
    return _frame(scores, genotyped.patients, sums, matched)


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


Term = tuple[int, str, list[float]]
"""Number of the score, effect, and the weights of 0, 1 and 2 copies."""


def _number_terms(matches: Sequence[pl.DataFrame]) -> tuple[pl.DataFrame, dict[int, Term]]:
    """The matches of all scores, with numbers that tell their variants apart, and what they add."""
    terms: dict[int, Term] = {}
    frames = []
    first = 0
    for score, found in enumerate(matches):
        rows = found.unique("number").select("number", "effect", "effect_weight", "dosage_weights")
        for number, effect, weight, weights in rows.iter_rows():
            terms[first + number] = (score, effect, weights or _WEIGHTS[effect](weight))
        frames.append(found.select(MATCH_COLUMNS).with_columns(pl.col("number") + first))
        first += int(found["number"].max() or 0) + 1  # pyright: ignore[reportArgumentType] - an integer column
    empty = pl.DataFrame(schema=dict.fromkeys(MATCH_COLUMNS, pl.Null))
    return pl.concat([empty, *frames], how="vertical_relaxed"), terms


def match_variants(lake: Lake, score: ScoringFile) -> pl.DataFrame:
    """The records that the variants of a score match.

    Returns
    -------
    One row per variant of the score and cohort that has it: number (of the variant in the score),
    delivery, cohort_id, variant_id, allele (index of the effect allele), effect_weight, effect,
    dosage_weights.
    """
    place = ["chromosome", "position"]
    wanted = _with_complements(score.variants.with_row_index("number"))
    found = (
        lake.scan(VARIANT)
        .filter(pl.col("genome_build") == score.build, pl.col("called_count").is_not_null())
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
        .select(*match, "variant_id", "allele", "effect_weight", "effect", "dosage_weights")
        .sort("delivery", "cohort_id", "variant_id", "number")
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
