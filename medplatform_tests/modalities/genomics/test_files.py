"""Files: headers, builds, compression, damage, and files that are no VCF."""

import gzip
import io

import pytest

from medplatform.modalities.content import BGZF_END, Failure, find_failure
from medplatform.modalities.genomics.reference.build import BuildConflict, name_build, resolve_build
from medplatform.modalities.genomics.sources.lines import LineReader, Lines
from medplatform_tests.modalities.genomics.conftest import HEADER, Read, crosswalk, vcf

RECORDS = [f"chr1 {position} . A G 50 PASS . GT 0/1 0/0" for position in range(100, 3100)]
CROSSWALK = crosswalk("S1", "S2")


def bgzip(content: bytes, block: int = 4000) -> bytes:
    """BGZF (SAM specification, section 4.1): gzip members that state their size."""
    members = []
    for start in range(0, len(content), block):
        stream = io.BytesIO()
        with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as file:
            file.write(content[start : start + block])
        body = stream.getvalue()[10:]
        size = (len(body) + 18 - 1).to_bytes(2, "little")
        members.append(BGZF_END[:12] + b"BC\x02\x00" + size + body)
    return b"".join(members) + BGZF_END


@pytest.mark.parametrize(
    "compress",
    [
        bytes,
        gzip.compress,
        bgzip,
        lambda text: gzip.compress(text[:500]) + gzip.compress(text[500:]),
        lambda text: gzip.compress(text) + bytes(512),
        lambda text: b"\xef\xbb\xbf" + text,
    ],
    ids=["plain", "gzip", "bgzip", "two members", "padded", "byte order mark"],
)
def test_compression_changes_nothing(read: Read, compress) -> None:
    reading = read({"calls.vcf.gz": compress(vcf(*RECORDS)), "crosswalk.csv": CROSSWALK})
    assert reading.refusals() == []
    assert reading.counts("calls.vcf.gz") == {
        "variant": (3000, 3000, 0, 0, 0),
        "sample": (2, 2, 0, 0, 0),
    }
    assert reading.rows("genomics_variant")[-1]["record_number"] == 3003
    reading.assert_counts_add_up()


