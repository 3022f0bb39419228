"""`python -m benchmarks.fuzz_genomics [RUNS] [SEED] [VCF_DATA]`: damaged call sets, read whole.

Each run damages one small VCF file (fields swapped and made odd; bytes of lines flipped, inserted,
deleted and cut; lines moved and repeated; the header damaged; BGZF, gzip and BCF damaged) and reads
it from its file to its tables. Whatever was done to it,

- the reader does not raise,
- as many records are delivered as the independent count finds, and each is accepted, quarantined,
  kept or blank,
- where the header is whole, each line that was not touched has exactly the rows that it has when
  the file is whole; only a touched line before it may make it a duplicate or number its id,
- where a compressed file is cut, each line that was read has those rows too.

VCF_DATA is a folder of VCF files, the first lines of which are damaged beside those that are made
up here. A run that breaks a rule leaves its file in `fuzz/`.
"""

import gzip
import random
import re
import sys
import tempfile
import traceback
import zlib
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.genomics.vandal import CallSet, Vandal, parse
from benchmarks.genomics.variants import CALL_SETS
from medplatform.lake import Lake, Stage
from medplatform.modalities.delivery import Delivery, open_delivery
from medplatform.modalities.genomics import GENOMICS
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity, KeyRing

FILE = "calls.vcf"
MOST_BYTES = 200_000
"""Of a file that is damaged."""
DUPLICATE = "record.duplicate"
_REPETITION = re.compile(r"#\d+(?=')")
"""Behind the id of a record whose id another has as well."""
OF_THE_FILE = ("source_id", "cohort_id", "record_number")
"""Columns that say where a row comes from."""
Rows = dict[int, list[str]]
"""Number of a record in its file -> its rows in all tables, as text, without `OF_THE_FILE`."""


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
        elif rows is not None and _plain(rows, was_suspect) != _plain(expected, was_suspect):
            return f"line {number} has other rows:\n{rows}\ninstead of\n{expected}"
    return ""


def _plain(rows: list[str], was_suspect: bool) -> list[str]:
    return [_REPETITION.sub("", row) for row in rows] if was_suspect else rows


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
