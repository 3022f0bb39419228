"""Gene burden of small cohorts whose answers are worked out by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.burden import Thresholds, compute_burden
from medplatform.modalities.genomics.features.genotyped import NEWEST_FIRST
from medplatform.modalities.genomics.tables.columns import BUILDS
from medplatform_tests.modalities.genomics.conftest import Publish
from medplatform_tests.modalities.genomics.features.conftest import (
    ANNOTATED,
    BLOCKS,
    annotated,
    cohort,
)


@pytest.fixture
def burden(lake: Lake, name_of: Callable[[str], str]) -> Callable[..., dict]:
    """Patient and gene -> alleles, of high impact, variants, assessed, uncalled."""

    def compute(**thresholds: Any) -> dict:
        rows = compute_burden(lake, Thresholds(**thresholds)).rows()
        return {(name_of(patient), gene): tuple(counts) for patient, gene, *counts in rows}

    return compute


def test_burden_counts_rare_damaging_alleles_per_gene(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    publish(
        "d",
        cohort(
            annotated(100, "A>G", "G|stop_gained|HIGH|AAA|T1|0.0001", "0/1 1|1"),
            annotated(200, "A>G", "G|missense_variant|MODERATE|AAA|T1|", "./. 0/1"),
            annotated(300, "A>G", "G|missense_variant|MODERATE|AAA|T1|0.02", "1/1 1/1"),
            annotated(400, "A>G", "G|synonymous_variant|LOW|AAA|T1|", "1/1 1/1"),
            annotated(
                500,
                "A>G,T",
                "T|missense_variant|MODERATE|AAA|T1|,G|stop_lost|HIGH|BBB|T2|0.001&0.002",
                "1/2 ./2",
            ),
            header=ANNOTATED,
        ),
    )
    assert burden() == {
        ("S1", "AAA"): (1 + 1, 1, 2, 2, 1),
        ("S2", "AAA"): (2 + 1 + 1, 2, 3, 3, 0),
        ("S1", "BBB"): (1, 1, 1, 1, 0),
        ("S2", "BBB"): (0, 0, 0, 0, 1),
    }
    assert burden(frequency=0.5)["S1", "AAA"] == (4, 1, 3, 3, 1)
    assert burden(impacts=("HIGH",))["S1", "AAA"] == (1, 1, 1, 1, 0)


def test_an_allele_that_is_common_in_the_lake_does_not_qualify(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    publish(
        "d",
        cohort(annotated(100, "A>G", "G|stop_gained|HIGH|AAA|T1|", "0/1 0/0"), header=ANNOTATED),
    )
    assert burden(called_alleles=4, frequency=0.2) == {}
    assert burden(called_alleles=5, frequency=0.2)["S1", "AAA"] == (1, 1, 1, 1, 0)


def test_an_annotation_holds_for_the_allele_in_every_delivery_and_the_last_one_counts(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    publish(
        "2024",
        cohort(annotated(100, "A>G", "G|stop_gained|HIGH|AAA|T1|", "0/1 0/1"), header=ANNOTATED),
    )
    publish("2025", cohort("chr1 100 . A G . . . GT 1/1 0/0", samples=("S1", "S3")))
    assert burden() == {
        ("S1", "AAA"): (2, 2, 1, 1, 0),
        ("S2", "AAA"): (1, 1, 1, 1, 0),
        ("S3", "AAA"): (0, 0, 0, 1, 0),
    }


def test_without_annotations_there_is_no_burden(lake: Lake, publish: Publish) -> None:
    assert compute_burden(lake).is_empty()
    publish("d", cohort("chr1 100 . A G . . . GT 0/1 1/1"))
    assert compute_burden(lake).is_empty()


def test_burden_knows_the_reference_from_blocks(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    record = annotated(100, "A>G", "G|stop_gained|HIGH|AAA|T1|", "0/1")
    publish("a", cohort(record, header=ANNOTATED, samples=("S3",)))
    publish("b", cohort(*BLOCKS))
    assert burden() == {
        ("S1", "AAA"): (0, 0, 0, 1, 0),
        ("S2", "AAA"): (0, 0, 0, 1, 0),
        ("S3", "AAA"): (1, 1, 1, 1, 0),
    }


@pytest.mark.parametrize(("end", "rows"), [(128, 1), (129, 2)])
def test_burden_takes_a_deletion_for_assessed_where_a_block_covers_all_its_bases(
    publish: Publish, burden: Callable[..., dict], end: int, rows: int
) -> None:
    deletion = annotated(100, f"{'ACGTTGCATG' * 3}>A", "-|frameshift_variant|HIGH|AAA|T1|", "0/1")
    publish("a", cohort(deletion, header=ANNOTATED, samples=("S3",)))
    publish("b", cohort(f"chr1 90 . A <NON_REF> . . END={end} GT 0/0", samples=("S1",)))
    assert len(burden()) == rows


def test_burden_does_not_count_a_record_without_genotypes(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    """Not even where it comes last: a called record and a block say more."""
    genotypes = annotated(100, "A>G", "G|stop_gained|HIGH|AAA|T1|", "0/1")
    publish("a", cohort(genotypes, header=ANNOTATED, samples=("S1",)))
    publish("b", cohort("chr1 90 . T <NON_REF> . . END=150 GT 0/0", samples=("S2",)))
    publish("c", cohort("chr1 100 . A G . . . DP 7 8"))
    assert burden() == {("S1", "AAA"): (1, 1, 1, 1, 0), ("S2", "AAA"): (0, 0, 0, 1, 0)}


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ("0/1", "0/1", (1, 1, 1, 1, 0)),
        ("0/1", "1/1", (2, 2, 1, 1, 0)),
        ("./.", "0/1", (1, 1, 1, 1, 0)),
        ("0/0", "./.", (0, 0, 0, 1, 0)),
        ("./.", "./.", (0, 0, 0, 0, 1)),
    ],
)
def test_an_allele_of_two_records_of_a_file_counts_once(
    publish: Publish, burden: Callable[..., dict], first: str, second: str, counts: tuple
) -> None:
    annotation = "C|stop_gained|HIGH|AAA|T1|"
    records = (
        annotated(1000, "A>C", annotation, first),
        annotated(1000, "A>C,T", annotation, second),
    )
    publish("d", cohort(*records, header=ANNOTATED, samples=("S1",)))
    assert burden() == {("S1", "AAA"): counts}


def test_people_of_two_records_of_an_allele_are_counted_once_for_its_frequency(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    annotation = "C|stop_gained|HIGH|AAA|T1|"
    records = (
        annotated(1000, "A>C", annotation, "0/1 0/0"),
        annotated(1000, "A>C,T", annotation, "0/1 0/0"),
    )
    publish("d", cohort(*records, header=ANNOTATED))
    assert burden(called_alleles=5, frequency=0.2)["S1", "AAA"] == (1, 1, 1, 1, 0)
    assert burden(called_alleles=4, frequency=0.2) == {}


def test_of_two_builds_the_one_counts_of_which_more_of_the_gene_was_assessed(
    publish: Publish, burden: Callable[..., dict]
) -> None:
    """The same alleles have other coordinates in each, so that they cannot be told to be the same.

    S1 has all of AAA in GRCh37, and of BBB as much in both; S2 is in GRCh38 alone.
    """
    high, other = "G|stop_gained|HIGH|AAA|T1|", "G|stop_gained|HIGH|BBB|T1|"
    former = ANNOTATED.replace("248956422", "249250621")
    publish(
        "a",
        cohort(
            annotated(100, "A>G", high, "0/1"),
            annotated(150, "A>G", high, "1/1"),
            annotated(190, "A>G", other, "0/1"),
            header=former,
            samples=("S1",),
        ),
    )
    publish(
        "b",
        cohort(
            annotated(1100, "A>G", high, "0/1 1/1"),
            annotated(1150, "A>G", high, "./. ./."),
            annotated(1190, "A>G", other, "0/0 0/1"),
            header=ANNOTATED,
        ),
    )
    assert burden() == {
        ("S1", "AAA"): (3, 3, 2, 2, 0),
        ("S1", "BBB"): (0, 0, 0, 1, 0),
        ("S2", "AAA"): (2, 2, 1, 1, 1),
        ("S2", "BBB"): (1, 1, 1, 1, 0),
    }


OLDER = {
    "GRCh37": ANNOTATED.replace("248956422", "249250621"),
    "NCBI36": ANNOTATED.replace("248956422", "247249719"),
    None: ANNOTATED.replace(",length=248956422", ""),
}


@pytest.mark.parametrize("older", OLDER)
@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize(
    ("former", "latter", "counts"),
    [
        ("1/1 ./.", "0/1 ./.", (1, 1, 1, 1, 1)),
        ("1/1 ./.", "0/1 .", (1, 1, 1, 1, 1)),
        ("1/1 0/0", "0/1 ./.", (2, 2, 1, 2, 0)),  # more of the gene was assessed
        ("1/1 ./.", "0/1", (1, 1, 1, 1, 0)),  # what was not called is no better than no record
        ("./. ./.", "./.", (0, 0, 0, 0, 1)),
        ("./. 0/1", "./.", (1, 1, 1, 1, 1)),
    ],
)
def test_of_builds_in_which_as_much_was_assessed_the_newest_counts(
    publish: Publish,
    burden: Callable[..., dict],
    former: str,
    latter: str,
    counts: tuple[int, ...],
    order: str,
    older: str | None,
) -> None:
    for delivery, header, genotypes in zip(
        order, (OLDER[older], ANNOTATED), (former, latter), strict=True
    ):
        records = [
            annotated(position, "A>G", "G|stop_gained|HIGH|AAA|T1|", genotype)
            for position, genotype in zip((100, 200), genotypes.split(" "), strict=False)
        ]
        publish(delivery, cohort(*records, header=header, samples=("S1",)))
    assert burden() == {("S1", "AAA"): counts}


def test_every_build_has_its_place_in_the_order() -> None:
    assert set(NEWEST_FIRST) == {*BUILDS, None}
    assert NEWEST_FIRST[-1] is None
