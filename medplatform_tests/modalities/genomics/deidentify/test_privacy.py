"""Names of samples, patients and files, planted everywhere: none reaches the lake or a log."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from medplatform.ingest import ingest_delivery
from medplatform.lake import Lake
from medplatform.modalities.genomics import GENOMICS
from medplatform.privacy import Identity, KeyRing
from medplatform_tests.modalities.genomics.conftest import vcf

MARK = "QZX"
ONE, TWO, LOST, PATIENT = "QZX-ONE", "QZX-TWO", "QZX-LOST", "QZX-PATIENT"
HEADER = f"""\
##fileformat=VCFv4.3
##contig=<ID=chr1,length=248956422>
##reference=file:///home/{ONE}/GRCh38.fa
##SAMPLE=<ID={ONE},Description="Tumour of {PATIENT}">
##PEDIGREE=<ID={ONE},Original={TWO}>
##bcftools_viewCommand=view -s {ONE} /data/{PATIENT}.bcf
##FILTER=<ID=low_{ONE},Description="Low in {ONE}">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Kept">
##INFO=<ID=set,Number=.,Type=String,Description="Kept">
##INFO=<ID=SVLEN,Number=1,Type=String,Description="Integers by the specification">
##INFO=<ID=NOTE,Number=1,Type=String,Description="Dropped">
##INFO=<ID={ONE}_DP,Number=1,Type=Integer,Description="A key of one sample">
##INFO=<ID=MATEID,Number=.,Type=String,Description="Mate">
##INFO=<ID=EVENT,Number=1,Type=String,Description="Event">
##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence. Format: Allele|Consequence|SYMBOL">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=PID,Number=1,Type=String,Description="Kept">
##FORMAT=<ID=WHO,Number=1,Type=String,Description="Dropped">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO"""
RECORDS = (
    f"chr1 100 {ONE} A G 50 PASS set={ONE},{PATIENT};NOTE=QZX;CSQ=G|{TWO}|{ONE} "
    f"GT:PID 0/1:{TWO} 0/0:.",
    f"chr1 200 QZX-case_1;rs5 A A[chr1:300[ 50 low_{ONE} MATEID=QZX-case_2;EVENT={PATIENT} "
    f"GT 0/1 0/0",
    f"chr1 300 QZX-case_2 C ]chr1:200]C . PASS MATEID=QZX-case_1 GT:WHO 0/1:{ONE} 0/0:{LOST}",
    f"chr1 400 . C <DEL:{ONE}> . PASS SVTYPE={TWO};{ONE}_DP=7;END=450;SVLEN=QZX_SMITH GT 1/1 0/1",
    f"chr1 500 . C T . PASS OTHER={LOST};{TWO}_flag GT 1/1 0/1",
    f"{ONE} 600 . C T . PASS . GT 1/1 0/1",
    f"chr1 {ONE} . C T . {TWO} . GT 1/1 0/1",
    f"chr1 700 . C T . . {ONE} GT:{TWO} {ONE} 0/1",
)  # fmt: skip
SHEET = (
    f"sample_id,patient_id,sex,note\n{ONE},{PATIENT},male,{MARK}\n{LOST},QZX-OTHER,{MARK},\n"
).encode()


def ingest(root: Path) -> Lake:
    folder = root / "landing" / "genomics" / "one"
    folder.mkdir(parents=True)
    (folder / f"{ONE}.vcf").write_bytes(vcf(*RECORDS, samples=(ONE, TWO), header=HEADER))
    (folder / f"broken_{PATIENT}.vcf").write_text(f"no VCF of {ONE}")
    (folder / f"{TWO}.vcf.gz").write_bytes(b"\x1f\x8b" + MARK.encode())
    (folder / "crosswalk.csv").write_bytes(SHEET)
    lake = Lake(root / "lake")
    receipt = ingest_delivery(
        GENOMICS,
        "one",
        landing=root / "landing",
        lake=lake,
        identity=Identity(KeyRing(bytes(32)), root / "vault"),
    )
    assert receipt.entry.status == "published"
    return lake


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and content of each file, Parquet decoded: column names, metadata and cells."""
    for path in folder.rglob("*"):
        yield str(path), path.name
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield str(path), repr((table.schema.to_string(), table.to_pylist()))
        if path.is_file():
            yield str(path), path.read_bytes().decode("latin-1")


def test_no_name_is_in_the_lake_or_a_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        ingest(tmp_path)
    found = {name for name, content in contents(tmp_path / "lake") if MARK in content}
    assert found == set()
    assert MARK not in caplog.text
    assert MARK not in "".join(capfd.readouterr())


def test_what_names_nobody_is_kept(tmp_path: Path) -> None:
    lake = ingest(tmp_path)
    table = {t.name: t for t in GENOMICS.tables}
    variants = lake.scan(table["genomics_variant"]).sort("position").collect()
    assert variants["position"].to_list() == [100, 200, 300, 400, 500, 600]
    assert variants["rs_id"].to_list() == [None, "rs5", None, None, None, None]
    samples = lake.scan(table["genomics_sample"]).collect()
    assert samples["declared_sex"].to_list() == ["male"]


def test_names_in_other_spellings_are_in_no_text(tmp_path: Path) -> None:
    header = """\
##fileformat=VCFv4.3
##contig=<ID=chr1,length=248956422>
##INFO=<ID=CLNDN,Number=.,Type=String,Description="Kept">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##INFO=<ID=DP_doe_jane,Number=1,Type=Integer,Description="Not kept">
##FORMAT=<ID=PID,Number=1,Type=String,Description="Kept">
##INFO=<ID=smith_af,Number=1,Type=Float,Description="Not kept">
##FORMAT=<ID=lab_JohnSmith,Number=1,Type=Integer,Description="Not kept">
##FORMAT=<ID=johnsmith_AD,Number=1,Type=Integer,Description="Not kept">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO"""
    record = (
        "chr1 100 . A G 50 johnsmith "
        "CLNDN=JOHNSMITH,johnsmith,Jane_Doe,John_Smith,Lynch_syndrome,Jane%20Doe;DP_doe_jane=5;"
        "smith_af=0.1 GT:PID:johnsmith_AD:lab_JohnSmith 0/1:JOHNSMITH:3:1 0/1:jane:4:2"
    )
    folder = tmp_path / "landing" / "genomics" / "one"
    folder.mkdir(parents=True)
    samples = ("JohnSmith", "Doe^Jane")
    (folder / "a.vcf").write_bytes(vcf(record, samples=samples, header=header))
    options = {"subjects": "per_record", "text_keys": ["lab_*"]}
    (folder / "delivery.json").write_text(json.dumps(options))
    lake = Lake(tmp_path / "lake")
    ingest_delivery(
        GENOMICS,
        "one",
        landing=tmp_path / "landing",
        lake=lake,
        identity=Identity(KeyRing(bytes(32)), tmp_path / "vault"),
    )
    every = "".join(content.lower() for _, content in contents(tmp_path / "lake"))
    assert "lynch_syndrome" in every
    assert not [name for name in ("smith", "jane", "doe^", "_doe") if name in every]
