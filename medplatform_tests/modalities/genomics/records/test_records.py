"""Records of a VCF body: what is accepted, what is refused, and that one bad line stops nothing."""

import math
from collections.abc import Callable

import pytest

from medplatform.modalities.genomics.genotypes.packed import unpack
from medplatform_tests.modalities.genomics.conftest import HEADER, Read, Reading, crosswalk, vcf

ReadRecords = Callable[..., Reading]
GOOD = "chr1 100 rs1 A G 50 PASS . GT 0/1 0|0"


def test_a_record_becomes_a_variant_with_genotypes(read_records: ReadRecords) -> None:
    reading = read_records("chr1 100 a;rs77 a g,T 1e-3 q10;s50 . GT:DP 0/1:9 2|.:3")
    (variant,) = reading.rows("genomics_variant")
    source = next(s for s in reading.delivery.sources if s.path.name == "calls.vcf")
    assert variant.pop("variant_id")
    assert variant == {
        "genome_build": "GRCh38",
        "chromosome": "1",
        "position": 100,
        "end_position": None,
        "rs_id": "rs77",
        "reference_allele": "A",
        "alternate_alleles": ["G", "T"],
        "quality": 0.001,
        "filters": ["q10", "s50"],
        "called_count": 3,
        "alternate_counts": [1, 1],
        "source_id": source.source_id,
        "record_number": 4,
    }
    (genotype,) = reading.rows("genomics_genotype")
    alleles, phased = unpack(genotype["genotypes"], genotype["sample_count"])
    assert alleles.tolist() == [[0, 1], [2, -1]]
    assert phased[:, 1].tolist() == [False, True]
    assert genotype["cohort_id"] == source.source_id
    reading.assert_counts_add_up()


def test_missing_fields_are_null(read_records: ReadRecords) -> None:
    reading = read_records("chr1 100 . A . . . . GT 0/0 ./.")
    (variant,) = reading.rows("genomics_variant")
    assert [variant[name] for name in ("rs_id", "quality", "filters")] == [None] * 3
    assert variant["alternate_alleles"] == []
    assert (variant["called_count"], variant["alternate_counts"]) == (2, [])


@pytest.mark.parametrize(
    ("written", "quality"),
    [("1e-3", 0.001), ("+Inf", math.inf), ("-0", 0.0), ("NaN", None), (".", None)],
)
def test_qualities_that_vcf_allows(
    read_records: ReadRecords, written: str, quality: float | None
) -> None:
    reading = read_records(f"chr1 100 . A G {written} . . GT 0/1 0/0")
    assert reading.rows("genomics_variant")[0]["quality"] == quality


def test_symbolic_alleles_of_one_place_differ_in_their_extent(read_records: ReadRecords) -> None:
    reading = read_records(
        "chr1 100 . A <DEL> . . END=200;SVTYPE=DEL GT 0/1 0/0",
        "chr1 100 . A <DEL> . . SVTYPE=DEL;END=300 GT 0/1 0/0",
        "chr1 100 . A <INS> . . SVLEN=7 GT 0/1 0/0",
        "chr1 100 . A <INS> . . SVLEN=8 GT 0/1 0/0",
        "chr1 100 . A <INS> . . SVLEN=8 GT 0/1 0/0",
    )
    assert reading.errors() == [("variant", 8, "record.duplicate")]
    found = [row["end_position"] for row in reading.rows("genomics_variant")]
    assert found == [200, 300, None, None]


def test_an_id_that_is_not_from_dbsnp_is_not_kept(read_records: ReadRecords) -> None:
    reading = read_records("chr1 100 DOE_JANE_1 A G 50 PASS . GT 0/1 0/0")
    assert reading.rows("genomics_variant")[0]["rs_id"] is None


