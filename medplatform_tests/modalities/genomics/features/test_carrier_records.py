"""Which of several records, deliveries and reference blocks tells of an allele."""

from collections.abc import Callable

import pytest

from medplatform_tests.modalities.genomics.conftest import Publish
from medplatform_tests.modalities.genomics.features.conftest import BLOCKS, Rows, cohort


def test_the_last_delivery_counts(publish: Publish, carriers: Callable[..., Rows]) -> None:
    publish("2024", cohort("chr1 100 . A G . . . GT 0/1 0/1"))
    publish("2025", cohort("chr1 100 . A G . . . GT 0/0", samples=("S1",)))
    found = carriers()
    assert (found["S1"]["status"], found["S2"]["status"]) == ("none_found", "carrier")


@pytest.mark.parametrize("later", ["A ACCC . . . GT 0/0", "A C . . . GT ./.", "A C . . . GT 0/1"])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_record_of_the_allele_counts_before_those_of_its_place_in_any_delivery(
    publish: Publish, carriers: Callable[..., Rows], later: str, order: str
) -> None:
    for name, alleles in zip(order, ["A G . . . GT 1/1", later], strict=True):
        publish(name, cohort(f"chr1 100 . {alleles}", samples=("S1",)))
    row = carriers(inheritance="AD")["S1"]
    assert (row["status"], row["pathogenic_alleles"], row["zygosity"]) == ("fits", 1, "hom")
    assert (row["assessed_alleles"], row["uncalled_alleles"]) == (1, 0)


def test_other_alleles_of_the_place_count_for_patients_without_a_record_of_the_allele(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    """The last delivery of them, and in it a record that was called."""
    publish("a", cohort("chr1 100 . A G . . . GT 0/1", samples=("S1",)))
    publish("b", cohort("chr1 100 . A C . . . GT 0/0 0/0 ./.", samples=("S1", "S2", "S3")))
    publish(
        "c",
        cohort(
            "chr1 100 . A C . . . GT ./. ./.",
            "chr1 100 . A T . . . GT ./. 0/0",
            samples=("S2", "S3"),
        ),
    )
    assert {name: row["status"] for name, row in carriers().items()} == {
        "S1": "carrier",
        "S2": "not_assessed",
        "S3": "none_found",
    }


@pytest.mark.parametrize(
    ("first", "second", "zygosity"),
    [
        ("./.", "1/1", "hom"),
        ("1/1", "./.", "hom"),
        ("0/0", "0/1", "het"),
        ("1/1", "0/1", "hom"),
        ("./1", "0/1", "het"),
        ("0/0", "./.", None),
    ],
)
@pytest.mark.parametrize("others", ["0/0", "0/0/0"])  # the records need not be of equal ploidy
def test_of_two_records_of_an_allele_the_called_one_with_most_copies_counts(
    publish: Publish,
    carriers: Callable[..., Rows],
    first: str,
    second: str,
    zygosity: str | None,
    others: str,
) -> None:
    publish(
        "d",
        cohort(
            f"chr1 100 . A G . . . GT {first} 0/0",
            f"chr1 100 . A T,G . . . GT {second.replace('1', '2')} {others}",
        ),
    )
    row = carriers()["S1"]
    assert row["zygosity"] == zygosity
    assert (row["assessed_alleles"], row["uncalled_alleles"]) == (1, 0)
    assert len(row["allele_ids"] or []) == (zygosity is not None)


def test_of_two_equal_calls_of_an_allele_the_phased_one_counts(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    publish(
        "d",
        cohort(
            "chr1 100 . A G . . . GT 0/1 0|1",
            "chr1 100 . A T,G . . . GT 0|2 0/2",
            "chr1 200 . CT C . . . GT 1|0 0|1",
        ),
    )
    found = carriers()
    assert (found["S1"]["zygosity"], found["S2"]["zygosity"]) == ("compound_het", "het")


def test_what_a_reference_block_covers_was_assessed(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    publish("d", cohort(*BLOCKS))
    found = carriers()
    counts = ("status", "assessed_alleles")
    assert [found["S1"][name] for name in counts] == ["none_found", 2]
    assert [found["S2"][name] for name in counts] == ["none_found", 3]


def test_a_record_counts_before_a_block(publish: Publish, carriers: Callable[..., Rows]) -> None:
    publish("a", cohort("chr1 100 . A G . . . GT 0/1 ./."))
    publish("b", cohort(*BLOCKS))
    found = carriers()
    assert (found["S1"]["status"], found["S1"]["assessed_alleles"]) == ("carrier", 2)
    assert (found["S2"]["assessed_alleles"], found["S2"]["uncalled_alleles"]) == (2, 1)


@pytest.mark.parametrize(("end", "assessed"), [(200, 0), (201, 1)])
def test_a_deletion_was_assessed_where_a_block_covers_all_its_bases(
    publish: Publish, carriers: Callable[..., Rows], end: int, assessed: int
) -> None:
    publish("d", cohort(f"chr1 150 . A <NON_REF> . . END={end} GT 0/0", samples=("S1",)))
    assert carriers()["S1"]["assessed_alleles"] == assessed  # of the listed 200 CT>C


def test_a_record_without_genotypes_does_not_count(
    publish: Publish, carriers: Callable[..., Rows]
) -> None:
    """Not even where it comes last: a called record and a block say more."""
    publish("a", cohort("chr1 100 . A G . . . GT 0/1", samples=("S1",)))
    publish("b", cohort("chr1 90 . T <NON_REF> . . END=150 GT 0/0", samples=("S2",)))
    publish("c", cohort("chr1 100 . A G . . . DP 7 8"))
    found = carriers()
    assert {name: row["status"] for name, row in found.items()} == {
        "S1": "carrier",
        "S2": "none_found",
    }
    assert {row["uncalled_alleles"] for row in found.values()} == {0}
