"""Carriers of rare alleles, and reference blocks of gVCF files."""

from collections.abc import Callable

import numpy as np
import pytest

from medplatform.modalities.genomics.genotypes.packing import pack, parse_genotype
from medplatform.modalities.genomics.genotypes.rare_alleles import find_carriers
from medplatform.modalities.genomics.genotypes.texts import SampleTexts
from medplatform_tests.modalities.genomics.conftest import HEADER, Read, Reading, crosswalk, vcf

ReadRecords = Callable[..., Reading]


def carriers_one_by_one(lines: list[list[str]], most: int) -> set[tuple[int, int, int, int]]:
    """(variant, sample, allele, copies) as a person would list them."""
    found = set()
    for variant, line in enumerate(lines):
        genotypes = [parse_genotype(text.encode()) for text in line]
        alleles = [[a for a in g.alleles if a > 0] for g in genotypes if g]
        for allele in {a for each in alleles for a in each}:
            having = [(sample, each) for sample, each in enumerate(alleles) if allele in each]
            if len(having) <= most:
                found |= {(variant, s, allele, each.count(allele)) for s, each in having}
    return found


def test_carriers_are_those_that_one_finds_by_reading_each_genotype() -> None:
    rng = np.random.default_rng(0)
    texts = ["0/0"] * 12 + ["0|0", "0/1", "1|1", "./1", "1", "2/1", "0/2", ".", "0/0/1", "9/1"]
    lines = [[str(text) for text in rng.choice(texts, 40)] for _ in range(30)]
    lines += [["0/1"] * 11 + ["0/0"] * 29, ["0/1"] * 10 + ["0/0"] * 30]
    packed = pack(SampleTexts.of(["\t".join(line).encode() for line in lines]), 40)
    found = find_carriers(packed)
    listed = list(zip(*(column.tolist() for column in found[:4]), strict=True))
    assert len(listed) == len(set(listed))
    assert set(listed) == carriers_one_by_one(lines, 10)


def test_one_in_a_hundred_is_rare_in_a_large_cohort() -> None:
    lines = [["0/1"] * 20 + ["0/0"] * 1980, ["0/1"] * 21 + ["0/0"] * 1979]
    packed = pack(SampleTexts.of(["\t".join(line).encode() for line in lines]), 2000)
    assert set(find_carriers(packed).variants.tolist()) == {0}


def test_rows_of_carriers(read_records: ReadRecords) -> None:
    reading = read_records(
        "chr1 100 . A C,G . . . GT:DP:GQ 1|2:7:50 0/0:8:60", "chr1 200 . A C . . . GT ./1 1"
    )
    rows = reading.rows("genomics_carrier")
    keys = ("allele_number", "sample_index", "copies", "alleles", "is_phased", "depth")
    assert [tuple(row[key] for key in keys) for row in rows] == [
        (1, 0, 1, [1, 2], True, 7),
        (2, 0, 1, [1, 2], True, 7),
        (1, 0, 1, [None, 1], False, None),
        (1, 1, 1, [1], True, None),
    ]
    assert [row["genotype_quality"] for row in rows] == [50.0, 50.0, None, None]
    samples = {row["sample_index"]: row for row in reading.rows("genomics_sample")}
    for row in rows:
        sample = samples[row["sample_index"]]
        assert row["patient_id"] == sample["patient_id"]
        assert row["sample_id"] == sample["sample_id"]
    variants = {row["variant_id"] for row in reading.rows("genomics_variant")}
    assert {row["variant_id"] for row in rows} == variants


def test_depths_that_are_no_whole_numbers_are_left_out_of_what_counts_reads(read: Read) -> None:
    depth = '##FORMAT=<ID=DP,Number=1,Type=Float,Description="Depth">\n'
    content = vcf(
        "chr1 100 . A C . . . GT:DP 0/1:12.5 0/1:12.0",
        "chr1 200 . A C . . . GT:DP 0/1:1e30 0/1:nan",
        "chr1 300 . A <*> . . END=310 GT:DP 0/0:1e30 0/0:7",
        header=HEADER.replace("#CHROM", f"{depth}#CHROM"),
    )
    reading = read({"calls.vcf": content, "crosswalk.csv": crosswalk("S1", "S2")})
    assert {unit for unit, *_ in reading.errors()} == {"header"}
    reading.assert_counts_add_up()
    depths = [row["depth"] for row in reading.rows("genomics_carrier")]
    assert depths == [None, 12, None, None]
    assert [row["depth"] for row in reading.rows("genomics_block")] == [None, 7]
    kept = [row["format_DP"] for row in reading.rows("genomics_genotype")]
    assert kept[0] == [12.5, 12.0]


def test_a_genotype_of_many_alleles_costs_other_carriers_nothing() -> None:
    lines = ["\t".join(["0/1", "1|1", "./1"])] * 200
    lines.append("\t".join(["/".join(["0"] * 63 + ["1"]), "0/0", "1"]))
    found = find_carriers(pack(SampleTexts.of([line.encode() for line in lines]), 3))
    assert found.alleles.values.nbytes < 3 * len(lines) * 8
    assert found.alleles[-2].as_py() == [0] * 63 + [1]
    assert found.alleles[-1].as_py() == [1]
    assert sorted(map(str, found.alleles[:3].to_pylist())) == ["[0, 1]", "[1, 1]", "[None, 1]"]