@pytest.mark.parametrize(
    ("record", "code", "element"),
    [
        ("chr1 200 . A G 50 PASS . GT 0/1", "line.too_few_columns", None),
        ("chr1 200 . A G 50 PASS . GT 0/1 0/0 0/1", "line.too_many_columns", None),
        ("##INFO=<ID=DP>", "line.header_in_body", None),
        (". 200 . A G 50 PASS . GT 0/1 0/0", "contig.syntax", "CHROM"),
        ("chr1 2.5 . A G 50 PASS . GT 0/1 0/0", "position.not_an_integer", "POS"),
        ("chr1 -1 . A G 50 PASS . GT 0/1 0/0", "position.not_an_integer", "POS"),
        ("chr1 9999999999 . A G 50 PASS . GT 0/1 0/0", "position.not_an_integer", "POS"),
        ("chr1 248956424 . A G 50 PASS . GT 0/1 0/0", "position.beyond_contig", "POS"),
        ("ctg1 2147483645 . ACGT A 50 PASS . GT 0/1 0/0", "position.beyond_contig", "POS"),
        ("ctg1 2147483647 . AC <NON_REF> . . . GT 0/0 0/0", "position.beyond_contig", "POS"),
        ("chr1 200 . . G 50 PASS . GT 0/1 0/0", "reference.syntax", "REF"),
        ("chr1 200 . A1 G 50 PASS . GT 0/1 0/0", "reference.syntax", "REF"),
        ("chr1 200 . R G 50 PASS . GT 0/1 0/0", "reference.syntax", "REF"),
        ("chr1 200 . A R 50 PASS . GT 0/1 0/0", "alternate.syntax", "ALT"),
        ("chr1 200 . A [chr2:3[ 50 PASS . GT 0/1 0/0", "alternate.syntax", "ALT"),
        ("chr1 200 ;rs1 A G 50 PASS . GT 0/1 0/0", "id.syntax", "ID"),
        ("chr:1 200 . A G 50 PASS . GT 0/1 0/0", "contig.syntax", "CHROM"),
        ("chr1 200 . A G -1 PASS . GT 0/1 0/0", "quality.not_a_number", "QUAL"),
        ("chr1 200 . A G 50 q10;0 . GT 0/1 0/0", "filter.syntax", "FILTER"),
        ("chr1 200 . A G 50 q10;. . GT 0/1 0/0", "filter.syntax", "FILTER"),
        ("chr1 200 . A G 50 PASS . GT::DP 0/1 0/0", "format.syntax", "FORMAT"),
        ("chr1 200 . A G 50 PASS . GT:D_P 0/1 0/0", "format.syntax", "FORMAT"),
        ("chr1 200 . A G 50 PASS . GT:D-P 0/1 0/0", "format.syntax", "FORMAT"),
        ("chr1 200 . A G 50 PASS . GT:D\u00e9 0/1 0/0", "format.syntax", "FORMAT"),
        ("chr1 200 . A G 50 PASS . GT:DP:DP 0/1 0/0", "format.repeated_key", "FORMAT"),
        ("chr1 200 . A G,,T 50 PASS . GT 0/1 0/0", "alternate.syntax", "ALT"),
        ("chr1 200 . A <DEL 50 PASS . GT 0/1 0/0", "alternate.syntax", "ALT"),
        ("chr1 200 . A a 50 PASS . GT 0/1 0/0", "alternate.repeated", "ALT"),
        ("chr1 200 . A G,T,G 50 PASS . GT 0/1 0/0", "alternate.repeated", "ALT"),
        ("chr1 200 . a a,<NON_REF> 50 PASS . GT 0/1 0/0", "alternate.repeated", "ALT"),
        ("chr1 200 . a g,<DEL>,G 50 PASS . GT 0/1 0/0", "alternate.repeated", "ALT"),
        ("chr1 200 . A G high PASS . GT 0/1 0/0", "quality.not_a_number", "QUAL"),
        ("chr1 200 . A G 1e PASS . GT 0/1 0/0", "quality.not_a_number", "QUAL"),
        ("chr1 200 . A G 50 q10;;s50 . GT 0/1 0/0", "filter.syntax", "FILTER"),
        (
            "chr1 200 . A <DEL> . . DP=3;END=199 GT 0/1 0/0",
            "info.end_before_position",
            "INFO/END",
        ),
        ("chr1 200 . A <DEL> 50 PASS END=x GT 0/1 0/0", "info.end_not_an_integer", "INFO/END"),
        ("chr1 200 . A G 50 PASS . DP:GT 3:0/1 4:0/0", "format.gt_not_first", "FORMAT"),
        ("chr1 200 . A G 50 PASS . GT 0/1 0/x", "genotype.malformed", "FORMAT/GT"),
        ("chr1 200 . A G 50 PASS . GT 0/1 3/0", "genotype.unknown_allele", "FORMAT/GT"),
        ("chr1 200 . A G 50 PASS . GT 0/2 0/0", "genotype.unknown_allele", "FORMAT/GT"),
        ("chr1 200 . A G 50 PASS . GT 0/1/2 0/0", "genotype.unknown_allele", "FORMAT/GT"),
        ("chr1 100 rs9 A G 10 . . GT 1/1 1/1", "record.duplicate", None),
    ],
)
def test_a_line_that_breaks_a_rule_is_refused_alone(
    read_records: ReadRecords, record: str, code: str, element: str | None
) -> None:
    last = "chr1 300 . C T 50 PASS . GT 1/1 0/0"
    reading = read_records(GOOD, record, last)
    (refusal,) = reading.refusals()
    assert (refusal["code"], refusal["record_number"], refusal["unit"]) == (code, 5, "variant")
    assert refusal["element"] == element
    whole = vcf(GOOD, record, last)
    assert whole[refusal["byte_offset"] :].startswith(record.replace(" ", "\t").encode())
    assert [row["record_number"] for row in reading.rows("genomics_variant")] == [4, 6]
    assert reading.counts("calls.vcf")["variant"] == (3, 2, 1, 0, 0)
    reading.assert_counts_add_up()