@pytest.mark.parametrize("compress", [gzip.compress, bgzip])
def test_a_truncated_file_keeps_its_whole_lines(read: Read, compress) -> None:
    content = compress(vcf(*RECORDS))
    reading = read({"calls.vcf.gz": content[: len(content) // 2], "crosswalk.csv": CROSSWALK})
    delivered, accepted, quarantined, *_ = reading.counts("calls.vcf.gz")["variant"]
    assert 0 < accepted < 3000
    assert (delivered, quarantined) in [(accepted, 0), (accepted + 1, 1)]
    assert reading.counts("calls.vcf.gz")["file"] == (1, 0, 1, 0, 0)
    assert ("file", 0, "file.truncated") in reading.errors()
    assert {row["position"] for row in reading.rows("genomics_variant")} == set(
        range(100, 100 + accepted)
    )
    reading.assert_counts_add_up()


def test_every_place_to_truncate_is_accounted_for(read: Read, tmp_path) -> None:
    """Also within the header and the line #CHROM, whose last name would be another sample's."""
    content = gzip.compress(vcf("chr1 1 . A G . . . GT 0/1 0/0", samples=("S1", "S11")), 0)
    cuts = range(20, len(content), 7)
    files = {f"cut{cut}.vcf.gz": content[:cut] for cut in cuts}
    reading = read({**files, "crosswalk.csv": crosswalk("S1", "S11")})
    reading.assert_counts_add_up()
    assert len([code for *_, code in reading.errors() if code != "line.truncated"]) >= len(cuts) - 1
    for row in reading.rows("genomics_sample"):
        assert row["sample_index"] in (0, 1)
    indices = {(row["sample_id"], row["sample_index"]) for row in reading.rows("genomics_sample")}
    assert len(indices) == 2


def test_a_damaged_file_gives_nothing(read: Read) -> None:
    """A checksum that does not fit is found before the first line is believed."""
    content = bytearray(gzip.compress(vcf(*RECORDS)))
    content[-6] ^= 1
    reading = read({"calls.vcf.gz": bytes(content), "crosswalk.csv": CROSSWALK})
    assert reading.errors() == [("file", 0, "file.corrupt")]
    assert reading.rows("genomics_variant") == []
    reading.assert_counts_add_up()


def test_bgzip_without_its_end_block_is_suspected(read: Read) -> None:
    content = bgzip(vcf(*RECORDS)).removesuffix(BGZF_END)
    reading = read({"calls.vcf.gz": content, "crosswalk.csv": CROSSWALK})
    assert reading.warnings() == [(0, "file.no_end_block")]
    assert len(reading.rows("genomics_variant")) == 3000


def test_a_line_without_end_stops_the_file(tmp_path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"short\n" + b"x" * 1000 + b"\nafter\n")
    with LineReader(path, max_line_bytes=100) as lines:
        assert lines.read_line() == b"short"
        assert lines.read_line() == b"x" * 100
        assert lines.read_line() is None
        assert lines.failure is Failure.LINE_TOO_LONG
        assert lines.is_cut


@pytest.mark.parametrize("size", [1, 2, 5, 1 << 20])
def test_offsets_and_numbers_survive_any_batching(tmp_path, size: int) -> None:
    path = tmp_path / "lines"
    content = b"a\r\n\nccc\ndd"
    path.write_bytes(content)
    with LineReader(path) as lines:
        found = []
        while (batch := lines.read_batch(size)) is not None:
            found += [
                (batch.first_number + row, int(batch.offsets[row]), text)
                for row, text in enumerate(batch.texts)
            ]
    assert found == [(1, 0, b"a"), (2, 3, b""), (3, 4, b"ccc"), (4, 8, b"dd")]
    assert find_failure(path) is None


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "header.missing"),
        (b"just text\n", "header.missing"),
        (vcf(RECORDS[0]).split(b"\n", 2)[2].split(b"\n", 1)[1], "header.missing"),
        (b"BCF\x02\x02rest", "file.bcf"),
        (gzip.compress(b"BCF\x02\x02rest", mtime=0), "file.bcf"),
        (gzip.compress(b"BAM\x01rest", mtime=0), "file.alignment"),
        (bytes(range(256)) * 10, "header.missing"),
    ],
)
def test_what_is_no_vcf_is_refused_as_a_file(read: Read, content: bytes, code: str) -> None:
    reading = read({"x.vcf": content, "crosswalk.csv": CROSSWALK})
    assert reading.errors() == [("file", 0, code)]
    assert reading.counts("x.vcf") == {"file": (1, 0, 1, 0, 0)}
    reading.assert_counts_add_up()


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (HEADER.replace("VCFv4.2", "VCFv3.3"), "header.version"),
        (HEADER.replace("\tPOS", "\tSTART"), "header.columns"),
        (HEADER.replace("\t", " "), "header.columns"),
        ("##reference=GRCh37.fa\n" + HEADER, "build.conflict"),
        (HEADER.replace("#CHROM", "##contig=<ID=2,length=243199373>\n#CHROM"), "build.conflict"),
    ],
)
def test_an_unusable_header_refuses_all_records(read: Read, header: str, code: str) -> None:
    reading = read({"x.vcf": vcf(*RECORDS[:3], header=header), "crosswalk.csv": CROSSWALK})
    assert reading.errors() == [("file", 0, code)]
    assert reading.counts("x.vcf")["variant"] == (3, 0, 3, 0, 0)
    assert reading.rows("genomics_variant") == []
    reading.assert_counts_add_up()


