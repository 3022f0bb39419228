"""The mart `polygenic_score`, which no SQL computes: genotypes are packed."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.ehr.deleted import find_deleted_patients
from medplatform.warehouse.inputs import POLYGENIC_SCORE, write_input


def write_polygenic_scores(
    lake: Lake, scoring_files: Sequence[Path], marts: Path, genomes: Path | None = None
) -> pl.DataFrame:
    """Compute every listed score of every genotyped patient and replace the mart at once.

    Deleted patients have none. By the reference sequences in the folder `genomes`, indels of scores
    are shifted as those of records are.
    """
    from medplatform.modalities.genomics.features.score import compute_scores
    from medplatform.modalities.genomics.reference.catalogue import Genomes

    with closing(Genomes(genomes)) as opened:
        scores = compute_scores(lake, list(scoring_files), opened)
    scores = scores.filter(~pl.col("patient_id").is_in(find_deleted_patients(lake)))
    write_input(POLYGENIC_SCORE, scores, marts)
    return scores
