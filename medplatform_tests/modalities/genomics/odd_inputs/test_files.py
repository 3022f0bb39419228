"""Odd files: of odd headers, line ends and compression, with three good records each."""

import gzip
from collections.abc import Callable

import pytest

from medplatform.modalities.content import BGZF_END
from medplatform_tests.modalities.genomics.conftest import Read, Reading, crosswalk, vcf
from medplatform_tests.modalities.genomics.odd_inputs.conftest import HEADER, ReadFile, good
from medplatform_tests.modalities.genomics.test_files import bgzip

POSITIONS = [100, 200, 300]
GOOD = vcf(*map(good, POSITIONS), header=HEADER)
LINES = HEADER.count("\n") + 1
MANY = [good(position) for position in range(1, 1001)]


def without(start: str) -> bytes:
    """The good file without the header lines of a kind."""
    lines = GOOD.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(start.encode()))


def gzip_in_two(content: bytes) -> bytes:
    """Gzip of two members, the first of which ends within a line."""
    return gzip.compress(content[:777]) + gzip.compress(content[777:])


def positions(reading: Reading) -> list[int]:
    return [row["position"] for row in reading.rows("genomics_variant")]


READ_AS_IF_PLAIN: dict[str, tuple[bytes, list[tuple[int, str]]]] = {
    "no contig declared": (without("##contig"), [(0, "build.unknown")]),
    "line ends of Windows": (GOOD.replace(b"\n", b"\r\n"), []),
    "no ##fileformat": (without("##fileformat"), [(0, "header.no_version")]),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, []),
    "plain gzip": (gzip.compress(GOOD), []),
    "bgzip without its end block": (
        bgzip(GOOD).removesuffix(BGZF_END),
        [(0, "file.no_end_block")],
    ),
    "gzip of several members": (gzip_in_two(GOOD), []),
}


@pytest.mark.parametrize(("content", "remarks"), READ_AS_IF_PLAIN.values(), ids=READ_AS_IF_PLAIN)
def test_read_as_if_plain(
    read_file: ReadFile, content: bytes, remarks: list[tuple[int, str]]
) -> None:
    reading = read_file(content)
    assert reading.errors() == []
    assert reading.warnings() == remarks
    assert reading.counts("calls.vcf") == {
        "variant": (3, 3, 0, 0, 0),
        "sample": (2, 2, 0, 0, 0),
    }
    names = ("position", "quality", "filters", "info_DP", "info_AF", "alternate_counts")
    assert [tuple(row[name] for name in names) for row in reading.rows("genomics_variant")] == [
        (position, 50.0, ["PASS"], 10, [0.5], [1]) for position in POSITIONS
    ]


ALL_REFUSED = {
    "spaces for all tabs": (GOOD.replace(b"\t", b" "), "header.columns"),
    "positions of another build than the header names": (
        vcf(
            "chr12 21178615 rs4149056 T C 50 PASS . GT 0/1 0/0",
            header=HEADER.replace("ID=chr1,length=248956422>", "ID=chr12>\n##reference=GRCh37.fa"),
        ),
        "build.conflict",
    ),
}


@pytest.mark.parametrize(("content", "code"), ALL_REFUSED.values(), ids=ALL_REFUSED)
def test_all_records_refused(read_file: ReadFile, content: bytes, code: str) -> None:
    reading = read_file(content)
    assert reading.errors() == [("file", 0, code)]
    number = content.count(b"\nchr")
    assert reading.counts("calls.vcf")["variant"] == (number, 0, number, 0, 0)
    assert positions(reading) == []


@pytest.mark.parametrize("compress", [gzip.compress, bgzip], ids=["gzip", "bgzip"])
def test_broken_off(read_file: ReadFile, compress: Callable[[bytes], bytes]) -> None:
    """Whole lines up to the break are read, the one that it is within is refused."""
    content = compress(vcf(*MANY, header=HEADER))
    reading = read_file(content[: len(content) // 2])
    delivered, accepted, quarantined, *_ = reading.counts("calls.vcf")["variant"]
    assert 0 < accepted < len(MANY)
    assert positions(reading) == list(range(1, accepted + 1))
    codes = [("file", 0, "file.truncated")]
    if delivered > accepted:
        codes.insert(0, ("variant", LINES + delivered, "line.truncated"))
    assert reading.errors() == codes
    assert reading.counts("calls.vcf")["file"] == (1, 0, 1, 0, 0)
    assert quarantined == delivered - accepted


def test_no_records(read_file: ReadFile) -> None:
    reading = read_file(vcf(header=HEADER))
    assert reading.refusals() == []
    assert reading.counts("calls.vcf") == {"variant": (0, 0, 0, 0, 0), "sample": (2, 2, 0, 0, 0)}
    assert [row["call_rate"] for row in reading.rows("genomics_sample")] == [None, None]


def test_format_without_samples(read_file: ReadFile) -> None:
    records = [f"chr1 {position} . A G 50 PASS DP=10 GT" for position in POSITIONS]
    reading = read_file(vcf(*records, samples=(), header=f"{HEADER}\tFORMAT"))
    assert reading.errors() == [("header", LINES, "header.format_alone")]
    assert positions(reading) == POSITIONS
    assert reading.rows("genomics_genotype") == []


def test_two_samples_of_one_name(read: Read) -> None:
    record = "chr1 100 . A G 50 PASS . GT 0/1 1/1 0/0"
    content = vcf(record, samples=("S1", "S1", "S2"), header=HEADER)
    reading = read({"calls.vcf": content, "crosswalk.csv": crosswalk("S1", "S2")})
    assert reading.errors() == [
        ("sample", 1, "sample.duplicate"),
        ("sample", 2, "sample.duplicate"),
    ]
    assert reading.counts("calls.vcf")["sample"] == (3, 1, 2, 0, 0)
    (variant,) = reading.rows("genomics_variant")
    assert (variant["called_count"], variant["alternate_counts"]) == (2, [0])
