"""FORMAT values: what breaks a rule is refused alone, and what is missing stays missing."""

from collections.abc import Callable

import pytest

from medplatform_tests.modalities.genomics.conftest import Read, Reading, crosswalk

ReadRecords = Callable[..., Reading]

HEADER = """\
##fileformat=VCFv4.5
##contig=<ID=chr1,length=248956422>
##FORMAT=<ID=GT,Number=1,Type=String,Description="">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="">
##FORMAT=<ID=GQ,Number=1,Type=Float,Description="">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="">
##FORMAT=<ID=SB,Number=4,Type=Integer,Description="">
##FORMAT=<ID=FT,Number=1,Type=String,Description="">
##FORMAT=<ID=XC,Number=1,Type=Character,Description="">
##FORMAT=<ID=LAA,Number=.,Type=Integer,Description="">
##FORMAT=<ID=LAD,Number=LR,Type=Integer,Description="">
##FORMAT=<ID=LPL,Number=LG,Type=Integer,Description="">
#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT S1 S2
"""


@pytest.fixture
def read_samples(read: Read) -> ReadRecords:
    """Read one file of records, given as ALT, FORMAT and the columns of two samples."""

    def read_them(*records: str) -> Reading:
        lines = []
        for position, record in enumerate(records, 101):
            alternate, rest = record.split(" ", 1)
            lines.append(f"chr1 {position} . A {alternate} . . . {rest}\n")
        head, columns = HEADER.rsplit("#CHROM", 1)
        text = head + ("#CHROM" + columns + "".join(lines)).replace(" ", "\t")
        files = {"calls.vcf": text.encode(), "crosswalk.csv": crosswalk("S1", "S2")}
        return read(files)

    return read_them


def column(reading: Reading, name: str) -> list[object]:
    return reading.stage.read("genomics_genotype")[name].to_pylist()


def variant_errors(reading: Reading) -> list[str]:
    return [code for unit, _, code in reading.errors() if unit == "variant"]


GOOD = "C GT:DP 0/1:7 0/0:9"


@pytest.mark.parametrize(
    ("record", "element", "code"),
    [
        ("C GT:DP 0/1:x 0/0:9", "FORMAT/DP", "format.type"),
        ("C GT:DP 0/1:7.5 0/0:9", "FORMAT/DP", "format.type"),
        ("C GT:DP 0/1:99999999999 0/0:9", "FORMAT/DP", "format.type"),
        ("C GT:DP 0/1: 0/0:9", "FORMAT/DP", "format.type"),
        ("C GT:GQ 0/1:high 0/0:9", "FORMAT/GQ", "format.type"),
        ("C GT:XC 0/1:ab 0/0:a", "FORMAT/XC", "format.type"),
        ("C GT:DP 0/1:7,8 0/0:9", "FORMAT/DP", "format.count"),
        ("C GT:AD 0/1:7 0/0:9,1", "FORMAT/AD", "format.count"),
        ("C,G GT:AD 0/1:7,1 0/0:9,1,0", "FORMAT/AD", "format.count"),
        ("C GT:PL 0/1:1,2,3 0/0:1,2", "FORMAT/PL", "format.count"),
        ("C GT:PL 1:1,2,3 0/0:1,2,3", "FORMAT/PL", "format.count"),
        ("C GT:SB 0/1:1,2,3 0/0:1,2,3,4", "FORMAT/SB", "format.count"),
        ("C GT:DP 0/1:7:1 0/0:9", "FORMAT", "format.too_many_values"),
        ("C GT:DP:DP 0/1:7:1 0/0:9:1", "FORMAT", "format.repeated_key"),
        ("C GT:DP 0/2:7 0/0:9", "FORMAT/GT", "genotype.unknown_allele"),
        ("C GT:DP 0-1:7 0/0:9", "FORMAT/GT", "genotype.malformed"),
        ("C,G GT:LAA 0/1:3 0/0:1", "FORMAT/LAA", "format.local_alleles"),
        ("C,G GT:LAA 0/1:1,1 0/0:1", "FORMAT/LAA", "format.local_alleles"),
        ("C,G GT:LAA:LAD 0/1:1:5,6,7 0/0:1:5,6", "FORMAT/LAD", "format.count"),
        ("C,G GT:LAA:LPL 0/1:1:5,6 0/0:1:5,6,7", "FORMAT/LPL", "format.count"),
    ],
)
def test_a_bad_record_is_refused_alone(
    read_samples: ReadRecords, record: str, element: str, code: str
) -> None:
    reading = read_samples(GOOD, record, GOOD)
    reading.assert_counts_add_up()
    refused = [row for row in reading.refusals() if row["unit"] == "variant"]
    assert [(row["record_number"], row["element"], row["code"]) for row in refused] == [
        (HEADER.count("\n") + 2, element, code)
    ]
    assert len(column(reading, "genotypes")) == 2


@pytest.mark.parametrize("other", ["C GT 0/1 0/0", GOOD], ids=["genotypes alone", "other fields"])
@pytest.mark.parametrize("record", ["C GT 0/1:7 0/0", "C . 0/1 0/0", "C . . 7", "C . .:. ."])
def test_values_that_format_does_not_name_are_not_passed_over(
    read_samples: ReadRecords, record: str, other: str
) -> None:
    reading = read_samples(other, record, other)
    reading.assert_counts_add_up()
    assert variant_errors(reading) == ["format.too_many_values"]


