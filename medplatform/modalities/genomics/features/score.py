"""Polygenic scores: for each patient the sum of effect weight times copies of the effect allele.

A variant of a scoring file matches a record that has, at its build, chromosome and position, the
effect allele and the other allele, as written or as normalised; one of the two may be the
reference. Where the other allele is not stated, only alleles that replace bases by as many match.
Where the alleles as stated do not match, single bases are tried on the other strand, unless they
are each other's complement. A variant that matches no record of a file, or several, does not count
there.

A missing genotype, `./1` too, counts as the mean of the called ones in its cohort, the default of
PLINK 1.9 `--score`. A variant that a patient's files do not have at all is not known to be the
reference, unless a reference block of a gVCF file covers it: it adds nothing, and
`matched_variants` shows it. Of whom no variant was found, the score is not 0 but null.

A score may have a file per genome build. A patient's score is of one of them: of several builds,
that of which most variants were found.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.genotyped import NEWEST_FIRST, Genotyped
from medplatform.modalities.genomics.features.score_match import match_blocks, match_records
from medplatform.modalities.genomics.features.score_repeats import find_repeats
from medplatform.modalities.genomics.features.scoring_file import (
    ScoringFile,
    ScoringFileError,
    find_same_scores,
    read_scoring_file,
)
from medplatform.modalities.genomics.genotypes.packed import MISSING, dosage
from medplatform.modalities.genomics.reference.catalogue import Genomes

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
    "declared_variants": pl.Int64,
    "listed_variants": pl.Int32,
    "usable_variants": pl.Int32,
    "skipped": pl.String,
    "strand_ambiguous": pl.Int32,
    "patients": pl.Int32,
    "other_patients": pl.Int32,
}


def compute_scores(
    lake: Lake, scoring_files: Sequence[Path], genomes: Genomes | None = None
) -> pl.DataFrame:
    """Compute all scores of all patients with genotypes.

    Parameters
    ----------
    scoring_files
        PGS Catalog scoring files, see `read_scoring_file`.
    genomes
        The reference sequences, by which indels are shifted left; without that of its build, a
        score matches as it is written.

    Returns
    -------
    One row per patient and score: patient_id, score_name, score (null where no variant matched),
    matched_variants (those found in the patient's files), listed_variants (those in the scoring
    file). Where several files have a patient's genotype, the delivery that comes last by name
    counts. Where a score has several scoring files, of one build each, that counts of which most
    variants were found; of equally good ones that of a build of the patient's samples, then the
    newest.

    Raises
    ------
    ScoringFileError
        A scoring file cannot be used, or two are of the same score and build.
    """
    scores = [read_scoring_file(path, genomes) for path in sorted(scoring_files)]
    if reasons := find_same_scores((score.path, score.name, score.build) for score in scores):
        raise ScoringFileError("\n".join(reasons.values()))
    variants, forms = _number(scores)
    genotyped = Genotyped(lake)
    totals = _Totals(variants, len(scores), len(genotyped.patients))
    matches = match_records(lake, forms)
    repeats = find_repeats(matches, variants).implode()
    matches, forms = (frame.filter(~pl.col("number").is_in(repeats)) for frame in (matches, forms))
    for cohort, wanted, cell, samples in genotyped.cells(matches):
        for number, same in groupby(wanted, lambda variant: variant.number):
            variant, *others = same
            copies = _count(cell, [variant.allele, *(other.allele for other in others)], samples)
            columns, patients = genotyped.columns(cohort, variant.superseded_by)
            totals.add(number, copies, columns, patients)
    for number, copies, patients in _covered(match_blocks(lake, forms), genotyped):
        totals.add_covered(number, copies, patients)
    return _frame(scores, genotyped, totals)


def describe_scores(
    lake: Lake, scoring_files: Sequence[Path], genomes: Genomes | None = None
) -> pl.DataFrame:
    """What of scoring files can be computed at all, with the genotypes that the lake has.

    Parameters
    ----------
    scoring_files, genomes
        As for `compute_scores`.

    Returns
    -------
    One row per file: score_name, genome_build, declared_variants (by its header; an interaction has
    several rows), listed_variants, usable_variants, skipped (reasons and numbers),
    strand_ambiguous, patients (with genotypes of that build), other_patients (those with none of
    that build, whose score is null unless another file is of theirs). Variants that
    only records of the lake show to be one are among the duplicates.
    """
    genotyped = Genotyped(lake)
    scores = [read_scoring_file(path, genomes) for path in sorted(scoring_files)]
    variants, forms = _number(scores)
    repeats = find_repeats(match_records(lake, forms), variants)
    rows = []
    for index, score in enumerate(scores):
        repeated = variants.filter(pl.col("number").is_in(repeats.implode()), score=index).height
        counts = Counter(score.skipped) + Counter(duplicate=repeated)
        patients = int(genotyped.patients_of(score.build).sum())
        row = (
            score.name,
            score.build,
            score.declared,
            score.listed,
            score.variants.height - repeated,
        )
        skipped = ", ".join(f"{number} {reason}" for reason, number in sorted(counts.items()))
        others = len(genotyped.patients) - patients
        rows.append((*row, skipped or None, score.strand_ambiguous, patients, others))
    return pl.DataFrame(rows, schema=DESCRIPTION, orient="row")


def _number(scores: Sequence[ScoringFile]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The variants of all scores, numbered, with the number of their score, and their forms."""
    variants, forms, first = [], [], 0
    for index, score in enumerate(scores):
        number = (pl.col("row") + first).alias("number")
        variants.append(score.variants.with_columns(number, score=pl.lit(index, pl.Int64)))
        forms.append(score.forms.with_columns(number, genome_build=pl.lit(score.build)))
        first += score.listed
    if not scores:
        empty = pl.DataFrame(schema={"number": pl.Int64})
        return empty, empty
    return pl.concat(variants, how="vertical_relaxed"), pl.concat(forms, how="vertical_relaxed")


