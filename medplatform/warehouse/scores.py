"""The mart `polygenic_score`, which no SQL computes: genotypes are packed."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.ehr.deleted import find_deleted_patients
from medplatform.warehouse.inputs import POLYGENIC_SCORE, write_input


def write_polygenic_scores(lake: Lake, scoring_files: Sequence[Path], marts: Path) -> pl.DataFrame:
    """Compute every listed score of every genotyped patient and replace the mart at once.

    Deleted patients have none.
    """
    from medplatform.modalities.genomics.features.score import compute_scores

    scores = compute_scores(lake, list(scoring_files)).filter(
        ~pl.col("patient_id").is_in(find_deleted_patients(lake))
    )
    write_input(POLYGENIC_SCORE, scores, marts)
    return scores
