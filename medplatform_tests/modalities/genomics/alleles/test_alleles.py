"""Alleles of records as they are delivered: split, trimmed, and with what INFO says of each."""

from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform.modalities.genomics.records.variant_id import MAX_ALLELE_CHARACTERS
from medplatform_tests.modalities.genomics.conftest import Read, Reading, vcf

HEADER = """\
##fileformat=VCFv4.3
##contig=<ID=1,length=249250621>
##INFO=<ID=AC,Number=A,Type=Integer,Description="Copies">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type">
##INFO=<ID=SVLEN,Number=.,Type=Integer,Description="Length">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last base">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO"""
RESOURCES = "opencga/opencga-storage/opencga-storage-core/src/test/resources"


AllelesOf = Callable[..., tuple[list[dict], Reading]]


@pytest.fixture
def alleles_of(read: Read) -> AllelesOf:
    """Reads records; gives the rows of genomics_allele in their order, and the reading."""

    def read_alleles(*records: str) -> tuple[list[dict], Reading]:
        reading = read({"sites.vcf": vcf(*records, samples=(), header=HEADER)})
        rows = reading.rows("genomics_allele")
        return sorted(rows, key=lambda row: (row["record_number"], row["allele_number"])), reading

    return read_alleles


@pytest.mark.parametrize(
    ("record", "normal"),
    [
        ("100 . A C", (100, "A", "C", "snv")),
        ("100 . CA CT", (101, "A", "T", "snv")),
        ("100 . CAT CGT", (101, "A", "G", "snv")),
        ("100 . CAT CGC", (101, "AT", "GC", "mnv")),
        ("100 . CA C", (100, "CA", "C", "deletion")),
        ("100 . C CA", (100, "C", "CA", "insertion")),
        ("100 . CTT CT", (100, "CT", "C", "deletion")),
        ("100 . CAG CTTG", (101, "A", "TT", "indel")),
        ("1 . CA A", (1, "CA", "A", "deletion")),
        ("100 . C *", (100, "C", "*", "overlapping_deletion")),
        ("100 . C <NON_REF>", (100, "C", "<NON_REF>", "unspecified")),
        ("100 . ca cT", (101, "A", "T", "snv")),
        ("0 . N <DEL>", (0, "N", "<DEL>", "symbolic")),
    ],
)
def test_an_allele_is_trimmed_and_named(alleles_of: AllelesOf, record: str, normal: tuple) -> None:
    (row,), _ = alleles_of(f"1 {record} . . .")
    names = ("position", "reference_allele", "alternate_allele", "allele_type")
    assert tuple(row[name] for name in names) == normal


def test_each_alternate_allele_of_a_record(alleles_of: AllelesOf) -> None:
    rows, reading = alleles_of(
        "1 100 . CAA C,CA,TAA . . AC=7,.,1;AF=0.5,0.25,0.01",
        "1 200 . G . . . .",
        "1 300 . G T . . .",
    )
    assert [row["allele_id"] for row in rows] == [
        "GRCh37-1-100-CAA-C",
        "GRCh37-1-100-CA-C",
        "GRCh37-1-100-C-T",
        "GRCh37-1-300-G-T",
    ]
    assert [row["allele_number"] for row in rows] == [1, 2, 3, 1]
    assert [row["allele_count"] for row in rows] == [7, None, 1, None]
    assert [row["allele_frequency"] for row in rows] == [0.5, 0.25, 0.01, None]
    variants = {row["record_number"]: row["variant_id"] for row in reading.rows("genomics_variant")}
    assert all(row["variant_id"] == variants[row["record_number"]] for row in rows)


def test_a_single_base_has_one_key_alone_and_among_others(alleles_of: AllelesOf) -> None:
    """The key of a record of one base is that of its allele, so both are written once."""
    rows, _ = alleles_of("1 100 . C T . . .", "1 100 . C A,T . . .")
    assert rows[0]["allele_id"] == rows[2]["allele_id"] == rows[0]["variant_id"]


def test_long_alleles_have_short_keys(alleles_of: AllelesOf) -> None:
    long = "C" + "AG" * MAX_ALLELE_CHARACTERS
    rows, _ = alleles_of(f"1 100 . C {long} . . .", f"1 100 . {long} C . . .")
    assert len({row["allele_id"] for row in rows}) == 2
    assert all(len(row["allele_id"]) < 60 for row in rows)
    assert rows[0]["alternate_allele"] == long


def test_lengths_that_disagree_are_remarked(alleles_of: AllelesOf) -> None:
    rows, reading = alleles_of(
        "1 100 . A <DEL> . . SVTYPE=DEL;END=150;SVLEN=-50",
        "1 200 . A <DEL> . . SVTYPE=DEL;END=250;SVLEN=-80",
    )
    assert [row["sv_end"] for row in rows] == [150, 250]
    assert (10, "structural.length_conflict") in reading.warnings()
    assert (9, "structural.length_conflict") not in reading.warnings()


@pytest.mark.real
def test_breakends_find_their_mates(public_vcf: Path, read: Read) -> None:
    reading = read(
        {"calls.vcf": public_vcf / RESOURCES / "variant-test-bnd.vcf"}, subjects="per_record"
    )
    rows = reading.rows("genomics_allele")
    assert {row["sv_type"] for row in rows} == {"BND"}
    places = {(row["chromosome"], row["position"]) for row in rows}
    mates = {(row["mate_chromosome"], row["mate_position"]) for row in rows}
    # Two of chromosome 3 state ends of the interval of their mate.
    assert places - mates == {("3", 1080), ("3", 3180)}


@pytest.mark.real
def test_structural_variants_of_a_file(public_vcf: Path, read: Read) -> None:
    reading = read(
        {"calls.vcf": public_vcf / RESOURCES / "variant-test-sv.vcf"}, subjects="per_record"
    )
    rows = {
        (row["chromosome"], row["position"], row["allele_number"]): row
        for row in reading.rows("genomics_allele")
    }
    deletion, copies = rows["1", 600_000, 1], rows["1", 1_500_000, 2]
    assert (deletion["sv_type"], deletion["sv_length"], deletion["sv_end"]) == ("DEL", 205, 600_250)
    assert (deletion["position_interval"], deletion["end_interval"]) == ([-56, 20], [-10, 62])
    assert (copies["sv_type"], copies["copy_number"], copies["sv_end"]) == ("CNV", 4.0, 1_504_000)
    assert rows["1", 860_000, 1]["sv_type"] == "INV"
    assert rows["1", 700_000, 1]["sv_subtype"] == "ME:ALU"
    assert "structural.length_conflict" in {code for _, code in reading.warnings()}


@pytest.mark.real
def test_counts_of_1000_genomes(public_vcf: Path, read: Read) -> None:
    (path,) = (public_vcf / RESOURCES).glob("10k.chr22.*.vcf.gz")
    reading = read({"calls.vcf.gz": path}, subjects="per_record")
    alleles, variants = (reading.stage.read(f"genomics_{name}") for name in ("allele", "variant"))
    counts = {
        (row["variant_id"], row["allele_number"]): row["allele_count"]
        for row in alleles.to_pylist()
    }
    counted = {
        (row["variant_id"], number): count
        for row in variants.select(["variant_id", "alternate_counts"]).to_pylist()
        for number, count in enumerate(row["alternate_counts"], 1)
    }
    assert counts == counted
    types = alleles["allele_type"].value_counts().to_pylist()
    assert {entry["values"]: entry["counts"] for entry in types}["snv"] > 9000