@pytest.mark.parametrize("limit", ["MAX_HEADER_BYTES", "MAX_HEADER_LINES", "MAX_SAMPLES"])
def test_a_header_beyond_all_measure_refuses_the_file(
    read: Read, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(f"medplatform.modalities.genomics.header.header.{limit}", 1)
    record = "chr1 100 . A G . . . GT 0/1 0/0"
    reading = read({"calls.vcf": vcf(record), "crosswalk.csv": crosswalk("S1", "S2")})
    assert ("file", 0, "header.too_large") in reading.errors()
    assert reading.counts("calls.vcf") == {"variant": (1, 0, 1, 0, 0), "sample": (2, 0, 2, 0, 0)}
    reading.assert_counts_add_up()


def test_carriage_returns_before_a_line_end_are_no_text() -> None:
    content = b"a\r\nb" + b"\r" * 1000 + b"\n\r\r\n\r\nc\rd\n"
    assert Lines.split(1, 0, content).texts == [b"a", b"b", b"", b"", b"c\rd"]


def test_a_batch_of_short_lines_is_limited_by_their_number(tmp_path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"0123456\n" * 10_000)
    with LineReader(path) as reader:
        batches = list(iter(lambda: reader.read_batch(1 << 20, 100), None))
    assert sum(map(len, batches)) == 10_000
    assert all(len(batch) == 100 for batch in batches[1:-1])


def test_a_declared_build_counts_as_evidence(read: Read) -> None:
    header = "\n".join(line for line in HEADER.splitlines() if "contig" not in line)
    reading = read(
        {"x.vcf": vcf(RECORDS[0], header=header), "crosswalk.csv": CROSSWALK}, genome_build="GRCh37"
    )
    (first, _) = reading.rows("genomics_sample")
    assert (first["genome_build"], first["build_evidence"]) == ("GRCh37", "delivery.json")


def test_a_declaration_against_the_contigs_refuses_the_file(read: Read) -> None:
    reading = read({"x.vcf": vcf(RECORDS[0]), "crosswalk.csv": CROSSWALK}, genome_build="GRCh37")
    assert reading.errors() == [("file", 0, "build.conflict")]


def test_an_unknown_build_is_remarked(read: Read) -> None:
    header = HEADER.replace("248956422", "1000000")
    reading = read({"x.vcf": vcf(RECORDS[0], header=header), "crosswalk.csv": CROSSWALK})
    assert reading.warnings() == [(0, "build.unknown")]
    assert reading.rows("genomics_variant")[0]["genome_build"] is None


def test_a_file_without_version_is_read_with_a_remark(read: Read) -> None:
    content = vcf(RECORDS[0]).split(b"\n", 1)[1]
    reading = read({"x.vcf": content, "crosswalk.csv": CROSSWALK})
    assert reading.warnings() == [(0, "header.no_version")]
    assert len(reading.rows("genomics_variant")) == 1


def test_an_index_stays_in_landing(read: Read) -> None:
    reading = read({"x.vcf.gz.tbi": bgzip(b"TBI\x01" + bytes(100)), "crosswalk.csv": CROSSWALK})
    assert reading.counts("x.vcf.gz.tbi") == {"file": (1, 0, 0, 0, 1)}
    reading.assert_counts_add_up()


def test_the_same_file_twice_is_read_once(read: Read) -> None:
    content = vcf(*RECORDS[:2])
    reading = read({"a.vcf": content, "b.vcf": content, "crosswalk.csv": CROSSWALK})
    assert reading.errors() == [("file", 0, "file.duplicate")]
    assert reading.counts("a.vcf") == {"variant": (4, 2, 2, 0, 0), "sample": (4, 2, 2, 0, 0)}
    reading.assert_counts_add_up()


@pytest.mark.parametrize(
    ("text", "build"),
    [
        ("file:///refs/human_g1k_v37.fasta", "GRCh37"),
        ("b37", "GRCh37"),
        ("hg38", "GRCh38"),
        ("Homo_sapiens_assembly38.20.21.fasta", "GRCh38"),
        ("1000GenomesPilot-NCBI36", "NCBI36"),
        ("hg38_lifted_from_hg19.fa", None),
        ("ref.fa", None),
    ],
)
def test_names_of_assemblies(text: str, build: str | None) -> None:
    assert name_build(text) == build


def test_evidence_must_agree() -> None:
    build = resolve_build({"chr22": 50818468, "chr1": 12}, ["GRCh38.fa"], "GRCh38")
    assert build.name == "GRCh38"
    assert build.evidence == ("contig lengths", "delivery.json", "header text")
    with pytest.raises(BuildConflict, match=r"GRCh37: header text; GRCh38: contig lengths"):
        resolve_build({"chr22": 50818468}, ["hs37d5.fa"], None)
