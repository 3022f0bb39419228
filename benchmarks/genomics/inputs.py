"""Inputs of the benchmark: public call sets, repeated at other positions until they are large.

`python -m benchmarks.genomics.inputs KIND COPIES FOLDER` writes one delivery, in a process of its
own, because the peak memory of a candidate counts from that of its parent.

The copies of a call set follow each other on the first contig of its header, so positions stay
sorted and no two records are the same. Sample columns are turned by one with each copy, so no two
copies have the same genotypes either; and where samples have more than GT, their numbers of two
digits or more vary from copy to copy, since depths and likelihoods seldom repeat.
"""

import argparse
import gzip
import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIXED_COLUMNS = 8
FIRST_SAMPLE = 9
FIRST_POSITION = 10_000
CALLS = "calls.vcf.gz"
_CHR22 = (
    "vcf/opencga/opencga-storage/opencga-storage-core/src/test/resources/10k.chr22.phase3_shapeit2"
    "_mvncall_integrated_v5.20130502.genotypes.vcf.gz"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What an input is made of, and how often it is repeated where nothing else is said."""

    path: str
    copies: int
    has_samples: bool
    about: str


KINDS = {
    "gt": Kind(_CHR22, 4, has_samples=True, about="2,504 samples, GT (1000 Genomes, chr22)"),
    "sites": Kind(_CHR22, 60, has_samples=False, about="no samples, 24 INFO (1000 Genomes, chr22)"),
    "format": Kind(
        "vcf/bio2zarr/tests/data/vcf/chr22.vcf.gz",
        160,
        has_samples=True,
        about="100 samples, GT:AB:AD:DP:GQ:PL, 26 INFO (GATK joint calls, chr22)",
    ),
}
"""Paths are those in the folder of the public data."""
_LENGTH = re.compile(rb"##contig=<ID=([^,>]+).*?length=(\d+)")
_END = re.compile(rb"(^|;)END=(\d+)")
_NUMBER = re.compile(rb"\d{2,}")
VARIATION = 60
"""What is added to a number at most."""


def find_calls(kind: str) -> Path:
    """The call set, beside the checkout or where `MEDPLATFORM_TEST_DATA` says."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    path = Path(os.environ.get("MEDPLATFORM_TEST_DATA", beside)) / KINDS[kind].path
    if not path.exists():
        raise SystemExit(f"There is no {path}: name the public data in MEDPLATFORM_TEST_DATA.")
    return path


def write_delivery(kind: str, copies: int, folder: Path) -> dict[str, int]:
    """Write a closed delivery of one file, in BGZF. Returns its plain size, records and samples."""
    from pysam import BGZFile

    header, records = _read(find_calls(kind), has_samples=KINDS[kind].has_samples)
    folder.mkdir(parents=True)
    size = len(header)
    with BGZFile(str(folder / CALLS), "wb") as stream:
        stream.write(header)
        for text in repeat(header, records, copies):
            stream.write(text)
            size += len(text)
    (folder / "delivery.json").write_text('{"subjects": "per_record"}')
    (folder / "_DONE").touch()
    samples = header.splitlines()[-1].count(b"\t") + 1 - FIRST_SAMPLE
    return {"bytes": size, "records": copies * len(records), "samples": max(0, samples)}


def write_beginning(kind: str, records: int, folder: Path) -> None:
    """Write a delivery of the first records of a call set."""
    header, lines = _read(find_calls(kind), has_samples=KINDS[kind].has_samples)
    folder.mkdir(parents=True)
    text = header + b"".join(b"\t".join(line) + b"\n" for line in lines[:records])
    (folder / CALLS).write_bytes(gzip.compress(text, 1))
    (folder / "delivery.json").write_text('{"subjects": "per_record"}')
    (folder / "_DONE").touch()


def repeat(header: bytes, records: list[list[bytes]], copies: int) -> Iterator[bytes]:
    """The text of each copy."""
    contig, length = _LENGTH.findall(header)[0]
    starts = [int(fields[1]) for fields in records]
    span = max(int(f[1]) + len(f[3]) for f in records) - starts[0] + 1
    if FIRST_POSITION + copies * span > int(length):
        raise SystemExit(f"{copies} copies do not fit on the first contig of the call set.")
    rng = random.Random(0)
    for copy in range(copies):
        shift = FIRST_POSITION + copy * span - starts[0]
        lines = (_vary(_shift(fields, contig, shift, copy), rng) for fields in records)
        yield b"".join(b"\t".join(line) + b"\n" for line in lines)


def _shift(fields: list[bytes], contig: bytes, shift: int, turn: int) -> list[bytes]:
    info = _END.sub(lambda match: b"%sEND=%d" % (match[1], int(match[2]) + shift), fields[7])
    moved = [contig, b"%d" % (int(fields[1]) + shift), *fields[2:7], info, *fields[8:FIRST_SAMPLE]]
    samples = fields[FIRST_SAMPLE:]
    turn %= len(samples) or 1
    return [*moved, *samples[turn:], *samples[:turn]]


def _vary(fields: list[bytes], rng: random.Random) -> list[bytes]:
    if fields[FIRST_SAMPLE - 1 : FIRST_SAMPLE] in ([], [b"GT"]):
        return fields
    text = b"\t".join(fields[FIRST_SAMPLE:])
    varied = _NUMBER.sub(
        lambda match: b"%d" % (int(match[0]) + int(rng.random() * VARIATION)), text
    )
    return [*fields[:FIRST_SAMPLE], varied]


def _read(path: Path, *, has_samples: bool) -> tuple[bytes, list[list[bytes]]]:
    lines = gzip.decompress(path.read_bytes()).splitlines()
    first = next(number for number, line in enumerate(lines) if line[:2] != b"##") + 1
    columns = None if has_samples else FIXED_COLUMNS
    head = [*lines[: first - 1], b"\t".join(lines[first - 1].split(b"\t")[:columns])]
    return b"\n".join(head) + b"\n", [line.split(b"\t")[:columns] for line in lines[first:]]


def main() -> None:
    """Write one delivery; without copies, one of a few records."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("copies", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, help="of a delivery that is not repeated")
    given = parser.parse_args()
    if given.records:
        print(json.dumps(write_beginning(given.kind, given.records, given.folder)))
    else:
        print(json.dumps(write_delivery(given.kind, given.copies, given.folder)))


if __name__ == "__main__":
    main()