@pytest.mark.parametrize(
    "record",
    [
        "HLA-DRB1*10:01:01 5 . A G 50 PASS . GT 0/1 0/0",
        "chr1 0 . N G 50 PASS . GT 0/1 0/0",
        "chr1 248956423 . A . 50 PASS . GT 0/0 0/0",
        "chr1 200 . n G 50 PASS . GT 0/1 0/0",
        "chr1 200 . A * . . . GT 0/1 0/0",
        "chr1 200 . A <NON_REF> . . END=250 GT 0/1 0/0",
        "chr1 200 . A G,<*> . . END=. GT 0/0 1/2",
        "chr1 200 . A <DUP:TANDEM>,<CN0> . . XEND=1 GT 0/1 0/2",
        "chr1 200 . A A[chr2:321681[,]chr13:123456]T . . . GT 0/1 0/2",
        "chr1 200 . A .A . . . GT 0/1 0/0",
        "chr1 200 . A G +1.5E+02 . . GT 0/1 0/0",
        "chr1 200 . A G . . ;;DP=3; GT 0/1/1 1",
        "chr1 200 . A G . . AF=.;DP=3;CSQ=a|b,c;CSQ=d GT:XX:PS 0/1:7 ./.",
        "chr1 200 . A G . . DB=1 DP 3 4",
        "chr1 200 . A G . . . GT:1X.y 0/1:3 0/0:5",
        "chr1 200 . A G . . . . . .",
    ],
)
def test_rare_but_valid_records_are_accepted(read_records: ReadRecords, record: str) -> None:
    reading = read_records(record)
    assert reading.errors() == []
    (variant,) = reading.rows("genomics_variant")
    alternate = record.split()[4]
    assert ",".join(variant["alternate_alleles"]) == ("" if alternate == "." else alternate)
    reading.assert_counts_add_up()


def test_bases_are_in_upper_case_beside_what_is_not_bases(read_records: ReadRecords) -> None:
    reading = read_records("chr1 100 . a g,<non_Ref>,at[chr2:7[,<acgt> . . . GT 0/1 0/0")
    (variant,) = reading.rows("genomics_variant")
    assert variant["alternate_alleles"] == ["G", "<non_Ref>", "AT[chr2:7[", "<acgt>"]


def test_a_record_without_genotypes_is_a_site(read_records: ReadRecords) -> None:
    reading = read_records("chr1 100 . A G . . . DP 3 4", GOOD.replace("100", "200"))
    first, second = reading.rows("genomics_variant")
    assert (first["called_count"], first["alternate_counts"]) == (None, None)
    assert (second["called_count"], second["alternate_counts"]) == (4, [1])
    unphased = [row["genotypes"] for row in reading.rows("genomics_genotype")]
    assert [row["record_number"] for row in reading.rows("genomics_genotype")] == [4, 5]
    assert unphased[0] is None or unphased[0] != unphased[1]


def test_a_file_without_samples_gives_sites(read: Read) -> None:
    reading = read({"sites.vcf": vcf("chr1 100 rs1 A G 50 PASS AC=3", samples=())})
    assert len(reading.rows("genomics_variant")) == 1
    assert reading.rows("genomics_genotype") == []
    reading.assert_counts_add_up()


