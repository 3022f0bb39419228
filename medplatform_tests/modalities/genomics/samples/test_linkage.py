"""Samples become patients through the crosswalk only, and no name of theirs enters the lake."""

import pytest

from medplatform.modalities.genomics.genotypes.packed import unpack
from medplatform_tests.modalities.genomics.conftest import HEADER, Read, Reading, crosswalk, vcf

RECORD = "chr1 100 . A G 50 PASS . GT 0/1 1/1"


def sample_errors(reading: Reading) -> list[tuple[int, str]]:
    return [(number, code) for unit, number, code in reading.errors() if unit == "sample"]


def test_the_crosswalk_links_samples_to_patients(read: Read) -> None:
    links = b"system,sample_id,note,patient_id\nurn:lab,S2,x,P2\n,S1,y,P1\n"
    reading = read({"calls.vcf": vcf(RECORD), "crosswalk.csv": links})
    first, second = reading.rows("genomics_sample")
    identity = reading.identity
    assert first["patient_id"] == identity.subject(None, "P1").patient_id
    assert second["patient_id"] == identity.subject("urn:lab", "P2").patient_id
    assert first["sample_id"] == identity.token("sample", "S1")
    assert [first["sample_index"], second["sample_index"]] == [0, 1]
    assert reading.counts("crosswalk.csv") == {"file": (1, 1, 0, 0, 0)}
    assert reading.refusals() == []
    reading.assert_counts_add_up()


def test_only_linked_samples_are_stored(read: Read) -> None:
    reading = read({"calls.vcf": vcf(RECORD), "crosswalk.csv": crosswalk("S2")})
    assert sample_errors(reading) == [(1, "subject.unresolved")]
    (genotype,) = reading.rows("genomics_genotype")
    assert genotype["sample_count"] == 1
    assert unpack(genotype["genotypes"], 1)[0].tolist() == [[1, 1]]
    (variant,) = reading.rows("genomics_variant")
    assert (variant["called_count"], variant["alternate_counts"]) == (2, [2])
    assert [row["sample_index"] for row in reading.rows("genomics_sample")] == [0]
    assert reading.counts("calls.vcf")["sample"] == (2, 1, 1, 0, 0)
    reading.assert_counts_add_up()


def test_without_a_crosswalk_only_sites_are_stored(read: Read) -> None:
    reading = read({"calls.vcf": vcf(RECORD)})
    assert sample_errors(reading) == [(1, "crosswalk.missing"), (2, "crosswalk.missing")]
    reason = reading.refusals()[0]["reason"]
    assert "sample_id,patient_id" in reason
    assert "delivery.json" in reason
    (variant,) = reading.rows("genomics_variant")
    assert (variant["called_count"], variant["alternate_counts"]) == (None, None)
    assert reading.rows("genomics_genotype") == reading.rows("genomics_sample") == []
    reading.assert_counts_add_up()


def test_each_sample_can_be_declared_a_person(read: Read) -> None:
    reading = read({"calls.vcf": vcf(RECORD)}, subjects="per_record")
    first, second = reading.rows("genomics_sample")
    expected = reading.identity.subject("urn:medplatform:per-record", "S1")
    assert first["patient_id"] == expected.patient_id != second["patient_id"]
    assert reading.refusals() == []


def test_a_declaration_and_a_crosswalk_contradict_each_other(read: Read) -> None:
    files = {"calls.vcf": vcf(RECORD), "crosswalk.csv": crosswalk("S1")}
    reading = read(files, subjects="per_record")
    assert reading.errors() == [("file", 0, "crosswalk.contradiction")]
    assert len(reading.rows("genomics_sample")) == 2
    reading.assert_counts_add_up()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"sample,patient\nS1,P1\n", "crosswalk.columns"),
        (b"sample_id;patient_id\nS1;P1\n", "crosswalk.columns"),
        (b"sample_id,patient_id,patient_id\nS1,P1,P2\n", "crosswalk.columns"),
        (b"", "crosswalk.columns"),
        (b"sample_id,patient_id\nS1,caf\xe9\n", "crosswalk.encoding"),
        (b'sample_id,patient_id\n"S1,P1\n', "crosswalk.syntax"),
    ],
)
def test_an_unusable_crosswalk_is_refused(read: Read, content: bytes, code: str) -> None:
    reading = read({"calls.vcf": vcf(RECORD), "crosswalk.csv": content})
    assert ("file", 0, code) in reading.errors()
    assert sample_errors(reading) == [(1, "crosswalk.unusable"), (2, "crosswalk.unusable")]
    reading.assert_counts_add_up()


