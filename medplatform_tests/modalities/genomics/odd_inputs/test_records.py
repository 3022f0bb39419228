"""One odd record between two good ones: what it is read as, or where and why it is refused."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from medplatform.modalities.genomics.genotypes.packed import ABSENT, MISSING, unpack
from medplatform_tests.modalities.genomics.conftest import Reading, vcf
from medplatform_tests.modalities.genomics.odd_inputs.conftest import (
    HEADER,
    ODD_LINE,
    ReadFile,
    good,
)

ReadBetween = Callable[[str | bytes], Reading]

FIRST = vcf(good(100), header=HEADER)
LAST = good(300).replace(" ", "\t").encode() + b"\n"

REFUSED: dict[str, tuple[str | bytes, str, str | None]] = {
    "text in an integer of FORMAT": (
        "chr1 200 . A G 50 PASS . GT:PS 0/1:PID1 0/0:.",
        "format.type",
        "FORMAT/PS",
    ),
    "text in an integer of INFO": (
        "chr1 200 . A G 50 PASS DP=abc GT 0/1 0/0",
        "info.value_type",
        "INFO/DP",
    ),
    "text in a float of INFO": (
        "chr1 200 . A G 50 PASS AF=x GT 0/1 0/0",
        "info.value_type",
        "INFO/AF",
    ),
    "too few sample columns": ("chr1 200 . A G 50 PASS . GT 0/1", "line.too_few_columns", None),
    "too many sample columns": (
        "chr1 200 . A G 50 PASS . GT 0/1 0/0 0/1",
        "line.too_many_columns",
        None,
    ),
    "one count for two alternate alleles": (
        "chr1 200 . A G,* 50 PASS AC=5 GT 1/2 0/1",
        "info.cardinality",
        "INFO/AC",
    ),
    "a genotype of an allele beyond ALT": (
        "chr1 200 . A G 50 PASS . GT 0/3 0/0",
        "genotype.unknown_allele",
        "FORMAT/GT",
    ),
    "spaces for tabs": (b"chr1 200 . A G 50 PASS . GT 0/1 0/0", "line.spaces", None),
    "the record before it again": (good(100), "record.duplicate", None),
    "a byte of Latin-1": (
        b"chr1\t200\t.\tA\tG\t50\tPASS\tNOTE=caf\xe9\tGT\t0/1\t0/0",
        "line.encoding",
        None,
    ),
    "END before POS": (
        "chr1 200 . A <DEL> 50 PASS END=150 GT 0/1 0/0",
        "info.end_before_position",
        "INFO/END",
    ),
    "REF of an ambiguity code": ("chr1 200 . R G 50 PASS . GT 0/1 0/0", "reference.syntax", "REF"),
    "an integer beyond 32 bits": (
        "chr1 200 . A G 50 PASS DP=99999999999 GT 0/1 0/0",
        "info.value_type",
        "INFO/DP",
    ),
    "a key of one value twice": (
        "chr1 200 . A G 50 PASS DP=3;DP=4 GT 0/1 0/0",
        "info.repeated_key",
        "INFO/DP",
    ),
    "a flag with a text": (
        "chr1 200 . A G 50 PASS DB=maybe GT 0/1 0/0",
        "info.flag_with_value",
        "INFO/DB",
    ),
    "two values of Number=1": (
        "chr1 200 . A G 50 PASS DP=3,4 GT 0/1 0/0",
        "info.cardinality",
        "INFO/DP",
    ),
    "ALT equal to REF": ("chr1 200 . A A 50 PASS . GT 0/1 0/0", "alternate.repeated", "ALT"),
}


Rows = dict[str, list[dict[str, Any]]]
"""Table -> what some columns of the rows of the odd record hold."""

ACCEPTED: dict[str, tuple[str, Rows, list[str]]] = {
    "a missing value in a list of Number=A": (
        "chr1 200 . A G,T 50 PASS AF=.,0.1;AC=1,. GT 1/2 ./.",
        {"variant": [{"info_AF": [None, 0.1], "info_AC": [1, None]}]},
        [],
    ),
    "keys and filters that the header does not declare": (
        "chr1 200 . A G 50 weird ZZ=3;DP=1 GT:XX 0/1:7 0/0:8",
        {"variant": [{"filters": ["weird"], "info_DP": 1, "alternate_counts": [1]}]},
        [
            "filter.undeclared",
            "format.text_dropped",
            "format.undeclared",
            "info.text_not_kept",
            "info.undeclared",
        ],
    ),
    "a position before that of the last record": (
        "chr1 50 . A G 50 PASS . GT 0/1 0/0",
        {"variant": [{"position": 50}]},
        ["record.unsorted"],
    ),
    "breakends": (
        "chr1 200 . A A[chr2:321681[,]chr13:123456]A . . . GT 0/1 0/2",
        {
            "allele": [
                {"sv_type": "BND", "mate_chromosome": "2", "mate_position": 321681},
                {"sv_type": "BND", "mate_chromosome": "13", "mate_position": 123456},
            ]
        },
        [],
    ),
    "symbolic alleles of duplications and copy numbers": (
        "chr1 200 . A <DUP:TANDEM>,<CN0> . . END=250 GT 0/1 0/2",
        {
            "allele": [
                {"sv_type": "DUP", "sv_subtype": "TANDEM", "sv_end": 250, "copy_number": None},
                {"sv_type": "CNV", "sv_subtype": None, "sv_end": 250, "copy_number": 0.0},
            ]
        },
        ["alternate.undeclared"],
    ),
    "a reference block of a gVCF file": (
        "chr1 200 . A <NON_REF> . . END=250 GT:GQ 0/0:60 ./.:0",
        {
            "variant": [],
            "block": [
                {"start_position": 200, "end_position": 250, "is_called": True},
                {"start_position": 200, "end_position": 250, "is_called": False},
            ],
        },
        [],
    ),
    "REF and ALT in lower case": (
        "chr1 200 . acn a 50 PASS . GT 0/1 0/0",
        {"variant": [{"reference_allele": "ACN", "alternate_alleles": ["A"]}]},
        [],
    ),
    "fields of FORMAT dropped at the end": (
        "chr1 200 . A G 50 PASS . GT:AD:GQ ./. 0/1:3,4",
        {"genotype": [{"format_AD": [None, [3, 4]], "format_GQ": [None, None]}]},
        [],
    ),
    "QUAL infinite": (
        "chr1 200 . A G inf PASS . GT 0/1 0/0",
        {"variant": [{"quality": math.inf}]},
        [],
    ),
    "QUAL with an exponent": (
        "chr1 200 . A G 1e-3 PASS . GT 0/1 0/0",
        {"variant": [{"quality": 0.001}]},
        [],
    ),
    "QUAL not a number": (
        "chr1 200 . A G nan PASS . GT 0/1 0/0",
        {"variant": [{"quality": None}]},
        [],
    ),
    "a key of annotations twice": (
        "chr1 200 . A G 50 PASS CSQ=G|missense_variant|AAA;CSQ=G|intron_variant|BBB GT 0/1 0/0",
        {
            "annotation": [
                {"annotation_number": 1, "gene_symbol": "AAA"},
                {"annotation_number": 2, "gene_symbol": "BBB"},
            ]
        },
        [],
    ),
    "a comma within a field of an annotation": (
        "chr1 200 . A G 50 PASS CSQ=G|intron_variant|A,B,G|missense_variant|C GT 0/1 0/0",
        {"annotation": [{"gene_symbol": "A,B"}, {"gene_symbol": "C"}]},
        [],
    ),
    "a flag with the value 1": (
        "chr1 200 . A G 50 PASS DB=1 GT 0/1 0/0",
        {"variant": [{"info_DB": True}]},
        [],
    ),
    "a contig with a colon and an asterisk": (
        "HLA-DQA1*05:03 200 . A G 50 PASS . GT 0/1 0/0",
        {"variant": [{"chromosome": "HLA-DQA1*05:03", "position": 200}]},
        ["contig.undeclared", "record.unsorted"],
    ),
    "empty items of INFO": (
        "chr1 200 . A G 50 PASS ;;DP=3; GT 0/1 0/0",
        {"variant": [{"info_DP": 3}]},
        ["info.empty_item"],
    ),
    "the position 0 of a telomere": (
        "chr1 0 . N .[chr13:123457[ 50 PASS . GT 0/1 0/0",
        {"variant": [{"position": 0}], "allele": [{"mate_position": 123457}]},
        ["record.unsorted"],
    ),
    "a site where all have the reference": (
        "chr1 200 . A . 50 PASS . GT 0/0 0/0",
        {"variant": [{"alternate_alleles": [], "called_count": 4}], "carrier": []},
        [],
    ),
    "a genotype of which half was called": (
        "chr1 200 . A G 50 PASS . GT ./1 0/0",
        {
            "variant": [{"called_count": 3, "alternate_counts": [1]}],
            "carrier": [{"copies": 1, "alleles": [None, 1]}],
        },
        [],
    ),
}

GENOTYPES = {
    "haploid and tetraploid": ("1 0/0/1|1", [[1, *[ABSENT] * 3], [0, 0, 1, 1]]),
    "half called": ("./1 0/.", [[MISSING, 1], [0, MISSING]]),
    "the reference, and not called": ("0/0 ./.", [[0, 0], [MISSING, MISSING]]),
}


@pytest.fixture
def read_between(read_file: ReadFile) -> ReadBetween:
    """Read a record between two good ones, which are read whatever it is."""

    def read(record: str | bytes) -> Reading:
        line = record.replace(" ", "\t").encode() if isinstance(record, str) else record
        reading = read_file(FIRST + line + b"\n" + LAST)
        rows = reading.rows("genomics_variant")
        neighbours = [row for row in rows if row["record_number"] != ODD_LINE]
        assert [row["position"] for row in neighbours] == [100, 300]
        assert [row["info_DP"] for row in neighbours] == [10, 10]
        return reading

    return read


@pytest.mark.parametrize(("record", "code", "element"), REFUSED.values(), ids=REFUSED)
def test_refused(
    read_between: ReadBetween, record: str | bytes, code: str, element: str | None
) -> None:
    reading = read_between(record)
    (refusal,) = reading.refusals()
    (source,) = (s for s in reading.delivery.sources if s.path.name == "calls.vcf")
    assert refusal["code"] == code
    assert refusal["severity"] == "error"
    assert (refusal["source_id"], refusal["file"]) == (source.source_id, source.label)
    assert (refusal["unit"], refusal["record_number"]) == ("variant", ODD_LINE)
    assert refusal["element"] == element
    assert refusal["byte_offset"] == len(FIRST)
    assert reading.counts("calls.vcf")["variant"] == (3, 2, 1, 0, 0)


@pytest.mark.parametrize(("record", "rows", "remarks"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(read_between: ReadBetween, record: str, rows: Rows, remarks: list[str]) -> None:
    reading = read_between(record)
    assert reading.errors() == []
    assert sorted(code for _, code in reading.warnings()) == remarks
    assert reading.counts("calls.vcf")["variant"] == (3, 3, 0, 0, 0)
    for table, expected in rows.items():
        found = [
            row for row in reading.rows(f"genomics_{table}") if row["record_number"] == ODD_LINE
        ]
        assert len(found) == len(expected)
        for row, values in zip(found, expected, strict=True):
            assert {name: row[name] for name in values} == values


@pytest.mark.parametrize(("written", "expected"), GENOTYPES.values(), ids=GENOTYPES)
def test_genotypes(read_between: ReadBetween, written: str, expected: list[list[int]]) -> None:
    reading = read_between(f"chr1 200 . A G 50 PASS . GT {written}")
    assert reading.refusals() == []
    (row,) = (r for r in reading.rows("genomics_genotype") if r["record_number"] == ODD_LINE)
    assert unpack(row["genotypes"], 2)[0].tolist() == expected


def test_a_contig_that_comes_back(read_between: ReadBetween) -> None:
    reading = read_between("chr2 200 . A G 50 PASS . GT 0/1 0/0")
    assert reading.errors() == []
    assert reading.warnings() == [
        (ODD_LINE, "contig.undeclared"),
        (ODD_LINE + 1, "record.unsorted"),
    ]
    assert [row["chromosome"] for row in reading.rows("genomics_variant")] == ["1", "2", "1"]
