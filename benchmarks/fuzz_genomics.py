"""`python -m benchmarks.fuzz_genomics [RUNS] [SEED] [VCF_DATA]`: damaged call sets, read whole.

Each run damages one small VCF file (fields swapped and made odd; bytes of lines flipped, inserted,
deleted and cut; lines moved and repeated; the header damaged; BGZF, gzip and BCF damaged) and reads
it from its file to its tables. Whatever was done to it,

- the reader does not raise,
- as many records are delivered as the independent count finds, and each is accepted, quarantined,
  kept or blank,
- where the header is whole, each line that was not touched has exactly the rows that it has when
  the file is whole; it may be refused only as a duplicate of a touched line before it,
- where a compressed file is cut, each line that was read has those rows too.

VCF_DATA is a folder of VCF files, the first lines of which are damaged beside those that are made
up here. A run that breaks a rule leaves its file in `fuzz/`.
"""

import gzip
import random
import struct
import sys
import tempfile
import traceback
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.genomics.variants import CALL_SETS
from medplatform.lake import Lake, Stage
from medplatform.modalities.delivery import Delivery, open_delivery
from medplatform.modalities.genomics import GENOMICS
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity, KeyRing

FILE = "calls.vcf"
MOST_LINES, MOST_BYTES = 30, 200_000
"""Of a file of the folder, what is damaged."""
DUPLICATE = "record.duplicate"
OF_THE_FILE = ("source_id", "cohort_id", "record_number")
"""Columns that say where a row comes from."""
_ODD = (
    *(b"", b".", b"0", b"-1", b"1.5", b"99999999999", b"1e400", b"nan", b"inf", b" ", b"\xff"),
    *(b"PASS", b"A,C,G", b"<DEL>", b"N]1:5]", b"*", b"./.", b"0/9", b"0|1|2", b"1/", b"|", b"DP=x"),
    *(b"END=1", b"AC=1,2,3", b";;", b"=", b"GT:GT", b":::", b",,,", b"\xe2\x82\xac", b"x" * 300),
)

Rows = dict[int, list[str]]
"""Number of a record in its file -> its rows in all tables, as text, without `OF_THE_FILE`."""


class Line(NamedTuple):
    """A line of a file: its bytes without the end, and the number of the record it was, if any."""

    text: bytes
    origin: int | None


@dataclass(slots=True)
class CallSet:
    """A VCF file as its parts, damaged or not."""

    header: bytes
    lines: list[Line]
    is_header_whole: bool = True
    end: bytes = b"\n"
    wrap: Callable[[bytes], bytes] | None = None
    is_cut: bool = field(default=False)
    """Whether what is read of it are its first lines, unchanged."""

    def content(self) -> bytes:
        """The file."""
        text = self.header + b"".join(line.text + self.end for line in self.lines)
        return self.wrap(text) if self.wrap else text


def parse(text: bytes) -> CallSet | None:
    """The first lines of a VCF file as a call set; nothing where it has no header."""
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    first = next((n for n, line in enumerate(lines) if line.startswith(b"#CHROM")), None)
    if first is None:
        return None
    body = [line for line in lines[first + 1 :] if line.strip()][:MOST_LINES]
    header = b"\n".join(lines[: first + 1]) + b"\n"
    return CallSet(header, [Line(line, number) for number, line in enumerate(body, 1)])


