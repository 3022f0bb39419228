"""Polygenic scores: for each patient the sum of effect weight times copies of the effect allele.

A variant of a scoring file matches a record of the same build, chromosome and position that has
the effect allele and, where it is stated, the other allele. Where the alleles as written do not
match, single bases are tried on the other strand, unless they are each other's complement. A
variant that matches no record of a file, or several, does not count there.

A missing genotype counts as the mean of the called ones in its cohort, the default of PLINK 1.9
`--score`. A variant that a patient's files do not have at all is not known to be the reference:
it adds nothing, and `matched_variants` shows it.
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.genotypes import MISSING, dosage
from medplatform.modalities.genomics.scoring_file import (
    ScoringFile,
    ScoringFileError,
    read_scoring_file,
)
from medplatform.modalities.genomics.tables import GENOTYPE, SAMPLE, VARIANT

BATCH_ROWS = 512
SCHEMA = {
    "patient_id": pl.String,
    "score_name": pl.String,
    "score": pl.Float64,
    "matched_variants": pl.Int32,
    "listed_variants": pl.Int32,
}

Cohort = tuple[str, str]
"""Delivery and cohort_id: the same file may be delivered again with another crosswalk."""


class Term(NamedTuple):
    """What one record of a cohort adds to one score."""

    score: int
    allele: int
    weight: float
    effect: str
    superseded_by: tuple[Cohort, ...]


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
    cohorts = _Cohorts(lake)
    terms: dict[tuple[Cohort, str], list[Term]] = defaultdict(list)
    for number, score in enumerate(scores):
        for cohort, variant_id, term in _terms(number, match_variants(lake, score)):
            terms[cohort, variant_id].append(term)
    sums = np.zeros((len(scores), len(cohorts.patients)))
    matched = np.zeros(sums.shape, np.int32)
    for cohort, variant_id, cell, samples in _cells(lake, terms):
        for term in terms[cohort, variant_id]:
            copies = dosage([cell], [term.allele], samples)[0]
            values = _effects(copies, term.effect)
            if values is None:
                continue
            columns, patients = cohorts.columns(cohort, term.superseded_by)
            sums[term.score, patients] += term.weight * values[columns]
            matched[term.score, patients] += 1
    return _frame(scores, cohorts.patients, sums, matched)


def match_variants(lake: Lake, score: ScoringFile) -> pl.DataFrame:
    """The records that the variants of a score match.

    Returns
    -------
    One row per variant of the score and cohort that has it: number (of the variant in the score),
    delivery, cohort_id, variant_id, allele (index of the effect allele), effect_weight, effect.
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
        .select(*match, "variant_id", "allele", "effect_weight", "effect")
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


def _terms(score: int, matches: pl.DataFrame) -> Iterator[tuple[Cohort, str, Term]]:
    for rows in matches.partition_by("number", maintain_order=True):
        cohorts = list(zip(rows["delivery"], rows["cohort_id"], strict=True))
        for index, row in enumerate(rows.iter_rows(named=True)):
            later = tuple(cohorts[index + 1 :])
            term = Term(score, row["allele"], row["effect_weight"], row["effect"], later)
            yield cohorts[index], row["variant_id"], term


class _Cohorts:
    """Which sample of which cohort is from which patient; patients are numbered by their id."""

    def __init__(self, lake: Lake) -> None:
        samples = (
            lake.scan(SAMPLE)
            .select("delivery", "cohort_id", "sample_index", "patient_id")
            .sort("delivery", "cohort_id", "sample_index")
            .unique(["delivery", "cohort_id", "patient_id"], keep="first", maintain_order=True)
            .collect()
        )
        self.patients: list[str] = samples["patient_id"].unique().sort().to_list()
        numbers = {patient: number for number, patient in enumerate(self.patients)}
        self._samples: dict[Cohort, tuple[np.ndarray, np.ndarray]] = {}
        for key, rows in samples.partition_by(
            "delivery", "cohort_id", as_dict=True, include_key=False
        ).items():
            patients = np.asarray([numbers[patient] for patient in rows["patient_id"]])
            self._samples[str(key[0]), str(key[1])] = (rows["sample_index"].to_numpy(), patients)
        self._known: dict[tuple[Cohort, tuple[Cohort, ...]], tuple[np.ndarray, np.ndarray]] = {}

    def columns(
        self, cohort: Cohort, superseded_by: tuple[Cohort, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sample indices of a cohort and their patients, without patients of later cohorts."""
        key = (cohort, superseded_by)
        if key not in self._known:
            columns, patients = self._samples[cohort]
            later = [self._samples[other][1] for other in superseded_by]
            is_current = ~np.isin(patients, np.concatenate([*later, np.zeros(0, int)]))
            self._known[key] = (columns[is_current], patients[is_current])
        return self._known[key]


def _cells(
    lake: Lake, wanted: Container[tuple[Cohort, str]]
) -> Iterator[tuple[Cohort, str, bytes, int]]:
    """Cohort, variant id, genotypes and sample count of the wanted records, in bounded memory."""
    columns = ["delivery", "cohort_id", "variant_id", "genotypes", "sample_count"]
    for batch in lake.iter_batches(GENOTYPE, columns, BATCH_ROWS):
        names = (batch.column(name).to_pylist() for name in columns[:3])
        for index, (delivery, cohort_id, variant_id) in enumerate(zip(*names, strict=True)):
            if ((delivery, cohort_id), variant_id) in wanted:
                cell = batch.column("genotypes")[index].as_py()
                samples = batch.column("sample_count")[index].as_py()
                yield (delivery, cohort_id), variant_id, cell, samples


def _effects(copies: np.ndarray, effect: str) -> np.ndarray | None:
    """Copies that count per sample (float64), the mean where not called; None if none is called."""
    is_called = copies != MISSING
    if not is_called.any():
        return None
    if effect == "dominant":
        counted = (copies >= 1).astype(np.float64)
    elif effect == "recessive":
        counted = (copies >= 2).astype(np.float64)
    else:
        counted = copies.astype(np.float64)
    return np.where(is_called, counted, counted[is_called].mean())


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
