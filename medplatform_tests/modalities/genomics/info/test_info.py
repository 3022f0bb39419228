"""INFO: typed by the header, lossless, and what does not fit costs its line alone."""

from collections.abc import Callable

import pytest

from medplatform_tests.modalities.genomics.conftest import Read, Reading, crosswalk, vcf

HEADER = """\
##fileformat=VCFv4.3
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">
##INFO=<ID=AD,Number=R,Type=Integer,Description="Depths">
##INFO=<ID=CIPOS,Number=2,Type=Integer,Description="Interval">
##INFO=<ID=SB,Number=4,Type=Integer,Description="Strands">
##INFO=<ID=MQ,Number=1,Type=Float,Description="Quality">
##INFO=<ID=DB,Number=0,Type=Flag,Description="In dbSNP">
##INFO=<ID=CLNSIG,Number=.,Type=String,Description="Significance">
##INFO=<ID=STRAND,Number=1,Type=Character,Description="Strand">
##INFO=<ID=NOTE,Number=1,Type=String,Description="Anything">
##INFO=<ID=Dp,Number=1,Type=Integer,Description="Another depth">
##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence. Format: Allele|Consequence">
##contig=<ID=chr1,length=248956422>
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO"""

ReadInfo = Callable[..., Reading]


@pytest.fixture
def read_info(read: Read) -> ReadInfo:
    """Read records of which only ALT and INFO are given, `ALT INFO`."""

    def read_lines(*records: str) -> Reading:
        lines = [
            f"chr1 {place} . A {record.split()[0]} . . {record.split()[1]}"
            for place, record in enumerate(records, 100)
        ]
        reading = read({"calls.vcf": vcf(*lines, samples=(), header=HEADER)})
        reading.assert_counts_add_up()
        return reading

    return read_lines


def values(reading: Reading, key: str) -> list[object]:
    return [row.get(f"info_{key}") for row in reading.rows("genomics_variant")]


def test_values_are_typed_by_the_header(read_info: ReadInfo) -> None:
    reading = read_info(
        "G DP=7;AF=0.25;AD=3,4;MQ=59.97;DB;CLNSIG=Benign,Likely_benign;STRAND=+;CIPOS=-5,5",
        "G,T DP=+12;AF=1e-3,.;AD=3,.,8;MQ=.",
        "G .",
    )
    assert reading.errors() == []
    assert values(reading, "DP") == [7, 12, None]
    assert values(reading, "AF") == [[0.25], [0.001, None], None]
    assert values(reading, "AD") == [[3, 4], [3, None, 8], None]
    assert values(reading, "MQ") == [59.97, None, None]
    assert values(reading, "DB") == [True, False, False]
    assert values(reading, "CLNSIG_list") == [["Benign", "Likely_benign"], None, None]
    assert values(reading, "STRAND") == ["+", None, None]
    assert values(reading, "CIPOS") == [[-5, 5], None, None]


@pytest.mark.parametrize(
    ("record", "code", "key"),
    [
        ("G DP=abc", "info.value_type", "DP"),
        ("G DP=1.5", "info.value_type", "DP"),
        ("G DP=0x10", "info.value_type", "DP"),
        ("G DP=99999999999", "info.value_type", "DP"),
        ("G DP=2147483648", "info.value_type", "DP"),
        ("G Dp=-2147483648", "info.value_type", "Dp"),
        ("G AF=often", "info.value_type", "AF"),
        ("G,T AF=0.5,often", "info.value_type", "AF"),
        ("G STRAND=+-", "info.value_type", "STRAND"),
        ("G DP=3,4", "info.cardinality", "DP"),
        ("G,T AF=0.5", "info.cardinality", "AF"),
        ("G,T AD=1,2", "info.cardinality", "AD"),
        ("G SB=1,2,3", "info.cardinality", "SB"),
        ("G AA=C,G", "info.cardinality", "AA"),
        ("G DB=maybe", "info.flag_with_value", "DB"),
        ("G DP=3;DP=3", "info.repeated_key", "DP"),
        ("G DP=-3", "info.out_of_range", "DP"),
        ("G CIGAR=MX1", "info.out_of_range", "CIGAR"),
        ("G AC=often", "info.value_type", "AC"),
        ("G,T AC=1", "info.cardinality", "AC"),
    ],
)
def test_what_does_not_fit_costs_its_line(
    read_info: ReadInfo, record: str, code: str, key: str
) -> None:
    reading = read_info("G DP=1;AF=.", record, "G,T DP=2;AF=0.1,0.2")
    (refusal,) = [row for row in reading.refusals() if row["severity"] == "error"]
    assert (refusal["code"], refusal["element"]) == (code, f"INFO/{key}")
    assert values(reading, "DP") == [1, 2]
    assert values(reading, "AF") == [None, [0.1, 0.2]]


@pytest.mark.parametrize(
    "record", [". AC=0;AF=0.0;AD=9", ". AD=9,0", "G DB=1", "G CSQ=a|b;CSQ=c|d"]
)
def test_what_looks_odd_but_is_right(read_info: ReadInfo, record: str) -> None:
    assert read_info(record).errors() == []


