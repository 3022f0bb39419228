"""Regions: only the records that overlap are read, and the others are counted."""

import numpy as np
import pytest

from medplatform.modalities.delivery import DeliveryError
from medplatform.modalities.genomics.sources.lines import Lines
from medplatform.modalities.genomics.sources.regions import Regions, RegionsError
from medplatform_tests.modalities.genomics.conftest import Read, crosswalk, vcf

RECORDS = [f"chr1 {position} . A G 50 PASS . GT 0/1 0/0" for position in range(100, 200)]
CROSSWALK = crosswalk("S1", "S2")


def overlap(regions: Regions, *records: str) -> list[bool]:
    content = "\n".join(record.replace(" ", "\t") for record in records).encode()
    return regions.overlap(Lines.split(1, 0, content)).tolist()


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        (["chr1:150-159"], range(150, 160)),
        (["1:100-100", "NC_000001.11:199-500"], [100, 199]),
        (["chr1:120-129", "chr1:125-134", "chr2:1-1000"], range(120, 135)),
        (["chr1"], range(100, 200)),
        (["chr1:150"], [150]),
        (["chr1:000,150-0,000,159"], range(150, 160)),
        (["chr1:195-"], range(195, 200)),
        (["chrX"], []),
        ([], []),
    ],
)
def test_records_outside_are_kept_in_landing(read: Read, regions: list[str], expected) -> None:
    reading = read({"calls.vcf": vcf(*RECORDS, ""), "crosswalk.csv": CROSSWALK}, regions=regions)
    rows = reading.rows("genomics_variant")
    assert [row["position"] for row in rows] == list(expected)
    assert [row["record_number"] for row in rows] == [position - 96 for position in expected]
    count = len(expected)
    assert reading.counts("calls.vcf")["variant"] == (101, count, 0, 1, 100 - count)
    assert reading.errors() == []
    reading.assert_counts_add_up()


def test_regions_may_be_a_file_of_the_delivery(read: Read) -> None:
    bed = b"track name=panel\n#chrom\tstart\tend\nchr1\t149\t159\tgene\n"
    reading = read(
        {"calls.vcf": vcf(*RECORDS), "crosswalk.csv": CROSSWALK, "panel.bed": bed},
        regions="panel.bed",
    )
    positions = [row["position"] for row in reading.rows("genomics_variant")]
    assert positions == list(range(150, 160))
    assert reading.counts("panel.bed") == {"file": (1, 0, 0, 0, 1)}
    reading.assert_counts_add_up()


@pytest.mark.parametrize("bed", [b"chr1\tx\t5\n", b"chr1\n", None])
def test_regions_that_cannot_be_read_refuse_all_records(read: Read, bed: bytes | None) -> None:
    files: dict = {"calls.vcf": vcf(*RECORDS), "crosswalk.csv": CROSSWALK}
    reading = read(files | ({"panel.bed": bed} if bed else {}), regions="panel.bed")
    assert ("file", 0, "regions.unusable") in reading.errors()
    assert reading.counts("calls.vcf")["variant"] == (100, 0, 100, 0, 0)
    reading.assert_counts_add_up()


@pytest.mark.parametrize(
    "region",
    [
        "chr1:9-1", "chr1:1,000-999", "chr 1", "chr1:1-5,chr2:1-5", "chr1,chr2", "chr1:1,00-2,00",
        "chr1:1000-2,00", "chr1:1-2-3", "chr1:1..5", "chr1:1k-2k", "chr1:-5", "chr1:1\u20135",
        "chr1:c.100", "chr1:5-10:", "panel.bed", "panels/PANEL.BED", "panel.bed.gz",
    ],
)  # fmt: skip
def test_a_region_that_is_none_refuses_the_delivery(read: Read, region: str) -> None:
    with pytest.raises(DeliveryError, match="regions"):
        read({"calls.vcf": vcf(*RECORDS)}, regions=[region])


def test_thousands_may_have_commas_as_browsers_print_them() -> None:
    regions = Regions.parse(["chr1:1,000-1,002,000", "chr2:43,044,295"])
    records = [f"{place} . A G . . ." for place in ("1 999", "1 1000", "1 1002000", "1 1002001")]
    assert overlap(regions, *records) == [False, True, True, False]
    assert overlap(regions, "2 43044295 . A G . . .") == [True]


@pytest.mark.parametrize(
    ("region", "is_read"),
    [
        ("HLA-A*01:01:01:01", [True, True, False]),
        ("HLA-A*01:01:01:01:5", [True, False, False]),
        ("HLA-A*01:01:01:01:6-1,000", [False, True, False]),
        ("HLA-A*01:01:01:02N", [False, False, True]),
        ("HLA-A*01:01:01:02N:5-5", [False, False, True]),
    ],
)
def test_contigs_may_have_colons_in_their_names(region: str, is_read: list[bool]) -> None:
    contigs = ["HLA-A*01:01:01:01 5", "HLA-A*01:01:01:01 9", "HLA-A*01:01:01:02N 5"]
    records = [f"{contig} . A G . . ." for contig in contigs]
    regions = Regions.parse([region])
    assert overlap(regions, *records) == is_read
    assert regions.find_unmatched() == []