def _count(cell: bytes, alleles: Sequence[int], samples: int) -> np.ndarray:
    """Copies of any of the alleles in each sample (int8), MISSING where one was not called."""
    copies = dosage([cell] * len(alleles), alleles, samples)
    return np.maximum(copies.sum(axis=0, dtype=np.int8), MISSING)


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
        self._recorded.setdefault(number, []).append(patients)
        if values is not None:
            self.sums[score, patients] += values[columns]
            self.matched[score, patients] += 1

    def add_covered(self, number: int, copies: np.ndarray, patients: np.ndarray) -> None:
        """Add a variant in reference blocks to patients who have no record of it."""
        recorded = np.concatenate([[-1], *self._recorded.get(number, [])])
        columns = np.flatnonzero(~np.isin(patients, recorded))
        self.add(number, copies, columns, patients[columns])


def _covered(
    matches: pl.DataFrame, genotyped: Genotyped
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Variants within reference blocks: number, copies of the effect allele, and patients."""
    for (number,), rows in matches.group_by("number", maintain_order=True):
        patients = genotyped.numbers_of(rows["patient_id"])
        is_known = patients >= 0
        yield cast(int, number), rows["copies"].to_numpy()[is_known], patients[is_known]


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


def _frame(scores: Sequence[ScoringFile], genotyped: Genotyped, totals: _Totals) -> pl.DataFrame:
    frames = []
    for name in sorted({score.name for score in scores}):
        files = [number for number, score in enumerate(scores) if score.name == name]
        files.sort(key=lambda number: NEWEST_FIRST.index(scores[number].build))
        is_of_build = np.array([genotyped.patients_of(scores[file].build) for file in files])
        chosen = np.array(files)[_choose_file(totals.matched[files], is_of_build)]
        patients = np.arange(len(chosen))
        columns = {
            "patient_id": genotyped.patients,
            "score_name": name,
            "score": totals.sums[chosen, patients],
            "matched_variants": totals.matched[chosen, patients],
            "listed_variants": np.array([score.listed for score in scores])[chosen],
        }
        frames.append(pl.DataFrame(columns, schema=SCHEMA))
    has_match = pl.col("matched_variants") > 0
    return (
        pl.concat([pl.DataFrame(schema=SCHEMA), *frames])
        .with_columns(pl.when(has_match).then("score").alias("score"))
        .sort("score_name", "patient_id")
    )


def _choose_file(matched: np.ndarray, is_of_build: np.ndarray) -> np.ndarray:
    """Which of the files of a score counts for each patient, by its place.

    Parameters
    ----------
    matched, is_of_build
        Variants found, and whether the patient has samples of the build: files x patients, the
        newest build first.
    """
    return np.argmax(2 * matched + is_of_build, axis=0)
