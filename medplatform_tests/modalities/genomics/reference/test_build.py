"""Builds: everything that speaks for an assembly, and files in which it does not agree."""

import pytest

from medplatform.modalities.genomics.reference.build import (
    LENGTHS,
    build_of_accession,
    canonical_chromosome,
    combine_evidence,
)
from medplatform.modalities.genomics.reference.known_positions import POSITIONS, scan_positions
from medplatform_tests.modalities.genomics.conftest import Read, Reading, vcf

BARE = "##fileformat=VCFv4.2\n#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO"
RECORD_37 = "12 21331549 rs4149056 T C . . . GT 0/1 0/0"
RECORD_38 = "12 21178615 rs4149056 T C . . . GT 0/1 0/0"
SHEET = b"sample_id,patient_id,genome_build\nS1,p1,%s\nS2,p2,\n"


def read_one(read: Read, *records: str, header: str = BARE, build: str = "", **options) -> Reading:
    return read(
        {"calls.vcf": vcf(*records, header=header), "crosswalk.csv": SHEET % build.encode()},
        **options,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chr1", "1"), ("1", "1"), ("CHRX", "X"), ("chrM", "MT"), ("MT", "MT"), ("23", "X"),
        ("24", "Y"), ("26", "MT"), ("NC_000001.10", "1"), ("NC_000022.11", "22"),
        ("NC_000024.10", "Y"), ("NC_012920.1", "MT"), ("CM000663.2", "1"), ("CM000685.1", "X"),
        ("HLA-DQA1*05:03", "HLA-DQA1*05:03"), ("chrUn_KI270302v1", "Un_KI270302v1"),
        ("GL000192.1", "GL000192.1"), ("hs37d5", "hs37d5"),
    ],
)  # fmt: skip
def test_names_of_one_chromosome_are_one(name: str, expected: str) -> None:
    assert canonical_chromosome(name) == expected


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("NC_000001.9", "NCBI36"), ("NC_000001.10", "GRCh37"), ("NC_000001.11", "GRCh38"),
        ("NC_000007.13", "GRCh37"), ("NC_000023.11", "GRCh38"), ("CM000663.1", "GRCh37"),
        ("CM000686.2", "GRCh38"), ("NC_012920.1", None), ("NC_000001.77", None), ("chr1", None),
    ],
)  # fmt: skip
def test_an_accession_names_the_build(name: str, build: str | None) -> None:
    assert build_of_accession(name) == build


def test_evidence_is_listed() -> None:
    build = combine_evidence([("GRCh38", "b"), (None, "c"), ("GRCh38", "a"), ("GRCh38", "b")])
    assert (build.name, build.evidence) == ("GRCh38", ("a", "b"))


@pytest.mark.parametrize(
    ("records", "header", "build", "expected"),
    [
        ([RECORD_37], BARE, "", ("GRCh37", "known positions")),
        ([RECORD_38], BARE, "hg38", ("GRCh38", "crosswalk.csv, known positions")),
        (["1 5 . A G . . . GT 0/1 0/0"], BARE, "b37", ("GRCh37", "crosswalk.csv")),
        (["1 5 rs4149056 A G . . . GT 0/1 0/0"], BARE, "", (None, None)),
        (
            ["NC_000001.11 5 . A G . . . GT 0/1 0/0"],
            BARE,
            "",
            ("GRCh38", "accessions"),
        ),
        (
            ["1 5 . A G . . . GT 0/1 0/0"],
            BARE.replace("#CHROM", "##contig=<ID=CM000663.2>\n#CHROM"),
            "",
            ("GRCh38", "accessions"),
        ),
    ],
)
def test_a_build_is_inferred_with_its_evidence(
    read: Read, records: list[str], header: str, build: str, expected: tuple[str, str]
) -> None:
    reading = read_one(read, *records, header=header, build=build)
    assert reading.errors() == []
    row = reading.rows("genomics_sample")[0]
    assert (row["genome_build"], row["build_evidence"]) == expected


@pytest.mark.parametrize(
    ("records", "header", "build"),
    [
        ([RECORD_38], BARE.replace("#CHROM", "##reference=hs37d5.fa\n#CHROM"), ""),
        ([RECORD_37], BARE, "GRCh38"),
        ([RECORD_37, RECORD_38.replace("T C", "T G")], BARE, ""),
        (
            [f"1 {249_000_000 + n} . A G . . . GT 0/1 0/0" for n in range(12)],
            BARE.replace("#CHROM", "##reference=GRCh38.fa\n#CHROM"),
            "",
        ),
    ],
    ids=["header and positions", "crosswalk and positions", "both positions", "beyond the ends"],
)
def test_evidence_that_does_not_agree_refuses_the_file(
    read: Read, records: list[str], header: str, build: str
) -> None:
    reading = read_one(read, *records, header=header, build=build)
    assert reading.errors() == [("file", 0, "build.conflict")]
    assert reading.counts("calls.vcf")["variant"] == (len(records), 0, len(records), 0, 0)
    assert reading.rows("genomics_sample") == []
    reading.assert_counts_add_up()


def test_one_name_per_chromosome_over_all_files(read: Read) -> None:
    """chr1 of one file and 1 of another are the same place."""
    sheet = b"sample_id,patient_id\nS1,p1\nS2,p2\n"
    files: dict = {
        f"{number}.vcf": vcf(f"{name} 5 . A G . . . GT 0/1 0/0", header=BARE)
        for number, name in enumerate(["chr1", "1", "NC_000001.10", "CM000663.1"])
    }
    reading = read({**files, "crosswalk.csv": sheet}, genome_build="GRCh37")
    variants = reading.rows("genomics_variant")
    assert {row["chromosome"] for row in variants} == {"1"}
    assert len({row["variant_id"] for row in variants}) == 1


def test_known_positions_lie_within_their_chromosomes(tmp_path) -> None:
    longest = {build: max(lengths.values()) for build, lengths in LENGTHS.items()}
    assert len(POSITIONS) > 50
    for old, new in POSITIONS.values():
        assert old != new and old < longest["GRCh37"] and new < longest["GRCh38"]


def test_only_the_first_records_are_looked_at(tmp_path) -> None:
    path = tmp_path / "long.vcf"
    filler = "\n".join(f"1 {n} . A G . . ." for n in range(1, 60_000)).replace(" ", "\t")
    path.write_text(f"{BARE}\n{filler}\n{RECORD_37}\n".replace(" ", "\t"))
    assert scan_positions(path).known == {"GRCh37": 1}
    assert scan_positions(path, most_bytes=1).known == {}