def test_a_flag_of_value_0_is_not_set(read_info: ReadInfo) -> None:
    assert values(read_info("G DB=0", "G DB=1", "G DB"), "DB") == [False, True, True]


def test_remarks_are_made_once(read_info: ReadInfo) -> None:
    reading = read_info("G DP", "G DP=;;MQ=3", "G CLNSIG=a;DP=4;", "G HOMSEQ=AC;GENEINFO=x:1")
    assert reading.errors() == []
    codes = [code for _, code in reading.warnings() if code.startswith("info.")]
    assert sorted(codes) == ["info.empty_item", "info.no_value", "info.undeclared"]
    assert values(reading, "DP") == [None, None, 4, None]
    assert values(reading, "GENEINFO_list")[-1] == ["x:1"]


def test_a_key_that_nobody_defines_is_not_named(read_info: ReadInfo) -> None:
    reading = read_info("G JohnSmith1961=x;JaneDoe1984;NOTE=a", "G JaneDoe1985=7;GENEINFO=x:1")
    found = [(row["code"], row["element"]) for row in reading.refusals() if row["unit"] != "header"]
    assert [each for each in found if each[0].startswith("info.")] == [
        ("info.undeclared", "INFO"),
        ("info.text_not_kept", "INFO"),
        ("info.text_not_kept", "INFO/NOTE"),
        ("info.undeclared", "INFO/GENEINFO"),
    ]


def test_keys_that_nobody_defines_are_limited(read_info: ReadInfo) -> None:
    reading = read_info(*("G " + ";".join(f"X{n}{m}=1" for m in range(100)) for n in "abc"))
    assert reading.errors() == []
    first, last = (HEADER.count("\n") + 2, HEADER.count("\n") + 4)
    codes = {code: line for line, code in reading.warnings()}
    assert codes["info.undeclared"] == first
    assert codes["info.too_many_keys"] == last


def test_texts_that_nobody_vouches_for_are_left_out(read_info: ReadInfo) -> None:
    reading = read_info("G NOTE=Jane_Doe", "G OTHER=Jane_Doe")
    assert [code for _, code in reading.warnings() if "text" in code] == ["info.text_not_kept"] * 2
    assert "Jane" not in str(reading.rows("genomics_variant"))


def test_characters_that_are_escaped_are_what_they_stand_for(read_info: ReadInfo) -> None:
    reading = read_info("G CLNSIG=a%2Cb%3B,50%25")
    assert values(reading, "CLNSIG_list") == [["a,b;", "50%"]]


def test_keys_that_differ_in_case_have_columns_of_their_own(read_info: ReadInfo) -> None:
    reading = read_info("G DP=1;Dp=2")
    assert (values(reading, "DP"), values(reading, "Dp_2")) == ([1], [2])


def test_one_column_never_holds_scalars_and_lists(read: Read) -> None:
    one = HEADER.replace("ID=AF,Number=A", "ID=AF,Number=1").replace(
        "ID=MQ,Number=1", "ID=MQ,Number=."
    )
    files = {
        "a.vcf": vcf("chr1 1 . A G . . AF=0.5;MQ=1", samples=(), header=HEADER),
        "b.vcf": vcf("chr1 1 . A G . . AF=0.5;MQ=1", samples=(), header=one),
    }
    reading = read({**files, "crosswalk.csv": crosswalk("S1")})
    rows = reading.rows("genomics_variant")
    assert [row["info_AF"] for row in rows] == [[0.5], [0.5]]
    assert sorted((row["info_MQ"], row["info_MQ_list"]) for row in rows if row["info_MQ"]) == [
        (1.0, None)
    ]
    assert [row["info_MQ_list"] for row in rows if not row["info_MQ"]] == [[1.0]]


def test_files_that_type_a_key_otherwise_are_read(read: Read) -> None:
    other = HEADER.replace("ID=MQ,Number=1,Type=Float", "ID=MQ,Number=1,Type=Integer")
    files = {
        "a.vcf": vcf("chr1 1 . A G . . MQ=1.5", samples=(), header=HEADER),
        "b.vcf": vcf("chr1 1 . A G . . MQ=1", samples=(), header=other),
    }
    reading = read({**files, "crosswalk.csv": crosswalk("S1")})
    assert reading.errors() == []
    assert reading.stage.rows_staged("genomics_variant") == 2
    assert len(reading.stage.parts()["genomics_variant"]) == 2


def test_flags_that_no_record_has_are_columns_in_the_order_of_the_header(read: Read) -> None:
    names = [f"F{number}" for number in (3, 1, 4, 2, 6, 5)]
    flags = "".join(f'##INFO=<ID={n},Number=0,Type=Flag,Description="">\n' for n in names)
    header = HEADER.replace("##contig", f"{flags}##contig")
    reading = read({"calls.vcf": vcf("chr1 1 . A G . . .", samples=(), header=header)})
    (row,) = reading.rows("genomics_variant")
    assert [key for key in row if key.startswith("info_F")] == [f"info_{name}" for name in names]
