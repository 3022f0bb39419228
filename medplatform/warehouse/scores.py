"""The mart `polygenic_score`, which no SQL computes: genotypes are packed."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from medplatform.lake import Lake
from medplatform.warehouse.views import POLYGENIC_SCORE


def write_polygenic_scores(lake: Lake, scoring_files: Sequence[Path], marts: Path) -> pl.DataFrame:
    """Compute every listed score of every genotyped patient and replace the mart at once."""
    from medplatform.modalities.genomics.score import compute_scores

    scores = compute_scores(lake, list(scoring_files))
    marts.mkdir(parents=True, exist_ok=True)
    draft = marts / f".{POLYGENIC_SCORE.name}.parquet.draft"
    scores.write_parquet(draft)
    draft.replace(marts / f"{POLYGENIC_SCORE.name}.parquet")
    return scores
