"""Scoring files that are written in a line, and what the patients score by them."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.score import compute_scores
from medplatform.modalities.genomics.reference.catalogue import Genomes
from medplatform.modalities.genomics.tables import SAMPLE
from medplatform.privacy import Identity

COLUMNS = "chr_name\tchr_position\teffect_allele\tother_allele\teffect_weight"
Scores = dict[str, tuple[object, int, int]]
"""Sample -> score, matched variants, listed variants."""


def scoring_file(
    folder: Path, *rows: str, columns: str = COLUMNS, build: str = "GRCh38", name: str = "s.txt"
) -> Path:
    """A scoring file; rows are written with spaces for tabs."""
    path = folder / name
    lines = ["###PGS CATALOG SCORING FILE", f"#genome_build={build}", columns]
    text = "\n".join([*lines, *(row.replace(" ", "\t") for row in rows)]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return path


def score_with(
    lake: Lake, identity: Identity, folder: Path, genomes: Genomes | None = None
) -> Callable[..., Scores]:
    """Scores of the patients of samples S1 to S4 by the rows of a scoring file.

    Of whom no variant matched is left out, once it is seen that there is a row to tell it.
    """

    def compute(*rows: str, **options: str) -> Scores:
        frame = compute_scores(lake, [scoring_file(folder, *rows, **options)], genomes)
        patients = lake.scan(SAMPLE).select("patient_id").unique().collect()["patient_id"]
        assert sorted(frame["patient_id"]) == sorted(patients)
        has_score = frame["score"].is_not_null()
        assert has_score.equals(frame["matched_variants"] > 0, check_names=False)
        names = {identity.subject(None, f"patient-S{n}").patient_id: f"S{n}" for n in range(1, 5)}
        return {
            names[row["patient_id"]]: (
                pytest.approx(row["score"]),
                row["matched_variants"],
                row["listed_variants"],
            )
            for row in frame.filter(has_score).iter_rows(named=True)
        }

    return compute