class Vandal:
    """Damages call sets at random."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._to_line: list[Callable[[bytes], bytes]] = [
            *(self._flip, self._insert, self._delete, self._cut, self._splice),
            *(self._swap_fields, self._odd_field, self._odd_field, self._odd_item, self._odd_item),
        ]
        self._to_bytes: list[Callable[[bytes], bytes]] = [
            *(self._flip, self._insert, self._delete, self._cut, self._splice),
        ]
        self._forms: list[Callable[[CallSet], None]] = [
            *([_leave] * 6 + [_carriage_returns, _byte_order_mark, _gzip, _bgzip]),
            *(self._cut_file, self._damage_bgzf, self._damage_gzip, self._damage_bcf),
        ]

    def damage(self, whole: CallSet) -> CallSet:
        """A damaged copy."""
        rng = self._rng
        self._whole = whole.content()
        damaged = CallSet(whole.header, list(whole.lines))
        for _ in range(rng.choice([0, 1, 1, 2, 3, 6])):
            self._damage_line(damaged.lines)
        if rng.random() < 0.3:
            rng.choice([self._move, self._repeat])(damaged.lines)
        if rng.random() < 0.2:
            damaged.header = rng.choice(self._to_bytes)(damaged.header)
            damaged.is_header_whole = damaged.header == whole.header
        rng.choice(self._forms)(damaged)
        return damaged

    def _damage_line(self, lines: list[Line]) -> None:
        if not lines:
            return
        place = self._rng.randrange(len(lines))
        damaged = self._rng.choice(self._to_line)(lines[place].text)
        if damaged != lines[place].text:
            lines[place : place + 1] = [Line(text, None) for text in damaged.split(b"\n")]

    def _move(self, lines: list[Line]) -> None:
        if lines:
            line = lines.pop(self._rng.randrange(len(lines)))
            lines.insert(self._rng.randrange(len(lines) + 1), line)

    def _repeat(self, lines: list[Line]) -> None:
        if lines:
            text = self._rng.choice(lines).text
            lines.insert(self._rng.randrange(len(lines) + 1), Line(text, None))

    def _place(self, data: bytes) -> int:
        return self._rng.randrange(len(data) + 1)

    def _flip(self, data: bytes) -> bytes:
        place = self._place(data)
        return data[:place] + bytes([self._rng.randrange(256)]) + data[place + 1 :]

    def _insert(self, data: bytes) -> bytes:
        place = self._place(data)
        pieces = (b"\t", b"\n", b"\r", b"\0", b",", b";", b":", b"|", b"#", b"\t\t", *_ODD)
        return data[:place] + self._rng.choice(pieces) + data[place:]

    def _delete(self, data: bytes) -> bytes:
        place = self._place(data)
        return data[:place] + data[place + self._rng.choice([1, 1, 2, 10, 100]) :]

    def _cut(self, data: bytes) -> bytes:
        return data[: self._place(data)]

    def _splice(self, data: bytes) -> bytes:
        start, place = self._place(data), self._place(data)
        return data[:place] + data[start : start + self._rng.choice([1, 5, 40])] + data[place:]

    def _swap_fields(self, line: bytes) -> bytes:
        fields = line.split(b"\t")
        one, other = self._rng.randrange(len(fields)), self._rng.randrange(len(fields))
        fields[one], fields[other] = fields[other], fields[one]
        return b"\t".join(fields)

    def _odd_field(self, line: bytes) -> bytes:
        return self._replace_one(line, b"\t")

    def _odd_item(self, line: bytes) -> bytes:
        """Another value, name or list of a field that has several."""
        fields = line.split(b"\t")
        place = self._rng.randrange(len(fields))
        fields[place] = self._replace_one(fields[place], self._rng.choice([b";", b":", b",", b"="]))
        return b"\t".join(fields)

    def _replace_one(self, text: bytes, separator: bytes) -> bytes:
        items = text.split(separator)
        items[self._rng.randrange(len(items))] = self._rng.choice(_ODD)
        return separator.join(items)

    def _cut_file(self, calls: CallSet) -> None:
        """Compressed and cut: each block holds few lines, so that some come out whole."""
        wrap = self._rng.choice([_as_blocks, gzip.compress])
        calls.wrap = lambda text: wrap(text)[: self._place(text)]
        calls.is_cut = True

    def _damage_bgzf(self, calls: CallSet) -> None:
        self._damage_compressed(calls, _as_blocks)

    def _damage_gzip(self, calls: CallSet) -> None:
        self._damage_compressed(calls, gzip.compress)

    def _damage_bcf(self, calls: CallSet) -> None:
        """BCF of the whole file, damaged before or after it was compressed."""
        in_content = self._rng.random() < 0.7

        def wrap(text: bytes) -> bytes:
            content = _as_bcf(self._whole)
            if content is None:
                return text
            if in_content:
                return _as_blocks(self._rng.choice(self._to_bytes)(content))
            return self._rng.choice(self._to_bytes)(_as_blocks(content))

        calls.wrap, calls.is_header_whole = wrap, False

    def _damage_compressed(self, calls: CallSet, compress: Callable[[bytes], bytes]) -> None:
        damage = self._rng.choice(self._to_bytes)
        calls.wrap, calls.is_header_whole = lambda text: damage(compress(text)), False


def _leave(calls: CallSet) -> None:
    """Plain text."""


def _carriage_returns(calls: CallSet) -> None:
    calls.end = b"\r\n"


def _byte_order_mark(calls: CallSet) -> None:
    calls.wrap = lambda text: b"\xef\xbb\xbf" + text


def _gzip(calls: CallSet) -> None:
    calls.wrap = gzip.compress


def _bgzip(calls: CallSet) -> None:
    calls.wrap = _as_blocks


def _as_blocks(text: bytes, size: int = 1500) -> bytes:
    """BGZF of small blocks, closed by an empty one (SAM specification, section 4.1)."""
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return b"".join(_block(piece) for piece in [*pieces, b""])


def _block(content: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    data = deflate.compress(content) + deflate.flush()
    head = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff\x06\0BC\x02\0"
    size = struct.pack("<H", len(head) + 2 + len(data) + 8 - 1)
    return head + size + data + struct.pack("<II", zlib.crc32(content), len(content))


def _as_bcf(text: bytes) -> bytes | None:
    """Uncompressed BCF of a whole call set; nothing where htslib cannot read it."""
    import pysam

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a.vcf"), Path(folder, "a.bcf")
        source.write_bytes(text)
        verbosity = pysam.set_verbosity(0)
        try:
            with (
                pysam.VariantFile(str(source)) as reader,
                pysam.VariantFile(str(target), "wbu", header=reader.header) as writer,
            ):
                for record in reader:
                    writer.write(record)
        except (OSError, ValueError):
            return None
        finally:
            pysam.set_verbosity(verbosity)
        return target.read_bytes()


class Result(NamedTuple):
    """What came of reading a file."""

    problem: str
    rows: Rows
    codes: dict[int, set[str]]
    """Number of a record -> the codes of the reasons why it was refused."""


class Reading:
    """Reads files one by one, and looks at what comes of them."""

    def __init__(self, vault: Path) -> None:
        self._identity = Identity(KeyRing(bytes(range(32))), vault)
        self._whole: dict[bytes, Result] = {}
        self.outcomes: Counter[str] = Counter()

    def check(self, whole: CallSet, damaged: CallSet, content: bytes) -> str:
        """Read a damaged call set; what is wrong with the result, or nothing."""
        known = self._whole.get(whole.content())
        if known is None:
            known = self._whole[whole.content()] = self.read(whole.content())
            if known.problem:
                return f"undamaged: {known.problem}"
        result = self.read(content)
        if result.problem or not damaged.is_header_whole:
            return result.problem
        return find_loss(whole, known, damaged, result)

    def read(self, content: bytes) -> Result:
        """Read a file to its tables."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "landing", "genomics", "d")
            folder.mkdir(parents=True)
            (folder / FILE).write_bytes(content)
            (folder / "delivery.json").write_text('{"subjects": "per_record"}')
            delivery = open_delivery(folder.parents[1], "genomics", "d")
            with Lake(Path(scratch, "lake")).stage("genomics", "d", "g") as stage:
                try:
                    GENOMICS.read(delivery, stage, self._identity, silent)
                    stage.close()
                    problem = _miscounted(delivery, stage)
                except Exception:  # noqa: BLE001 - any exception is what is looked for
                    return Result(traceback.format_exc(), {}, {})
                self.outcomes.update(stage.refusals)
                self.outcomes["accepted"] += sum(c.accepted for c in stage.counts.values())
                self.outcomes["delivered"] += sum(c.delivered for c in stage.counts.values())
                return Result(problem, _rows(stage), _codes(stage))