def test_a_refused_record_does_not_make_its_repetition_a_duplicate(
    read_records: ReadRecords,
) -> None:
    reading = read_records(GOOD.replace("0/1", "0/7"), GOOD, GOOD)
    assert reading.errors() == [
        ("variant", 4, "genotype.unknown_allele"),
        ("variant", 6, "record.duplicate"),
    ]


def test_duplicates_are_found_far_apart(read_records: ReadRecords) -> None:
    """Further than a batch of lines."""
    records = [f"chr1 {position} . A G . . . GT 0/1 0/0" for position in range(1, 9001)]
    reading = read_records(*records, records[0])
    assert reading.errors() == [("variant", 9004, "record.duplicate")]
    assert reading.counts("calls.vcf")["variant"] == (9001, 9000, 1, 0, 0)


def test_unsorted_records_are_read_with_one_remark(read_records: ReadRecords) -> None:
    def at(place: str) -> str:
        return GOOD.replace("chr1 100", place)

    reading = read_records(at("chr1 200"), at("chr1 100"), at("chr2 5"), at("chr1 300"))
    assert reading.errors() == []
    assert (5, "record.unsorted") in reading.warnings()
    assert len(reading.rows("genomics_variant")) == 4


def test_a_contig_that_comes_back_is_unsorted(read_records: ReadRecords) -> None:
    def at(place: str) -> str:
        return GOOD.replace("chr1 100", place)

    reading = read_records(at("chr1 200"), at("chr2 5"), at("chr1 300"))
    assert reading.warnings() == [(5, "contig.undeclared"), (6, "record.unsorted")]


def test_names_of_the_same_chromosome_agree(read_records: ReadRecords) -> None:
    names = ["chr1", "1", "chrX", "chrM", "MT", "M", "chrUn_KI270302v1"]
    reading = read_records(*(GOOD.replace("chr1 100", f"{n} {p}") for p, n in enumerate(names, 1)))
    found = [row["chromosome"] for row in reading.rows("genomics_variant")]
    assert found == ["1", "1", "X", "MT", "MT", "MT", "Un_KI270302v1"]


def test_equal_variants_have_equal_ids_over_spellings(read: Read) -> None:
    files = {
        "a.vcf": vcf(GOOD),
        "b.vcf": vcf(GOOD.replace("chr1", "1").replace(" A G ", " a g ")),
        "c.vcf": vcf(GOOD, header=HEADER.replace("248956422", "249250621")),
    }
    reading = read({**files, "crosswalk.csv": crosswalk("S1", "S2")})
    ids = {row["genome_build"]: set() for row in reading.rows("genomics_variant")}
    for row in reading.rows("genomics_variant"):
        ids[row["genome_build"]].add(row["variant_id"])
    assert len(ids["GRCh38"]) == 1
    assert not ids["GRCh38"] & ids["GRCh37"]


def test_blank_lines_and_crlf_are_fine(read: Read) -> None:
    content = vcf(GOOD, "", "   ", GOOD.replace("100", "200")).replace(b"\n", b"\r\n")
    reading = read({"calls.vcf": content, "crosswalk.csv": crosswalk("S1", "S2")})
    assert reading.errors() == []
    assert reading.counts("calls.vcf")["variant"] == (4, 2, 0, 2, 0)
    reading.assert_counts_add_up()


def test_spaces_for_tabs_and_latin_1_are_named(read: Read) -> None:
    spaces = b"chr1 200 . A G 50 PASS . GT 0/1 0/0\n"
    latin = b"chr1\t300\t.\tA\tG\t50\tPASS\tNOTE=caf\xe9\tGT\t0/1\t0/0\n"
    reading = read({"calls.vcf": vcf(GOOD) + spaces + latin, "crosswalk.csv": crosswalk("S1")})
    found = [error for error in reading.errors() if error[0] == "variant"]
    assert found == [("variant", 5, "line.spaces"), ("variant", 6, "line.encoding")]
    reading.assert_counts_add_up()


def test_quality_of_samples_is_counted_over_accepted_records(read_records: ReadRecords) -> None:
    reading = read_records(
        "chr1 100 . A G . . . GT 0/1 ./.",
        "chr1 200 . A G . . . GT 1/1 0/1",
        "chr1 300 . A G . . . GT 0|1 1",
        "chr1 400 . A G . . . GT 0/1 0/9",
    )
    first, second = reading.rows("genomics_sample")
    assert (first["call_rate"], first["het_hom_ratio"]) == (1.0, 2.0)
    assert second["call_rate"] == pytest.approx(2 / 3)
    assert second["het_hom_ratio"] is None