@pytest.mark.parametrize(
    ("rows", "remark"),
    [
        ("S1,P1\nS2,P2\nS1,P3\n", (4, "crosswalk.duplicate_sample")),
        ("S1,\nS2,P2\n", (2, "crosswalk.no_patient_id")),
        ("S1,P1\nS2,P2\nS1, \n", (4, "crosswalk.no_patient_id")),
    ],
)
def test_a_sample_without_exactly_one_patient_is_refused(
    read: Read, rows: str, remark: tuple[int, str]
) -> None:
    links = f"sample_id,patient_id\n{rows}".encode()
    reading = read({"calls.vcf": vcf(RECORD), "crosswalk.csv": links})
    assert reading.warnings() == [remark]
    assert sample_errors(reading) == [(1, "subject.unresolved")]


def test_harmless_oddities_of_a_crosswalk_are_remarked(read: Read) -> None:
    links = b"\xef\xbb\xbfsample_id,patient_id\r\nS1,P1\r\nS2,P2\r\nS1,P1\r\nS9,P9\r\n,P8\r\n"
    reading = read({"calls.vcf": vcf(RECORD), "crosswalk.csv": links})
    assert reading.warnings() == [
        (4, "crosswalk.repeated_row"),
        (6, "crosswalk.no_sample_id"),
        (5, "crosswalk.unknown_sample"),
    ]
    assert reading.errors() == []


def test_a_second_crosswalk_makes_both_unusable(read: Read) -> None:
    files = {"calls.vcf": vcf(RECORD), "crosswalk.csv": crosswalk("S1", "S2")}
    reading = read({**files, "more/crosswalk.csv": crosswalk("S1")})
    assert ("file", 0, "crosswalk.several") in reading.errors()
    assert reading.rows("genomics_sample") == []
    reading.assert_counts_add_up()


def test_repeated_and_empty_names_in_the_header_are_refused(read: Read) -> None:
    samples = ("S1", "S2", "S1", "")
    content = vcf(RECORD + " 0/0 0/0 0/1", samples=(*samples, "S3"))
    reading = read({"calls.vcf": content, "crosswalk.csv": crosswalk("S1", "S2", "S3")})
    assert sample_errors(reading) == [
        (1, "sample.duplicate"),
        (3, "sample.duplicate"),
        (4, "sample.unnamed"),
    ]
    (genotype,) = reading.rows("genomics_genotype")
    assert unpack(genotype["genotypes"], 2)[0].tolist() == [[1, 1], [0, 1]]
    reading.assert_counts_add_up()


def test_tabs_behind_the_last_name_are_no_sample(read: Read) -> None:
    content = vcf(RECORD).replace(b"S1\tS2", b"S1\tS2\t\t")
    reading = read({"calls.vcf": content, "crosswalk.csv": crosswalk("S1", "S2")})
    assert reading.errors() == []
    reading.assert_counts_add_up()