def _miscounted(delivery: Delivery, stage: Stage) -> str:
    recount: Counter[tuple[str, str]] = Counter()
    for source in delivery.sources:
        for unit, records in GENOMICS.count_records(source).items():
            recount[source.source_id, unit] += records
    counts = {key: counts.delivered for key, counts in stage.counts.items()}
    if not all(each.is_balanced for each in stage.counts.values()) or +recount != +Counter(counts):
        return f"{dict(stage.counts)}, but {dict(recount)} were counted"
    return ""


def _rows(stage: Stage) -> Rows:
    rows: Rows = defaultdict(list)
    for name in sorted(stage.tables()):
        if name not in ("quarantine", "genomics_sample"):
            for row in stage.read(name).to_pylist():
                kept = {
                    key: value
                    for key, value in sorted(row.items())
                    if key not in OF_THE_FILE and value is not None
                }
                rows[row["record_number"]].append(f"{name}: {kept}")
    return {number: sorted(texts) for number, texts in rows.items()}


def _codes(stage: Stage) -> dict[int, set[str]]:
    codes: dict[int, set[str]] = defaultdict(set)
    if stage.refusals:
        for row in stage.read("quarantine").to_pylist():
            if row["severity"] == "error" and row["unit"] == "variant":
                codes[row["record_number"]].add(row["code"])
    return codes


