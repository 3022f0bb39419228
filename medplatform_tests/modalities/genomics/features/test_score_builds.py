"""A score of which there is a file per genome build, as the PGS Catalog harmonizes them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.score import compute_scores, describe_scores
from medplatform.modalities.genomics.features.scoring_file import find_unusable
from medplatform_tests.modalities.genomics.conftest import HEADER, Publish
from medplatform_tests.modalities.genomics.features.conftest import cohort
from medplatform_tests.modalities.genomics.features.scoring import scoring_file

OLDER = HEADER.replace("248956422", "249250621")
"""Chromosome 1 of GRCh37."""
NEW, OLD = "PGS000001_hmPOS_GRCh38.txt", "PGS000001_hmPOS_GRCh37.txt"
NEW_ROWS = ("1 100 G A 1", "1 200 G A 1")
OLD_ROWS = ("1 110 G A 10", "1 210 G A 10", "1 310 G A 10")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        scoring_file(tmp_path, *NEW_ROWS, name=NEW),
        scoring_file(tmp_path, *OLD_ROWS, build="GRCh37", name=OLD),
    ]


@pytest.fixture
def scores(
    lake: Lake, files: list[Path], name_of: Callable[[str], str]
) -> Callable[[], dict[str, list]]:
    """Sample -> score, matched, listed variants, of each patient's only row."""

    def compute() -> dict[str, list]:
        frame = compute_scores(lake, files)
        assert frame["patient_id"].is_unique().all()
        assert set(frame["score_name"]) == {"PGS000001"}
        return {name_of(patient): row for patient, _, *row in frame.iter_rows()}

    return compute


def test_a_patient_is_scored_by_the_file_of_the_build_of_the_samples(
    publish: Publish, scores: Callable[[], dict[str, list]]
) -> None:
    publish("a", cohort("chr1 100 . A G . . . GT 0/1", samples=("S1",)))
    publish("b", cohort("chr1 110 . A G . . . GT 1/1", header=OLDER, samples=("S2",)))
    assert scores() == {"S1": [1, 1, 2], "S2": [20, 1, 3]}


def test_of_a_patient_with_samples_of_both_builds_most_variants_found_count(
    publish: Publish, scores: Callable[[], dict[str, list]]
) -> None:
    newer = ("chr1 100 . A G . . . GT 0/1 0/1", "chr1 200 . A G . . . GT 0/1 0/1")
    older = tuple(f"chr1 {position} . A G . . . GT 1/1" for position in (110, 210, 310))
    publish("a", cohort(*newer[:1], samples=("S1", "S2")))
    publish("b", cohort(*older, header=OLDER, samples=("S1",)))
    publish("c", cohort(*older[:1], header=OLDER, samples=("S2",)))
    assert scores() == {"S1": [60, 3, 3], "S2": [1, 1, 2]}  # of equally good ones the newest


def test_of_whom_nothing_is_found_the_file_of_the_build_says_how_much_was_listed(
    publish: Publish, scores: Callable[[], dict[str, list]]
) -> None:
    publish("a", cohort("chr1 5 . A G . . . GT 0/1", samples=("S1",)))
    publish("b", cohort("chr1 5 . A G . . . GT 0/1", header=OLDER, samples=("S2",)))
    assert scores() == {"S1": [None, 0, 2], "S2": [None, 0, 3]}


def test_each_file_is_described(publish: Publish, lake: Lake, files: list[Path]) -> None:
    publish("a", cohort("chr1 100 . A G . . . GT 0/1 0/1"))
    publish("b", cohort("chr1 110 . A G . . . GT 1/1", header=OLDER, samples=("S3",)))
    columns = ["score_name", "genome_build", "listed_variants", "patients", "other_patients"]
    assert describe_scores(lake, files).select(columns).sort("genome_build").rows() == [
        ("PGS000001", "GRCh37", 3, 1, 2),
        ("PGS000001", "GRCh38", 2, 2, 1),
    ]


def test_files_of_one_score_and_build_are_unusable_and_name_each_other(
    tmp_path: Path, files: list[Path]
) -> None:
    same = [
        scoring_file(tmp_path, *OLD_ROWS, name="X.txt"),
        scoring_file(tmp_path, *OLD_ROWS, name="X.txt.gz"),
    ]
    assert find_unusable(files) == {}
    reasons = find_unusable([*files, *same])
    assert list(reasons) == same
    for path, other in (same, same[::-1]):
        assert reasons[path] == (
            f"{path}: {other.name} is of the same score and genome build (X, GRCh38). Remove one "
            "of them, or rename it."
        )


def test_a_file_that_cannot_be_read_makes_no_other_a_duplicate(tmp_path: Path) -> None:
    good = scoring_file(tmp_path, *NEW_ROWS, name="X.txt")
    bad = scoring_file(tmp_path, name="X.txt.gz")
    assert list(find_unusable([good, bad])) == [bad]