def test_genotypes_of_absurdly_many_alleles_are_refused(read_records: ReadRecords) -> None:
    reading = read_records(
        f"chr1 100 . A C . . . GT {'/'.join(['1'] * 50_000)} 0/1",
        f"chr1 200 . A C . . . GT {'/'.join(['1'] * 65)} 0/1",
        f"chr1 300 . A C . . . GT {'/'.join(['1'] * 64)} 0/1",
    )
    assert [code for *_, code in reading.errors()] == ["genotype.malformed"] * 2
    assert "at most 64" in reading.refusals()[0]["reason"]
    assert [row["copies"] for row in reading.rows("genomics_carrier")] == [64, 1]
    reading.assert_counts_add_up()


def test_an_allele_that_the_record_does_not_name_has_no_carrier(read_records: ReadRecords) -> None:
    reading = read_records("chr1 100 . A . . . . GT 0|1 0/0")
    assert reading.errors() == []
    assert reading.rows("genomics_carrier") == []


MIN_DP = '##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Least depth">\n'


@pytest.fixture
def read_blocks(read: Read) -> ReadRecords:
    """Read records of a gVCF file with two samples."""

    def read_them(*records: str) -> Reading:
        content = vcf(*records, header=HEADER.replace("#CHROM", f"{MIN_DP}#CHROM"))
        return read({"calls.g.vcf": content, "crosswalk.csv": crosswalk("S1", "S2")})

    return read_them


BLOCK = "chr1 100 . A <NON_REF> . PASS END=150 GT:DP:GQ:MIN_DP:PL 0/0:30:99:25:0,90,900 0/0:.:0:0:."


def test_a_block_is_an_interval_per_sample(read_blocks: ReadRecords) -> None:
    reading = read_blocks(BLOCK, "chr1 151 . A C . . . GT 0/1 0/0")
    reading.assert_counts_add_up()
    assert [row["position"] for row in reading.rows("genomics_variant")] == [151]
    rows = reading.rows("genomics_block")
    keys = ("chromosome", "start_position", "end_position", "sample_index", "is_called", "ploidy")
    assert [tuple(row[key] for key in keys) for row in rows] == [
        ("1", 100, 150, 0, True, 2),
        ("1", 100, 150, 1, True, 2),
    ]
    assert [(r["depth"], r["min_depth"], r["genotype_quality"]) for r in rows] == [
        (30, 25, 99.0),
        (None, 0, 0.0),
    ]
    assert [row["format_PL"] for row in rows] == [[0, 90, 900], None]
    assert rows[0]["filters"] == ["PASS"]
    assert {row["record_number"] for row in rows} == {5}


@pytest.mark.parametrize(
    ("record", "end"),
    [
        ("chr1 100 . A <NON_REF> . . . GT 0/0 0/0", 100),
        ("chr1 100 . A <*> . . END=120 GT 0/0 ./.", 120),
        ("chr1 100 . A . . PASS END=120;BLOCKAVG_min30p3a GT 0/0 0", 120),
        ("chr1 100 . ACG . . . . GT:MIN_DP 0/0:3 .:0", 102),
    ],
)
def test_blocks_of_several_callers(read_blocks: ReadRecords, record: str, end: int) -> None:
    reading = read_blocks(record)
    assert {row["end_position"] for row in reading.rows("genomics_block")} == {end}
    assert reading.rows("genomics_variant") == []


def test_what_was_not_called_is_no_reference(read_blocks: ReadRecords) -> None:
    reading = read_blocks("chr1 100 . A <NON_REF> . . END=150 GT:DP ./.:0 0/0:20")
    assert [row["is_called"] for row in reading.rows("genomics_block")] == [False, True]


@pytest.mark.parametrize(
    "record",
    [
        "chr1 100 . A <NON_REF> . . END=150 GT 0/1 0/0",
        "chr1 100 . A <NON_REF> . . END=150 GT ./0 0/0",
        "chr1 100 . A <NON_REF> . . END=150 GT 0/0/0 0/0",
        "chr1 100 . A C,<NON_REF> . . . GT 0/0 0/0",
        "chr1 100 . A . . . . GT 0/0 0/0",
        "chr1 100 . A . . . END=150;SVTYPE=CNV GT 0/0 0/0",
        "chr1 100 rs5 A . . . END=150 GT 0/0 0/0",
        "chr1 100 . A <*> . . END=150 DP 3 4",
    ],
)
def test_what_says_more_stays_a_variant(read_blocks: ReadRecords, record: str) -> None:
    reading = read_blocks(record)
    reading.assert_counts_add_up()
    assert len(reading.rows("genomics_variant")) == 1
    assert reading.rows("genomics_block") == []
