"""What a row of a scoring file says of its variant, and which rows are skipped."""

from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.scoring_file import (
    ScoringFileError,
    read_scoring_file,
)
from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import Publish
from medplatform_tests.modalities.genomics.features.conftest import cohort
from medplatform_tests.modalities.genomics.features.scoring import (
    COLUMNS,
    Scores,
    score_with,
    scoring_file,
)


@pytest.fixture
def score(tmp_path: Path, lake: Lake, identity: Identity) -> Callable[..., Scores]:
    return score_with(lake, identity, tmp_path)


@pytest.mark.parametrize("other", ["-", "D", "I", ".", "<DEL>", "0", "A/-"])
def test_an_other_allele_that_is_no_bases_is_stated(
    publish: Publish, score: Callable[..., Scores], tmp_path: Path, other: str
) -> None:
    """A row of a deletion is no row of whatever base is replaced there."""
    row = f"1 100 G {other} 1"
    assert dict(read_scoring_file(scoring_file(tmp_path, row)).skipped) == {"no_bases": 1}
    publish("d", cohort("chr1 100 . A G . . . GT 0/1", samples=("S1",)))
    assert score(row) == {}


@pytest.mark.parametrize(
    ("stated", "inferred", "found"),
    [
        ("", "A", "A"),
        (" ", "a", "A"),
        ("", "", None),
        ("", "A/T", None),  # one of several
        ("A/T", "A", "A"),
        ("T", "A", "T"),
    ],
)
def test_the_other_allele_is_what_the_first_column_states(
    tmp_path: Path, stated: str, inferred: str, found: str | None
) -> None:
    path = tmp_path / "s.txt"
    columns = f"{COLUMNS}\thm_inferOtherAllele"
    path.write_text(f"#genome_build=GRCh38\n{columns}\n1\t100\tG\t{stated}\t1\t{inferred}\n")
    assert read_scoring_file(path).variants["other_allele"].to_list() == [found]


def test_a_row_of_which_both_alleles_are_one_is_skipped(tmp_path: Path) -> None:
    score = read_scoring_file(scoring_file(tmp_path, "1 100 G g 1", "1 200 G A 1"))
    assert dict(score.skipped) == {"same_alleles": 1}
    assert score.variants["row"].to_list() == [1]


@pytest.mark.parametrize(
    ("text", "position"),
    [("1000", 1000), ("1000.0", 1000), ("1000.00", 1000), ("1000.5", None), ("1e3", None)],
)
def test_a_position_may_be_a_whole_number_as_pandas_writes_it(
    tmp_path: Path, text: str, position: int | None
) -> None:
    score = read_scoring_file(scoring_file(tmp_path, f"1 {text} G A 1", "1 5 G A 1"))
    assert score.variants["position"].to_list() == [5] if position is None else [position, 5]
    assert dict(score.skipped) == ({} if position else {"no_position": 1})


@pytest.mark.parametrize("flag", ["is_dominant", "is_recessive"])
@pytest.mark.parametrize(
    ("text", "is_set"),
    [
        *((text, True) for text in ("True", "TRUE", "t", "Yes", "y", "1")),
        *((text, False) for text in ("False", "f", "NO", "n", "0", "")),
    ],
)
def test_a_flag_is_true_or_false_in_any_way_of_writing(
    tmp_path: Path, flag: str, text: str, is_set: bool
) -> None:
    path = scoring_file(tmp_path, f"1 100 G A 1 {text}", columns=f"{COLUMNS}\t{flag}")
    (effect,) = read_scoring_file(path).variants["effect"]
    assert effect == (flag.removeprefix("is_") if is_set else "additive")


@pytest.mark.parametrize(
    "flag", ["is_dominant", "is_recessive", "is_haplotype", "is_diplotype", "is_interaction"]
)
def test_a_flag_that_is_neither_true_nor_false_makes_the_file_unusable(
    tmp_path: Path, flag: str
) -> None:
    rows = ("1 100 G A 1 True", "1 200 G A 1 perhaps")
    path = scoring_file(tmp_path, *rows, columns=f"{COLUMNS}\t{flag}")
    message = rf"s\.txt: {flag} is neither true nor false in a row, but 'perhaps'\. Write True or F"
    with pytest.raises(ScoringFileError, match=message):
        read_scoring_file(path)
