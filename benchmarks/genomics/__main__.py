"""`python -m benchmarks.genomics`: the platform's way from VCF to Parquet beside those of others.

Every measurement of the platform is two processes: one reads a few records (what it takes to start:
imports, schemas, the first suite of rules), the other reads all, and the difference is what the
records cost. Candidates take turns, so that a busy machine is busy for all of them. CPU seconds are
user and system time of the whole process tree; the medians of the rounds are shown. This process
stays small, since the peak memory of a process counts from its parent's.
"""

import argparse
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.genomics.candidates import CANDIDATES, HTSLIB, PLATFORM, PYTHON
from benchmarks.genomics.inputs import KINDS
from benchmarks.process import Process

START_RECORDS = 20
SMALLER = 4
"""How much smaller the delivery is that shows how memory grows."""
PUBLISHED: dict[str, dict[str, float]] = {"sites": {"polars-bio 0.36, measured apart": 5.8}}
"""CPU seconds of readers that cannot be installed beside the platform, as multiples of those of
`bcftools view -Ou` on a file of the same making, measured in an environment of their own."""

Row = dict[str, Any]
Runs = dict[str, list[dict[str, float]]]


class Bench:
    """Deliveries in a folder, and how often everything is measured with them."""

    def __init__(self, folder: Path, rounds: int, times: float) -> None:
        self._folder = folder
        self._rounds = rounds
        self._times = times

    def compare(self, kind: str) -> list[Row]:
        """What each candidate takes for the same file."""
        delivery, size = self._delivery(kind)
        start = self._beginning(kind)
        runs: Runs = defaultdict(list)
        for _ in range(self._rounds):
            for name in CANDIDATES:
                run = self._run(name, delivery)
                run["start"] = self._run(name, start)["cpu"]
                runs[name].append(run)
        cpu = {n: median(run["cpu"] - run["start"] for run in each) for n, each in runs.items()}
        rows = [
            {
                "candidate": name,
                "CPU s": seconds,
                "of bcftools": f"{seconds / cpu[HTSLIB]:.2f} ×",
                "of cyvcf2": f"{seconds / cpu[PYTHON]:.2f} ×",
                "MB/CPU-s": size["bytes"] / 1e6 / seconds,
                "records/CPU-s": round(size["records"] / seconds),
                "start-up CPU s": median(run["start"] for run in runs[name]),
                "peak MB": round(median(run["peak"] for run in runs[name])),
            }
            for name, seconds in cpu.items()
        ]
        return rows + [
            dict.fromkeys(rows[0]) | {"candidate": name, "of bcftools": f"{ratio:.2f} ×"}
            for name, ratio in PUBLISHED.get(kind, {}).items()
        ]

    def scaling(self) -> list[Row]:
        """Two deliveries, one after the other and in two processes, from start to end."""
        rows = []
        for kind in KINDS:
            delivery, size = self._delivery(kind)
            walls: dict[int, list[float]] = defaultdict(list)
            for _ in range(self._rounds):
                for processes in (1, 2):
                    walls[processes].append(self._wall(delivery, processes))
            one, two = 2 * median(walls[1]), median(walls[2])
            rows.append(
                {
                    "kind": kind,
                    "two, one after the other, s": one,
                    "two processes, s": two,
                    "times": f"{one / two:.2f}",
                    "MB/s, two processes": 2 * size["bytes"] / 1e6 / two,
                }
            )
        return rows

    def memory(self) -> list[Row]:
        """The platform's peak memory for a file, and for one of a quarter of its size."""
        rows = []
        for kind in KINDS:
            for part in (1 / SMALLER, 1.0):
                delivery, size = self._delivery(kind, part)
                peaks = [self._run(PLATFORM, delivery)["peak"] for _ in range(self._rounds)]
                rows.append(
                    {
                        "kind": kind,
                        "plain MB": round(size["bytes"] / 1e6),
                        "records": size["records"],
                        "samples": size["samples"],
                        "peak MB": round(median(peaks)),
                    }
                )
        return rows

    def _delivery(self, kind: str, part: float = 1.0) -> tuple[Path, dict[str, int]]:
        """A delivery, written where it is not there yet, and what is in it."""
        copies = max(1, round(KINDS[kind].copies * self._times * part))
        folder = self._folder / "landing" / "genomics" / f"{kind}-{copies}"
        note = self._folder / f"{folder.name}.json"
        if not note.exists():
            shutil.rmtree(folder, ignore_errors=True)
            arguments = ("benchmarks.genomics.inputs", kind, copies, folder)
            written, _ = Process(*arguments).result()
            note.write_text(json.dumps(written))
        return folder, json.loads(note.read_text())

    def _beginning(self, kind: str) -> Path:
        folder = self._folder / "landing" / "genomics" / f"{kind}-start"
        if not folder.exists():
            records = f"--records={START_RECORDS}"
            Process("benchmarks.genomics.inputs", kind, 1, folder, records).result()
        return folder

    def _run(self, name: str, delivery: Path) -> dict[str, float]:
        with tempfile.TemporaryDirectory(dir=self._folder) as out:
            run, peak = Process("benchmarks.genomics.candidates", name, delivery, out).result()
        return run | {"peak": peak}

    def _wall(self, delivery: Path, processes: int) -> float:
        """Seconds until each of some processes has read the delivery into a lake of its own."""
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            outs = [Path(scratch, str(number)) for number in range(processes)]
            for out in outs:
                out.mkdir()
            arguments = ("benchmarks.genomics.candidates", PLATFORM, delivery)
            running = [Process(*arguments, out) for out in outs]
            return max(each.result()[0]["wall"] for each in running)


TABLES: dict[str, tuple[str, Callable[[Bench], list[Row]]]] = {
    **{
        kind: (f"VCF to Parquet: {KINDS[kind].about}", partial(Bench.compare, kind=kind))
        for kind in KINDS
    },
    "scaling": ("Two deliveries, in wall time", Bench.scaling),
    "memory": ("Peak memory of one process", Bench.memory),
}


def main() -> None:
    """Measure and print the tables."""
    from medplatform.cli.terminal import print_table

    parser = argparse.ArgumentParser(prog="make bench-genomics BENCH_ARGS='…'")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument(
        "--times", type=float, default=1, help="the size of the inputs (default: 1)"
    )
    parser.add_argument("--inputs", type=Path, help="keep the inputs there, for other runs")
    given = parser.parse_args()
    if shutil.which("bcftools") is None:
        raise SystemExit("bcftools is not here: make system-packages")
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench((given.inputs or Path(scratch)).resolve(), given.rounds, given.times)
        for name in given.tables:
            title, measure = TABLES[name]
            print_table(title, measure(bench))


if __name__ == "__main__":
    main()
