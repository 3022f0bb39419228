"""Indels of scores that are written further right than records have them, in a small genome."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.features import score_forms
from medplatform.modalities.genomics.features.score import describe_scores
from medplatform.modalities.genomics.reference.catalogue import Genomes
from medplatform.modalities.genomics.reference.genome import Genome
from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import HEADER, Publish
from medplatform_tests.modalities.genomics.features.conftest import cohort
from medplatform_tests.modalities.genomics.features.scoring import (
    COLUMNS,
    Scores,
    score_with,
    scoring_file,
)

SEQUENCE = "T" * 99 + "GCACACAT" + "G" * 93 + "ACCCT" + "G" * 95
"""CA thrice from 101 on, C thrice from 202 on."""
DELETION, INSERTION = "chr1 100 . GCA G . . . GT", "chr1 201 . A AC . . . GT"


@pytest.fixture
def genomes(tmp_path: Path) -> Iterator[Genomes]:
    folder = tmp_path / "genomes"
    folder.mkdir()
    (folder / "GRCh38.fa").write_text(f">chr1\n{SEQUENCE}\n")
    with closing(Genomes(folder)) as opened:
        yield opened


@pytest.fixture
def score(
    tmp_path: Path, lake: Lake, identity: Identity, genomes: Genomes
) -> Callable[..., Scores]:
    return score_with(lake, identity, tmp_path, genomes)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1 100 G GCA 1", 1),  # as the record has it
        ("1 104 A ACA 1", 1),  # the last CA is lost
        ("1 102 A ACA 1", 1),
        ("1 103 CAT CACAT 1", 1),  # and with a further base
        ("1 101 CA CACA 1", 1),
        ("1 104 ACA A 1", 1),  # the effect allele is the reference
        ("1 204 C CC 10", 20),  # what is inserted is not the effect allele
        ("1 204 CC C 10", 0),
        ("1 104 A AC 1", None),  # another allele
        ("1 150 G GCA 1", None),  # another place
        ("2 104 A ACA 1", None),  # a chromosome that the genome lacks
    ],
)
def test_an_indel_of_a_score_matches_the_record_that_has_it_further_left(
    publish: Publish, score: Callable[..., Scores], row: str, expected: int | None
) -> None:
    publish("d", cohort(f"{DELETION} 0/1", f"{INSERTION} 0/0", samples=("S1",)))
    assert score(row) == ({} if expected is None else {"S1": (expected, 1, 1)})


def test_without_the_genome_only_what_is_written_alike_matches(
    publish: Publish, lake: Lake, identity: Identity, tmp_path: Path
) -> None:
    publish("d", cohort(f"{DELETION} 0/1", samples=("S1",)))
    score = score_with(lake, identity, tmp_path)
    assert score("1 104 A ACA 1") == {}
    assert score("1 100 G GCA 1") == {"S1": (1, 1, 1)}


def test_a_score_of_a_build_without_a_genome_is_matched_as_it_is_written(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    header = HEADER.replace("248956422", "249250621")
    publish("d", cohort(f"{DELETION} 0/1", header=header, samples=("S1",)))
    assert score("1 104 A ACA 1", build="GRCh37") == {}
    assert score("1 100 G GCA 1", build="GRCh37") == {"S1": (1, 1, 1)}


def test_a_record_that_is_written_as_the_score_matches_once(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    """It was read without a genome, so that it is nowhere else."""
    publish("d", cohort("chr1 104 . ACA A . . . GT 0/1", samples=("S1",)))
    assert score("1 104 A ACA 1") == {"S1": (1, 1, 1)}


@pytest.mark.parametrize("record", [DELETION, "chr1 104 . ACA A . . . GT"])
@pytest.mark.parametrize(("end", "expected"), [(200, {"S1": (0, 1, 1)}), (101, {})])
def test_a_block_covers_the_indel_where_the_record_has_it(
    publish: Publish, score: Callable[..., Scores], record: str, end: int, expected: Scores
) -> None:
    publish("a", cohort(f"{record} 0/1", samples=("S2",)))
    publish("b", cohort(f"chr1 90 . T <NON_REF> . . END={end} GT 0/0", samples=("S1",)))
    found = score("1 104 A ACA 1")
    assert found.pop("S2") == (1, 1, 1)
    assert found == expected


@pytest.mark.parametrize(
    "rows",
    [
        ("1 104 A ACA 1", "1 102 A ACA 1"),
        ("1 102 A ACA 1", "1 104 A ACA 1"),
        ("1 100 G GCA 1", "1 104 A ACA 1"),
        ("1 103 CAT CACAT 1", "1 101 CA CACA 1"),
        ("1 104 A ACA 1", "1 102 A ACA 8", "1 100 G GCA 9"),  # the first row counts
    ],
)
def test_rows_that_are_one_indel_count_once(
    publish: Publish, score: Callable[..., Scores], rows: tuple[str, ...]
) -> None:
    publish("d", cohort(f"{DELETION} 0/1", f"{INSERTION} 0/0", samples=("S1",)))
    assert score(*rows) == {"S1": (1, 1, len(rows))}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (("1 100 G GCA 1", "1 100 GCA G 10"), 11),  # either allele has a weight
        (("1 104 A ACA 1", "1 102 ACA A 10"), 11),
        (("1 104 A ACA 1", "1 204 CC C 10"), 1),
    ],
)
def test_rows_of_two_alleles_or_of_two_variants_both_count(
    publish: Publish, score: Callable[..., Scores], rows: tuple[str, ...], expected: int
) -> None:
    publish("d", cohort(f"{DELETION} 0/1", f"{INSERTION} 0/0", samples=("S1",)))
    assert score(*rows) == {"S1": (expected, 2, 2)}


def test_rows_of_one_indel_of_which_one_is_dominant_both_count(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("d", cohort(f"{DELETION} 1/1", samples=("S1",)))
    rows = ("1 104 ACA A 1 False", "1 102 ACA A 10 True", "1 102 ACA A 1 False")
    assert score(*rows, columns=f"{COLUMNS}\tis_dominant") == {"S1": (0, 2, 3)}
    rows = ("1 104 A ACA 1 False", "1 102 A ACA 10 True", "1 102 A ACA 1 False")
    assert score(*rows, columns=f"{COLUMNS}\tis_dominant") == {"S1": (12, 2, 3)}


@pytest.mark.parametrize("position", [104, 102])
def test_an_indel_of_two_rows_matches_a_record_that_is_written_as_either(
    publish: Publish, score: Callable[..., Scores], position: int
) -> None:
    """It was read without a genome, so that it is nowhere else."""
    publish("d", cohort(f"chr1 {position} . ACA A . . . GT 0/1", samples=("S1",)))
    assert score("1 104 A ACA 1", "1 102 A ACA 1") == {"S1": (1, 1, 2)}


INSERTED = "chr1 106 . A ACA . . . GT"
"""One more CA behind the repeat, where the sequence goes on with TG."""


@pytest.mark.parametrize(
    ("row", "records", "copies"),
    [
        ("1 106 ACA A 1", [f"{DELETION} 1/1"], None),
        ("1 106 ACA A 1", [f"{INSERTED} 0/1"], 1),
        ("1 106 ACA A 1", ["chr1 100 . G GCA . . . GT 0/1"], 1),
        ("1 106 ACA A 1", [f"{DELETION} 1/1", f"{INSERTED} 0/1"], 1),
        ("1 106 ACA A 1", [f"{DELETION} 1/1", "chr1 100 . G GCA . . . GT 0/1"], 1),
        ("1 106 ACA A 1", ["chr1 100 . GCA G,GCACA . . . GT 1/2"], 1),
        ("1 106 A ACA 1", [f"{DELETION} 1/1", f"{INSERTED} 1/1"], 0),
        ("1 105 CACAT CAT 1", [f"{DELETION} 1/1"], None),
        ("1 105 CACAT CAT 1", ["chr1 100 . G GCA . . . GT 0/1"], 1),
    ],
)
def test_what_the_sequence_shows_to_be_inserted_matches_no_deletion(
    publish: Publish, score: Callable[..., Scores], row: str, records: list[str], copies: int | None
) -> None:
    """Shifted left, an insertion and a deletion of CA are the same texts in the same place."""
    publish("d", cohort(*records, samples=("S1",)))
    assert score(row) == ({} if copies is None else {"S1": (copies, 1, 1)})


@pytest.mark.parametrize(
    ("record", "expected"),
    [(f"{DELETION} 0/1", {"S1": (1, 1, 1)}), ("chr1 100 . G GCA . . . GT 0/1", {})],
)
def test_what_the_sequence_shows_to_be_deleted_matches_no_insertion(
    publish: Publish, score: Callable[..., Scores], record: str, expected: Scores
) -> None:
    publish("d", cohort(record, samples=("S1",)))
    assert score("1 103 CAT CACAT 1") == expected


@pytest.mark.parametrize("record", [DELETION, "chr1 100 . G GCA . . . GT"])
def test_what_may_be_inserted_or_deleted_matches_the_record_that_is_there(
    publish: Publish, score: Callable[..., Scores], record: str
) -> None:
    publish("d", cohort(f"{record} 0/1", samples=("S1",)))
    assert score("1 104 A ACA 1") == {"S1": (1, 1, 1)}


def test_a_deletion_does_not_tell_what_a_block_has_of_an_insertion(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    """The reference has none of the bases that the row weighs: not two copies, and not none."""
    publish("a", cohort(f"{DELETION} 0/1", samples=("S2",)))
    publish("b", cohort("chr1 90 . T <NON_REF> . . END=200 GT 0/0", samples=("S1",)))
    assert score("1 106 ACA A 1") == {}
    publish("c", cohort(f"{INSERTED} 0/1", samples=("S3",)))
    assert score("1 106 ACA A 1") == {"S1": (0, 1, 1), "S3": (1, 1, 1)}


def test_rows_that_are_one_variant_are_described_as_duplicates(
    lake: Lake, genomes: Genomes, tmp_path: Path
) -> None:
    path = scoring_file(tmp_path, "1 104 A ACA 1", "1 102 A ACA 1", "1 99 TG TGCA 1", "1 5 A G 1")
    (described,) = describe_scores(lake, [path], genomes).iter_rows(named=True)
    assert (described["listed_variants"], described["usable_variants"]) == (4, 2)
    assert described["skipped"] == "2 duplicate"
    (described,) = describe_scores(lake, [path]).iter_rows(named=True)
    assert (described["usable_variants"], described["skipped"]) == (4, None)


def test_indels_are_shifted_once(
    publish: Publish, score: Callable[..., Scores], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("d", cohort(f"{DELETION} 0/1", samples=("S1",)))
    rows = []
    align = score_forms.left_align

    def counted(alleles: pl.DataFrame, genome: Genome) -> pl.DataFrame:
        rows.append(len(alleles))
        return align(alleles, genome)

    monkeypatch.setattr(score_forms, "left_align", counted)
    assert score("1 104 A ACA 1", "1 204 CC C 1") == {"S1": (1, 1, 2)}
    assert rows == [1, 1]  # A of A/ACA is the reference, and C of CC/C