def test_what_is_no_extent_is_not_in_the_id_of_a_symbolic_allele(read: Read) -> None:
    declared = '##INFO=<ID=SVLEN,Number=1,Type=String,Description="Integer by the specification">'
    header = HEADER.replace("#CHROM", f"{declared}\n#CHROM")
    records = [f"chr1 100 . A <DEL> . . SVLEN={length};END=200" for length in ("JANE_DOE", "-100")]
    reading = read({"calls.vcf": vcf(*records, samples=(), header=header)})
    ids = [row["variant_id"] for row in reading.rows("genomics_variant")]
    assert ids == ["GRCh38-1-100-A-<DEL>:200", "GRCh38-1-100-A-<DEL>:200:-100"]
    assert reading.errors() == [("header", 3, "header.reserved")]
    reading.assert_counts_add_up()


@pytest.mark.parametrize(("key", "is_valid"), [("MIN_DP", True), ("_x.1", True), ("1X", False)])
def test_keys_of_format_as_vcf_43_has_them(read: Read, key: str, is_valid: bool) -> None:
    record = f"chr1 100 . A G . . . GT:{key} 0/1:3 0/0:5"
    header = HEADER.replace("VCFv4.2", "VCFv4.3")
    files = {"calls.vcf": vcf(record, header=header), "crosswalk.csv": crosswalk("S1", "S2")}
    found = [code for _, _, code in read(files).errors()]
    assert found == ([] if is_valid else ["format.syntax"])


def test_what_the_header_does_not_define_is_remarked_once(read: Read) -> None:
    declared = '##FILTER=<ID=q10,Description="Quality">\n##ALT=<ID=DEL,Description="Deletion">\n'
    records = [
        "chr1 100 . A <DEL>,<NON_REF> . q10 .",
        "chr1 200 . A <DEL>,<FOO> . PASS .",
        "chr2 100 . A G . q10;s50 .",
        "chr3 100 . A <BAR> . s50 .",
    ]
    content = vcf(*records, samples=(), header=HEADER.replace("#CHROM", f"{declared}#CHROM"))
    reading = read({"calls.vcf": content})
    assert reading.errors() == []
    found = {code: number for number, code in reading.warnings() if code.endswith(".undeclared")}
    assert found == {"alternate.undeclared": 7, "contig.undeclared": 8, "filter.undeclared": 8}
    assert len(reading.warnings()) == len(found)


@pytest.mark.parametrize("filters", ["PASS;q10", "q10;PASS"])
def test_a_record_that_passed_and_did_not_is_read_and_remarked(read: Read, filters: str) -> None:
    header = HEADER.replace("#CHROM", '##FILTER=<ID=q10,Description="Quality">\n#CHROM')
    records = ["chr1 100 . A G . q10 .", "chr1 200 . A G . PASS .", f"chr1 300 . A G . {filters} ."]
    reading = read({"calls.vcf": vcf(*records, samples=(), header=header)})
    assert reading.errors() == []
    assert [code for _, code in reading.warnings()] == ["filter.contradicts"]
    assert reading.rows("genomics_variant")[2]["filters"] == filters.split(";")


@pytest.mark.parametrize(
    ("lengths", "chromosome", "code"),
    [
        ({"chr1": 249250621, "chrM": 16571}, "NC_001807.4", "contig.other_mitochondrion"),
        ({"chr1": 249250621}, "MT", "contig.unclear_mitochondrion"),
        ({"chr1": 249250621, "chrM": 16569}, "MT", None),
        ({"chr1": 248956422, "chrM": 16569}, "MT", None),
    ],
)
def test_the_mitochondrion_of_hg19_is_not_mt(
    read: Read, lengths: dict[str, int], chromosome: str, code: str | None
) -> None:
    contigs = "".join(f"##contig=<ID={name},length={size}>\n" for name, size in lengths.items())
    header = f"##fileformat=VCFv4.2\n{contigs}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    records = [f"chrM {place} . A G . . . GT 0/1 0/0" for place in (73, 16571)]
    files = {"calls.vcf": vcf(*records, header=header), "crosswalk.csv": crosswalk("S1", "S2")}
    reading = read(files)
    rows = reading.rows("genomics_variant")
    assert [row["chromosome"] for row in rows] == [chromosome] * 2
    told = [found for _, found in reading.warnings() if "mitochondrion" in found]
    assert told == ([code] if code else [])