def test_no_name_leaves_the_delivery(read: Read) -> None:
    """Neither names of samples, patients and files nor header text are in any staged byte."""
    header = "##SAMPLE=<ID=CANARY-HEADER>\n##cmd=/home/CANARY-PATH/run.sh\n" + HEADER
    samples = ("CANARY-SAMPLE", "CANARY-OTHER")
    good = RECORD.replace(" . A", " CANARY-ID A")
    bad = RECORD.replace("100", "CANARY-POS").replace("PASS", "CANARY-FILTER")
    content = vcf(good, bad, header=header, samples=samples)
    links = b"sample_id,patient_id\nCANARY-SAMPLE,CANARY-PATIENT\nCANARY-LOST,CANARY\n"
    reading = read({"CANARY-FILE.vcf": content, "crosswalk.csv": links})
    assert len(reading.rows("genomics_genotype")) == 1
    assert len(reading.refusals()) >= 3
    for table in ("genomics_variant", "genomics_sample", "genomics_genotype", "quarantine"):
        assert "CANARY" not in repr(reading.stage.read(table).to_pylist())
    for parts in reading.stage.parts().values():
        for part in parts:
            assert b"CANARY" not in part.read_bytes()


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("male", "male"),
        ("F", "female"),
        ("1", "male"),
        ("2", "female"),
        ("U", "unknown"),
        ("", None),
    ],
)
def test_the_declared_sex_is_stored(read: Read, written: str, stored: str | None) -> None:
    sheet = f"sample_id,patient_id,sex\nS1,p1,{written}\nS2,p2,\n".encode()
    reading = read({"calls.vcf": vcf(RECORD), "crosswalk.csv": sheet})
    assert [row["declared_sex"] for row in reading.rows("genomics_sample")] == [stored, None]
    assert reading.refusals() == []


def test_what_the_crosswalk_declares_is_checked(read: Read) -> None:
    sheet = (
        b"sample_id,patient_id,sex,genome_build\n"
        b"S1,p1,male,GRCh99\n"
        b"S2,p1,female,hg38\n"
        b"S1,p1,female,\n"
        b"S3,p3,x,\n"
    )
    reading = read({"calls.vcf": vcf(RECORD), "crosswalk.csv": sheet})
    assert sorted(reading.warnings()) == [
        (2, "crosswalk.genome_build"),
        (3, "crosswalk.sex_conflict"),
        (4, "crosswalk.repeated_row"),
        (5, "crosswalk.sex"),
        (5, "crosswalk.unknown_sample"),
    ]
    rows = reading.rows("genomics_sample")
    assert [(r["declared_sex"], r["declared_build"]) for r in rows] == [
        ("male", None),
        ("female", "GRCh38"),
    ]


def test_names_that_plink_doubled_are_explained(read: Read) -> None:
    samples = ("S1_S1", "FAM_A_1", "A_2")
    sheet = crosswalk("S1", "A_1")
    record = "chr1 100 . A G 50 PASS . GT 0/1 1/1 0/0"
    reading = read({"calls.vcf": vcf(record, samples=samples), "crosswalk.csv": sheet})
    reasons = [row["reason"] for row in reading.refusals() if row["code"] == "subject.unresolved"]
    assert ["FID_IID" in reason for reason in reasons] == [True, True, False]


def test_names_longer_than_any_link_nobody(read: Read) -> None:
    sheet = f"sample_id,patient_id\nS1,{'p' * 300}\n{'s' * 300},p2\nS2,p3\n".encode()
    reading = read({"calls.vcf": vcf(RECORD), "crosswalk.csv": sheet})
    found = [code for code in reading.warnings() if code[1] == "crosswalk.too_long"]
    assert found == [(2, "crosswalk.too_long"), (3, "crosswalk.too_long")]
    assert len(reading.rows("genomics_sample")) == 1


def test_a_file_with_a_sample_name_longer_than_any_is_refused(read: Read) -> None:
    content = vcf(RECORD, samples=("S1", "a_" * 200))
    reading = read({"calls.vcf": content, "crosswalk.csv": crosswalk("S1")})
    assert ("file", 0, "header.sample_name") in reading.errors()
    reading.assert_counts_add_up()


def test_samples_of_a_refused_file_are_not_called_unknown(read: Read) -> None:
    sheet = b"sample_id,patient_id,genome_build\nS1,p1,GRCh37\nS9,p9,GRCh37\n"
    reading = read({"calls.vcf": vcf(RECORD, samples=("S1",)), "crosswalk.csv": sheet})
    assert ("file", 0, "build.conflict") in reading.errors()
    assert reading.warnings() == [(3, "crosswalk.unknown_sample")]
