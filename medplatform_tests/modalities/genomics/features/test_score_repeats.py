"""A variant that several rows of a score list counts once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.score import describe_scores
from medplatform.modalities.genomics.features.scoring_file import read_scoring_file
from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import Publish
from medplatform_tests.modalities.genomics.features.conftest import cohort
from medplatform_tests.modalities.genomics.features.scoring import (
    COLUMNS,
    Scores,
    score_with,
    scoring_file,
)

STATED, OPEN = "1 1000 G A 1", "1 1000 G  10"
FLIPPED = "1 1000 C T 100"


@pytest.fixture
def score(tmp_path: Path, lake: Lake, identity: Identity) -> Callable[..., Scores]:
    return score_with(lake, identity, tmp_path)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((STATED, OPEN), 1),
        ((OPEN, STATED), 10),  # the first row counts
        ((STATED, FLIPPED), 1),
        ((FLIPPED, STATED), 100),
        ((OPEN, FLIPPED), 10),
        ((STATED, OPEN, FLIPPED), 1),
    ],
)
def test_rows_that_match_one_allele_of_a_record_count_once(
    publish: Publish, score: Callable[..., Scores], rows: tuple[str, ...], expected: int
) -> None:
    publish("d", cohort("chr1 1000 . A G . . . GT 0/1", samples=("S1",)))
    assert score(*rows) == {"S1": (expected, 1, len(rows))}


@pytest.mark.parametrize("rows", [(STATED, OPEN), (OPEN, STATED), (OPEN, STATED, "1 1000 G A 5")])
def test_a_row_without_the_other_allele_and_one_with_it_are_duplicates(
    tmp_path: Path, rows: tuple[str, ...]
) -> None:
    found = read_scoring_file(scoring_file(tmp_path, *rows))
    assert found.variants["row"].to_list() == [0]
    assert dict(found.skipped) == {"duplicate": len(rows) - 1}


def test_rows_that_only_a_record_shows_to_be_one_variant_are_described_as_duplicates(
    publish: Publish, lake: Lake, tmp_path: Path
) -> None:
    path = scoring_file(tmp_path, STATED, FLIPPED, OPEN)
    (before,) = describe_scores(lake, [path]).iter_rows(named=True)
    assert (before["usable_variants"], before["skipped"]) == (2, "1 duplicate")
    publish("d", cohort("chr1 1000 . A G . . . GT 0/1", samples=("S1",)))
    (described,) = describe_scores(lake, [path]).iter_rows(named=True)
    assert (described["usable_variants"], described["skipped"]) == (1, "2 duplicate")


def test_what_a_later_row_leaves_open_stays_as_the_first_states_it(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("d", cohort("chr1 1000 . T G . . . GT 0/1", samples=("S1",)))
    assert score(STATED, OPEN) == {}
    assert score(OPEN, STATED) == {"S1": (10, 1, 2)}


def test_what_a_later_row_states_tells_the_allele_of_a_block(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("d", cohort("chr1 1000 . A <NON_REF> . . END=2000 GT 0/0", samples=("S1",)))
    assert score(OPEN) == {}
    assert score(OPEN, STATED) == {"S1": (0, 1, 2)}


def test_rows_of_two_alternate_alleles_of_a_record_both_count(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("d", cohort("chr1 1000 . A G,T . . . GT 1/2", samples=("S1",)))
    assert score(STATED, "1 1000 T A 10") == {"S1": (11, 2, 2)}
    assert score("1 1000 A G 1", "1 1000 A T 10") == {"S1": (0, 2, 2)}


def test_rows_of_both_alleles_of_a_record_both_count(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("d", cohort("chr1 1000 . A G . . . GT 0/1", samples=("S1",)))
    assert score(OPEN, "1 1000 A  1") == {"S1": (11, 2, 2)}


def test_rows_of_two_kinds_of_effect_both_count(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("d", cohort("chr1 1000 . A G . . . GT 1/1", samples=("S1",)))
    rows = (f"{STATED} False", f"{OPEN} True")
    assert score(*rows, columns=f"{COLUMNS}\tis_dominant") == {"S1": (12, 2, 2)}
