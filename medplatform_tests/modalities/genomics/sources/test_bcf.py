"""BCF: the same rows as of the VCF, and damage that costs the damaged records alone."""

import gzip
import random
from pathlib import Path

import pysam.bcftools
import pytest

from medplatform.modalities.content import Failure
from medplatform.modalities.genomics.sources.bcf import BcfText, is_bcf, measure
from medplatform_tests.modalities.genomics.conftest import Read, crosswalk, vcf

HEADER = """\
##fileformat=VCFv4.2
##FILTER=<ID=PASS,Description="All filters passed">
##contig=<ID=chr1,length=248956422>
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO"""
RECORDS = [
    f"chr1 {position} rs{position} A G,T 50 PASS DP={position} GT 0/1 ./2|1"
    for position in range(100, 400)
]
TEXT = vcf(*RECORDS, header=HEADER)
CROSSWALK = crosswalk("S1", "S2")


@pytest.fixture(scope="module")
def bcf(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """`TEXT` as uncompressed BCF."""
    folder = tmp_path_factory.mktemp("bcf")
    (folder / "calls.vcf").write_bytes(TEXT)
    made = folder / "calls.bcf"
    pysam.bcftools.view(
        "--no-version", "-Ob", "-o", str(made), str(folder / "calls.vcf"), catch_stdout=False
    )
    return gzip.decompress(made.read_bytes())


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "compressed"])
def test_bcf_gives_the_rows_of_the_vcf(read: Read, bcf: bytes, compress) -> None:
    reading = read({"calls.bcf": compress(bcf), "calls.vcf": TEXT, "crosswalk.csv": CROSSWALK})
    assert reading.errors() == []
    reading.assert_counts_add_up()
    counts = {"variant": (300, 300, 0, 0, 0), "sample": (2, 2, 0, 0, 0)}
    assert reading.counts("calls.bcf") == reading.counts("calls.vcf") == counts
    for table in ("variant", "genotype", "sample"):
        rows = [
            {name: cell for name, cell in row.items() if name not in ("source_id", "cohort_id")}
            for row in reading.rows(f"genomics_{table}")
        ]
        half = len(rows) // 2
        assert rows[:half] == rows[half:]


@pytest.mark.parametrize("part", [0.9, 0.5, 0.05])
def test_a_truncated_file_keeps_its_whole_records(read: Read, bcf: bytes, part: float) -> None:
    content = bcf[: int(len(bcf) * part)]
    reading = read({"calls.bcf": content, "crosswalk.csv": CROSSWALK})
    assert ("file", 0, "file.bcf") in reading.errors()
    assert reading.counts("calls.bcf")["file"] == (1, 0, 1, 0, 0)
    reading.assert_counts_add_up()
    if part > 0.1:
        _, accepted, *_ = reading.counts("calls.bcf")["variant"]
        assert 100 < accepted < 300


def test_a_damaged_record_costs_what_stands_behind_it(read: Read, bcf: bytes) -> None:
    place = bcf.rindex(b"rs250")
    damaged = bcf[: place - 30] + b"\xff" * 30 + bcf[place:]
    reading = read({"calls.bcf": damaged, "crosswalk.csv": CROSSWALK})
    assert "file.bcf" in [code for *_, code in reading.errors()]
    reading.assert_counts_add_up()
    assert reading.counts("calls.bcf")["variant"][1] >= 140


def test_flipped_bits_never_end_the_reading(read: Read, bcf: bytes) -> None:
    files: dict[str, bytes | Path] = {"crosswalk.csv": CROSSWALK}
    chance = random.Random(5)
    for number in range(4):
        content = bytearray(bcf)
        for _ in range(24):
            content[chance.randrange(0 if number < 2 else 900, len(content))] ^= 1 << number
        files[f"flipped{number}.bcf"] = bytes(content)
    reading = read(files)
    assert reading.refusals()
    reading.assert_counts_add_up()


def test_a_checksum_that_does_not_fit_refuses_the_file(read: Read, bcf: bytes) -> None:
    content = bytearray(gzip.compress(bcf))
    content[-6] ^= 1
    reading = read({"calls.bcf": bytes(content), "crosswalk.csv": CROSSWALK})
    assert reading.errors() == [("file", 0, "file.corrupt")]
    reading.assert_counts_add_up()


def test_a_decoder_that_answers_nothing_is_ended(bcf: bytes, tmp_path: Path) -> None:
    path = tmp_path / "calls.bcf"
    path.write_bytes(bcf)
    with BcfText(path, patience_s=0) as text:
        assert text.read(10) == b""
        assert text.failure is Failure.BCF
        process = text._process
    assert process.poll() is not None


def test_records_are_counted_by_their_lengths(bcf: bytes, tmp_path: Path) -> None:
    path = tmp_path / "calls.bcf"
    path.write_bytes(bcf)
    assert is_bcf(path)
    assert measure(path) == (300, 2, True)
    path.write_bytes(bcf[:-1])
    assert measure(path) == (299, 2, False)
    path.write_bytes(bcf[:50])
    assert measure(path) == (0, None, False)


def test_a_header_that_is_longer_than_any_is_not_read(
    bcf: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "calls.bcf"
    path.write_bytes(bcf[:5] + (2**32 - 1).to_bytes(4, "little") + bcf[9:])
    assert measure(path) == (0, None, False)
    path.write_bytes(bcf)
    monkeypatch.setattr("medplatform.modalities.genomics.sources.bcf.MAX_HEADER_BYTES", 100)
    assert measure(path) == (0, None, False)


def test_a_long_header_is_read_whole(bcf: bytes, tmp_path: Path) -> None:
    size = int.from_bytes(bcf[5:9], "little") + (60 << 20)
    path = tmp_path / "calls.bcf"
    path.write_bytes(bcf[:5] + size.to_bytes(4, "little") + b"#" * (60 << 20) + bcf[9:])
    assert measure(path) == (300, 2, True)