def find_loss(whole: CallSet, known: Result, damaged: CallSet, result: Result) -> str:
    """The first line that was not touched and does not have the rows it has in the whole file."""
    first = whole.header.count(b"\n")
    was_suspect = False
    for number, line in enumerate(damaged.lines, first + 1):
        expected = known.rows.get(first + line.origin) if line.origin else None
        rows = result.rows.get(number)
        if expected is None:
            was_suspect = True
        elif rows is None and not damaged.is_cut:
            is_excused = was_suspect and result.codes.get(number) == {DUPLICATE}
            if not is_excused:
                return f"line {number} was lost: {result.codes.get(number) or 'without a reason'}"
        elif rows is not None and rows != expected:
            return f"line {number} has other rows:\n{rows}\ninstead of\n{expected}"
    return ""


def read_corpus(folder: Path | None) -> list[CallSet]:
    """Call sets to damage: those made up here, and the beginnings of the files of a folder."""
    texts = list(CALL_SETS)
    for path in sorted(folder.rglob("*.vcf*")) if folder else []:
        if path.is_file() and path.suffix in (".vcf", ".gz"):
            data = path.read_bytes()
            with suppress(OSError, EOFError, zlib.error):
                texts.append(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    parsed = (parse(text) for text in texts)
    return [calls for calls in parsed if calls and len(calls.content()) <= MOST_BYTES]


def fuzz(
    runs: int, seed: int, corpus: list[CallSet], scratch: Path
) -> tuple[dict[int, tuple[str, bytes]], Counter[str]]:
    """What broke a rule, by the number of the run, with its file; and all outcomes."""
    broken = {}
    reading = Reading(scratch / "vault")
    for run in range(runs):
        rng = random.Random(seed * 1_000_003 + run)
        whole = rng.choice(corpus)
        damaged = Vandal(rng).damage(whole)
        content = damaged.content()
        if problem := reading.check(whole, damaged, content):
            broken[run] = problem, content
    return broken, reading.outcomes


def main(runs: int = 1000, seed: int = 0, folder: Path | None = None) -> int:
    """Print what was found; the number of broken rules, at most 1 as an exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        broken, outcomes = fuzz(runs, seed, read_corpus(folder), Path(scratch))
    for run, (problem, content) in broken.items():
        kept = Path("fuzz") / f"{seed}-{run}.vcf"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(content)
        print(f"run {run} (file {kept}):\n{problem}")
    for outcome, amount in outcomes.most_common():
        print(f"{amount:>10}  {outcome}")
    print(f"{runs} runs, {len(broken)} broken")
    return min(len(broken), 1)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:3]]
    sys.exit(main(*numbers, *map(Path, sys.argv[3:4])))
