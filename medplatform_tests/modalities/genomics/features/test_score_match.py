"""Which alleles of records and reference blocks a variant of a score is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform.lake import Lake
from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import HEADER, Publish, crosswalk, vcf
from medplatform_tests.modalities.genomics.features.conftest import cohort
from medplatform_tests.modalities.genomics.features.scoring import (
    Scores,
    score_with,
)


@pytest.fixture
def score(tmp_path: Path, lake: Lake, identity: Identity) -> Callable[..., Scores]:
    """Scores of the patients of samples S1 to S4: score, matched, listed."""
    return score_with(lake, identity, tmp_path)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1 100 G A 1", 1),
        ("1 100 A G 1", 1),
        ("1 100 C T 1", 1),  # the other strand
        ("1 100 G . 1".replace(" .", " "), 1),  # no other allele stated
        ("1 100 G C 1", None),  # another variant at the same place
        ("1 100 T G 1", None),
        ("1 101 G A 1", None),
        ("2 100 G A 1", None),
        ("chr1 100 G A 1", 1),
        ("1 200 A T 1", 2),  # palindromic: as written, never flipped
        ("1 200 T A 1", 0),
        ("1 300 C A 1", None),  # split over two records, other allele unknown below
        ("1 300 G A 1", 1),
        ("1 300 A  1", None),
    ],
)
def test_matching_of_alleles(
    publish: Publish, score: Callable[..., Scores], row: str, expected: int | None
) -> None:
    publish(
        "d",
        cohort(
            "chr1 100 . A G . . . GT 0/1",
            "chr1 200 . A T . . . GT 0/0",
            "chr1 300 . A G . . . GT 0/1",
            "chr1 300 . A T . . . GT 0/0",
            samples=("S1",),
        ),
    )
    assert score(row) == ({} if expected is None else {"S1": (expected, 1, 1)})


TRIMMED = (
    "chr1 1000 . CAT CT,C . . . GT {}",  # CA>C and CAT>C
    "chr1 2000 . AT GT,A . . . GT {}",  # A>G and AT>A
)


@pytest.mark.parametrize(
    ("rows", "genotype", "expected"),
    [
        (("1 1000 C CA 1", "1 2000 G A 1"), "1/1", (4, 2)),
        (("1 1000 CA C 1", "1 2000 A G 1"), "0/1", (2, 2)),  # the effect allele is the reference
        (("1 1000 C CAT 1", "1 2000 A AT 1"), "1/2", (2, 2)),
        (("1 1000 CT CAT 1", "1 2000 GT AT 1"), "1/2", (2, 2)),  # as the record writes them
        (("1 999 GCT GCAT 1", "1 1998 CCGG CCAG 1"), "1/2", (2, 2)),  # longer than the record
        (("1 1001 G A 1",), "1/2", None),
        (("1 2000 C T 1",), "1/2", (1, 1)),  # the other strand
        (("1 1000 C CT 1",), "1/2", None),  # the texts of two alternates, no allele
        (("1 2000 G  1",), "1/1", (2, 1)),  # no other allele stated
        (("1 2000 A  1",), "0/1", (1, 1)),
        (("1 2000 A  1",), "0/2", (2, 1)),  # the deletion leaves the base
        (("1 2000 A G 1",), "0/2", (2, 1)),
        (("1 1000 C  1",), "1/2", None),  # a base, not what a deletion leaves
    ],
)
def test_alleles_match_as_they_are_trimmed(
    publish: Publish,
    score: Callable[..., Scores],
    rows: tuple[str, ...],
    genotype: str,
    expected: tuple[int, int] | None,
) -> None:
    """Records of several alternate alleles share a REF that is too long for some of them."""
    publish("d", cohort(*(record.format(genotype) for record in TRIMMED), samples=("S1",)))
    assert score(*rows) == ({} if expected is None else {"S1": (*expected, len(rows))})


@pytest.mark.parametrize(
    ("alleles", "effect", "expected"),
    [
        ("AT A", "A", None),  # A is the base that stands there, and AT begins with it
        ("AT A", "AT", None),
        ("A AT", "A", None),
        ("A AT", "AT", None),
        ("A G", "G", 1),
        ("A G", "A", 1),
        ("A G,AT", "G", 1),
        ("A G,AT", "A", 1),
        ("AC GT", "GT", 1),
        ("A .", "A", 1),
        ("A <DEL>", "A", 1),
        ("A *", "A", 1),
    ],
)
def test_without_the_other_allele_bases_match_that_are_replaced_by_as_many(
    publish: Publish,
    score: Callable[..., Scores],
    alleles: str,
    effect: str,
    expected: int | None,
) -> None:
    genotype = "0" if alleles == "A ." else "0/1"
    reference, alternates = alleles.split(" ")
    record = f"chr1 3000 . {reference} {alternates} . . . GT {genotype}"
    publish("d", cohort(record, samples=("S1",)))
    assert score(f"1 3000 {effect}  1") == ({} if expected is None else {"S1": (expected, 1, 1)})


def test_copies_of_a_reference_base_are_those_of_all_alleles_that_leave_it(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    """An insertion behind a base, and a deletion of the next ones, have the base."""
    publish(
        "d",
        cohort(
            "chr1 100 . A G,AT . . . GT 0/2 1/2",
            "chr1 200 . A G,T . . . GT 0/2 1/2",  # T does not have it
            "chr1 300 . CAT CAC,C . . . GT 0/2 1/2",  # T>C at 302, which the deletion takes
        ),
    )
    assert score("1 100 A G 1", "1 200 A G 10", "1 302 T C 100") == {
        "S1": (2 + 10 + 100, 3, 3),
        "S2": (1, 3, 3),
    }


def test_both_alleles_of_a_variant_may_be_alternate_ones(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("d", cohort("chr1 100 . T A,G . . . GT 1/1 1/2"))
    assert score("1 100 A G 1") == {"S1": (2, 1, 1), "S2": (1, 1, 1)}


def test_a_repeat_that_is_longer_and_shorter_matches_neither(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    """`AT` and `A` are a deletion as the record has it, and an insertion (A>AT) too."""
    publish("d", cohort("chr1 100 . AT A,ATT . . . GT 0/1 0/2"))
    assert score("1 100 AT A 1") == {}


def test_a_missing_allele_of_a_trimmed_record_counts_as_the_mean(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("d", cohort("chr1 100 . A G,AT . . . GT 0/2 ./2"))
    assert score("1 100 A G 1") == {"S1": (2, 1, 1), "S2": (2, 1, 1)}


def test_a_trimmed_record_says_which_allele_a_block_has(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("a", cohort("chr1 100 . CAT CT,C . . . GT 0/0", samples=("S2",)))
    publish("b", cohort("chr1 90 . T <NON_REF> . . END=200 GT 0/0", samples=("S1",)))
    assert score("1 100 CA C 1", "1 100 C CA 10") == {"S1": (2, 2, 2), "S2": (2, 2, 2)}


def test_another_build_never_matches(publish: Publish, score: Callable[..., Scores]) -> None:
    publish("d", cohort("chr1 100 . A G . . . GT 0/1 1/1"))
    assert score("1 100 G A 1", build="hg19") == {}
    assert len(score("1 100 G A 1", build="hg38")) == 2


def test_an_unknown_build_never_matches(publish: Publish, score: Callable[..., Scores]) -> None:
    header = HEADER.replace("248956422", "1000")
    content = vcf("chr1 100 . A G . . . GT 0/1 1/1", header=header)
    publish("d", {"calls.vcf": content, "crosswalk.csv": crosswalk("S1", "S2")})
    assert score("1 100 G A 1") == {}


def test_a_reference_block_is_the_reference(publish: Publish, score: Callable[..., Scores]) -> None:
    """Which allele that is, is known where a block begins or any record is."""
    publish("a", cohort("chr1 100 . A G . . . GT 0/1", samples=("S3",)))
    blocks = (
        "chr1 90 . A <NON_REF> . . END=150 GT:DP 0/0:30 ./.:0",
        "chr1 200 . C <NON_REF> . . END=400 GT:DP 0/0:30 0/0:30",
        "chr1 500 . T <NON_REF> . . END=600 GT:DP 0:30 0/0:30",
    )
    publish("b", cohort(*blocks))
    assert score(
        "1 100 A G 1",  # the effect allele is the reference
        "1 200 G C 10",
        "1 300 G C 100",  # within a block, and no record says which allele is the reference
        "1 500 A G 1000",  # the other strand
    ) == {"S1": (2 + 1000, 3, 4), "S2": (2000, 2, 4), "S3": (1, 1, 4)}


INSERTION = "1 100 AT A 1", "1 100 A AT 10"
"""Copies of the longer allele, and ten times those of the shorter one."""


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, None),
        ("chr1 100 . A G", None),  # tells the base only
        ("chr1 100 . A ATT", None),
        ("chr1 100 . A AT", (20, 2)),
        ("chr1 100 . AT A", (2, 2)),
        ("chr1 100 . A G,AT", (20, 2)),
    ],
)
def test_an_indel_in_a_block_needs_a_record_that_says_which_allele_is_the_reference(
    publish: Publish,
    score: Callable[..., Scores],
    record: str | None,
    expected: tuple[int, int] | None,
) -> None:
    """The base at which a block begins is the first of both alleles."""
    if record:
        publish("a", cohort(f"{record} . . . GT 0/0", samples=("S2",)))
    publish("b", cohort("chr1 100 . A <NON_REF> . . END=200 GT 0/0", samples=("S1",)))
    found = score(*INSERTION).get("S1")
    assert found == (expected and (*expected, 2))


def test_an_indel_that_is_written_both_ways_at_a_place_matches_no_block(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    records = ("chr1 100 . A AT . . . GT 0/0", "chr1 100 . AT A . . . GT 0/0")
    publish("a", cohort(*records, samples=("S2",)))
    publish("b", cohort("chr1 100 . A <NON_REF> . . END=200 GT 0/0", samples=("S1",)))
    assert "S1" not in score(*INSERTION)


@pytest.mark.parametrize(("end", "expected"), [(103, {}), (104, {"S1": (10, 1, 1)})])
def test_a_deletion_lies_in_a_block_that_covers_all_its_bases(
    publish: Publish, score: Callable[..., Scores], end: int, expected: Scores
) -> None:
    publish("a", cohort("chr1 102 . ACG A . . . GT 0/0", samples=("S2",)))
    publish("b", cohort(f"chr1 90 . T <NON_REF> . . END={end} GT 0/0", samples=("S1",)))
    found = score("1 102 ACG A 5")
    assert found.pop("S2") == (10, 1, 1)
    assert found == expected


def test_an_effect_allele_without_its_other_allele_matches_no_block(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    """A may be the base, or what a deletion leaves."""
    publish("b", cohort("chr1 100 . A <NON_REF> . . END=200 GT 0/0", samples=("S1",)))
    assert score("1 100 A  1") == {}


def test_a_record_without_a_call_counts_before_a_block(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("a", cohort("chr1 100 . A G . . . GT ./.", samples=("S1",)))
    publish("b", cohort("chr1 90 . T <NON_REF> . . END=200 GT 0/0 0/0"))
    assert score("1 100 A G 1") == {"S2": (2, 1, 1)}


def test_a_record_without_genotypes_does_not_count(
    publish: Publish, score: Callable[..., Scores]
) -> None:
    publish("a", cohort("chr1 100 . A G . . . GT 0/1 1/1"))
    publish("b", cohort("chr1 100 . A G . . . DP 7 8", "chr1 200 . A G . . . DP 7 8"))
    assert score("1 100 G A 1", "1 200 G A 1") == {"S1": (1, 1, 2), "S2": (2, 1, 2)}