def test_a_region_that_may_mean_two_is_unmatched_where_neither_is_met() -> None:
    regions = Regions.parse(["chr1:5", "a:b:7", "a:b:8"])
    assert overlap(regions, "1 5 . A G . . .", "a:b:7 100 . A G . . .") == [True, True]
    assert regions.find_unmatched() == [3]


def test_a_broken_line_is_refused_wherever_it_is(read: Read) -> None:
    records = ["chr9 x . A G . . . GT 0/1 0/0", "chr9 5", "chr9 7 . A G . . . GT 0/1 0/0"]
    reading = read({"calls.vcf": vcf(*records), "crosswalk.csv": CROSSWALK}, regions=["chr1:1-5"])
    assert reading.counts("calls.vcf")["variant"] == (3, 0, 2, 0, 1)
    reading.assert_counts_add_up()


def test_a_record_reaches_as_far_as_its_alleles() -> None:
    regions = Regions.parse(["chr1:100-110"])
    assert overlap(
        regions,
        "1 98 . ACG A . . .",
        "1 98 . AC A . . .",
        "1 50 . A <DEL> . . SVLEN=-60",
        "1 50 . A <DEL> . . END=99",
        "1 50 . A <NON_REF> . . MIN_DP=3;END=100",
        "1 110 . A G . . .",
        "1 111 . A G . . .",
        "1 50 . A <DEL> . . END=.",
    ) == [True, False, True, False, True, True, False, False]


def test_many_regions_find_the_same_as_each_alone() -> None:
    chance = np.random.default_rng(4)
    bounds = [(int(a), int(a + chance.integers(0, 30))) for a in chance.integers(1, 500, 40)]
    records = [
        f"1 {position} . {'A' * size} G . . ." for position in range(1, 540, 3) for size in (1, 9)
    ]
    regions = Regions(*([("1", first, last)] for first, last in bounds))
    expected = [
        any(
            first <= int(fields[1]) + len(fields[3]) - 1 and int(fields[1]) <= last
            for first, last in bounds
        )
        for fields in (record.split() for record in records)
    ]
    assert overlap(regions, *records) == expected


def test_a_region_needs_a_form() -> None:
    with pytest.raises(RegionsError, match="chr:start-end"):
        Regions.parse(["chr1:10-1"])
    assert overlap(Regions.parse(["HLA-A*01:01:01:01"]), "HLA-A*01:01:01:01 5 . A G . . .") == [
        True
    ]


LONG = "9" * 5000


@pytest.mark.parametrize("region", [f"chr1:{LONG}-{LONG}", f"chr1:1-{LONG}", "chr1:1-99999999999"])
def test_positions_that_no_chromosome_has_are_refused_by_their_form(
    read: Read, region: str
) -> None:
    with pytest.raises(DeliveryError, match="chr:start-end") as raised:
        read({"calls.vcf": vcf(*RECORDS)}, regions=[region])
    assert "999" not in str(raised.value)
    assert "limit" not in str(raised.value)


def test_a_list_of_regions_with_a_position_of_many_digits_chooses_no_record(read: Read) -> None:
    bed = f"chr1\t100\t{LONG}\n".encode()
    reading = read(
        {"calls.vcf": vcf(*RECORDS), "crosswalk.csv": CROSSWALK, "panel.bed": bed},
        regions="panel.bed",
    )
    assert reading.rows("genomics_variant") == []
    assert any("Line 1 of the file of regions" in row["reason"] for row in reading.refusals())


def test_a_record_at_a_position_of_many_digits_is_refused_by_itself(read: Read) -> None:
    content = vcf(RECORDS[0], f"chr1 {LONG} . A G . . . GT 0/1 0/0")
    reading = read({"calls.vcf": content, "crosswalk.csv": CROSSWALK}, regions=["chr1"])
    assert [number for _, number, _ in reading.errors()] == [5]
    assert len(reading.rows("genomics_variant")) == 1
    reading.assert_counts_add_up()


def test_regions_that_no_record_overlaps_are_told_once_for_all_files(read: Read) -> None:
    files = {
        "a.vcf": vcf(*RECORDS),
        "b.vcf": vcf("chr2 50 . A <DEL> 50 PASS END=300 GT 0/1 0/0"),
        "crosswalk.csv": CROSSWALK,
    }
    regions = ["chr1:150-159", "chrZ:1-5", "chr2:100-110", "chr2:200-210", "foo", "chr2:400-500"]
    reading = read(files, regions=regions)
    found = [row for row in reading.refusals() if row["code"] == "region.unmatched"]
    assert [row["element"] for row in found] == ["regions/2", "regions/5", "regions/6"]
    assert not any("chrZ" in row["reason"] or "foo" in row["reason"] for row in found)
    reading.assert_counts_add_up()