@pytest.mark.parametrize(
    "record",
    [
        "C GT:PL 1:1,2 0/0:1,2,3",
        "C GT:PL 0/0/1:1,2,3,4 0/0:1,2,3",
        "C GT:PL .:1,2 .:1,2,3",
        "C PL 1,2 1,2,3",
        "C,G,T GT:PL 0/1:1,2,3,4,5,6,7,8,9,10 ./.:.",
        ". GT:PL:AD 0/0:1,2,3:4,5 0/0:0:4",
        "C,G GT:LAA:LAD:LPL 0/2:2:5,6:1,2,3 0/0:.:.:.",
        "C GT:LAA:LAD 0/0:.:5 0/0:.:5,6",
        "C GT:DP:GQ .:.:. .",
        "C GT:GQ 0/1:inf 0/0:+1e-3",
        "C GT:FT 0/1:q10;s50 0/0:a,b",
        "C . . .",
    ],
)
def test_what_the_specification_allows_is_accepted(read_samples: ReadRecords, record: str) -> None:
    reading = read_samples(record)
    assert variant_errors(reading) == []
    reading.assert_counts_add_up()


def test_missing_values_are_null_and_never_zero(read_samples: ReadRecords) -> None:
    reading = read_samples(
        "C,G GT:DP:AD 0/1:0:0,.,3 0/0", "C GT:DP:AD 0/1:.:. ./.:5", "C GT:GQ 0/1:1.5 0/0:."
    )
    assert column(reading, "format_DP") == [[0, None], [None, 5], None]
    assert column(reading, "format_AD") == [[[0, None, 3], None], [None, None], None]
    assert column(reading, "format_GQ") == [None, None, [1.5, None]]


def test_records_without_genotypes_keep_their_values(read_samples: ReadRecords) -> None:
    reading = read_samples("C DP 3 4", GOOD)
    assert [cell is None for cell in column(reading, "genotypes")] == [True, False]
    assert column(reading, "format_DP") == [[3, 4], [7, 9]]


def test_only_linked_samples_are_kept(read: Read) -> None:
    text = HEADER.replace("#CHROM", "#CHROM", 1)
    head, columns = text.rsplit("#CHROM", 1)
    record = "chr1 101 . A C,G . . . GT:DP:AD 0/1:7:1,2,3 1/2:8:4,5,6\n"
    content = head + ("#CHROM" + columns + record).replace(" ", "\t")
    reading = read({"calls.vcf": content.encode(), "crosswalk.csv": crosswalk("S2")})
    assert column(reading, "format_DP") == [[8]]
    assert column(reading, "format_AD") == [[[4, 5, 6]]]
    assert set(reading.stage.read("genomics_carrier")["depth"].to_pylist()) == {8}


def test_texts_are_kept_of_known_keys_only(read_samples: ReadRecords) -> None:
    reading = read_samples("C GT:FT:XC:NOTE 0/1:q10:a:Smith 0/0:S2:b:Jones")
    table = reading.stage.read("genomics_genotype")
    (filters,) = table["format_FT"].to_pylist()
    assert filters[0] == "q10"
    assert filters[1] not in ("S2", None)
    assert not {"format_NOTE", "format_XC"} & set(table.column_names)
    assert [code for _, code in reading.warnings() if code.startswith("format")] == [
        "format.undeclared",
        "format.text_dropped",
        "format.text_dropped",
    ]


def test_files_that_define_a_key_in_another_way_have_columns_of_their_own(read: Read) -> None:
    def content(number: str, kind: str, value: str) -> bytes:
        head, _ = HEADER.replace(
            "ID=GQ,Number=1,Type=Float", f"ID=GQ,Number={number},Type={kind}"
        ).rsplit("#CHROM", 1)
        record = f"chr1 101 . A C . . . GT:GQ 0/1:{value} 0/1:{value}\n"
        columns = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT S1 S2\n"
        return (head + (columns + record).replace(" ", "\t")).encode()

    reading = read(
        {
            "a.vcf": content("1", "Integer", "3"),
            "b.vcf": content("1", "Float", "2.5"),
            "c.vcf": content(".", "Integer", "3,4"),
            "d.vcf": content("1", "String", "low"),
            "crosswalk.csv": crosswalk("S1", "S2"),
        }
    )
    assert variant_errors(reading) == []


def test_of_very_many_keys_the_first_are_read(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medplatform.modalities.genomics.format.reading.MOST_KEYS", 3)
    records = [f"chr1 {n + 100} . A C . . . GT:K{n}:DP 0/1:x:7 0/1:y:8" for n in range(5)]
    header = HEADER.rsplit("#CHROM", 1)[0]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "S1", "S2"]
    text = header + "\t".join(columns) + "\n" + "\n".join(records).replace(" ", "\t") + "\n"
    reading = read({"a.vcf": text.encode(), "crosswalk.csv": crosswalk("S1", "S2")})
    assert variant_errors(reading) == []
    assert "format.too_many_keys" in [code for _, code in reading.warnings()]
    assert column(reading, "format_DP") == [[7, 8]] * 5
