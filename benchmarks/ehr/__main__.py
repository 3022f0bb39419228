"""`python -m benchmarks.ehr`: the platform's way from FHIR to Parquet beside those of others.

Every measurement is a process of its own, which first reads a few resources (its start-up: imports,
schemas, the first suite of rules) and then all. Candidates take turns, so that a busy machine is
busy for all of them. CPU seconds are user and system time of the whole process tree; the medians
of the rounds are shown. This process stays small, since the peak memory of a process counts from
its parent's.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.ehr.candidates import CANDIDATES, OUTPUT, PLATFORM, VALIDATING
from benchmarks.ehr.inputs import TYPES, write_beginning

START_BYTES = 64_000
SLOW_BYTES = 3_000_000


def run(module: str, *arguments: object) -> tuple[Any, int]:
    """What a module prints, as JSON, and the peak memory of its process tree in kB."""
    command = [sys.executable, "-m", f"benchmarks.ehr.{module}", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    with process:
        assert process.stdout
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return json.loads(output.splitlines()[-1]), usage.ru_maxrss


class Bench:
    """Deliveries in a scratch folder, and what was measured with them."""

    def __init__(self, scratch: Path, size: int, types: Sequence[str]) -> None:
        self._scratch = scratch
        written, _ = run("inputs", scratch / "landing", size, *types)
        self.folders = {name: Path(folder) for name, folder in written.items()}
        self._start = {n: write_beginning(f, START_BYTES) for n, f in self.folders.items()}
        self._slow = {n: write_beginning(f, SLOW_BYTES) for n, f in self.folders.items()}
        self.figures: dict[tuple[str, str, int], list[dict[str, float]]] = defaultdict(list)
        self.lost: dict[tuple[str, str], int] = {}

    def measure(self, resource_type: str, name: str, workers: int = 1) -> None:
        """Measure a candidate once."""
        folder = (self._slow if name in VALIDATING else self.folders)[resource_type]
        out = self._scratch / "out"
        out.mkdir()
        figures, peak = run(
            "candidates",
            name,
            resource_type,
            self._start[resource_type],
            folder,
            out,
            f"--workers={workers}",
        )
        source = folder / f"{resource_type}.ndjson"
        paths = folder.glob("*.ndjson") if name == PLATFORM else [source]
        megabytes = sum(path.stat().st_size for path in paths) / 1e6
        self.figures[resource_type, name, workers].append(
            {
                "start_s": figures["start"]["cpu"],
                "rate": megabytes / figures["run"]["cpu"],
                "cold_rate": megabytes / (figures["start"]["cpu"] + figures["run"]["cpu"]),
                "wall_rate": megabytes / figures["run"]["wall"],
                "peak_mb": peak / 1e3,
            }
        )
        written = out / "run" / OUTPUT
        if written.exists() and (resource_type, name) not in self.lost:
            self.lost[resource_type, name], _ = run("losses", source, written)
        shutil.rmtree(out)

    def figure(self, resource_type: str, name: str, what: str, workers: int = 1) -> float:
        """The median of what was measured."""
        return median(each[what] for each in self.figures[resource_type, name, workers])


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="make bench-ehr BENCH_ARGS='…'")
    parser.add_argument("--mb", type=float, default=25, help="of each type (default: 25)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--types", nargs="+", choices=TYPES, default=TYPES[:3])
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--workers", type=int, default=2, help="processes, compared with one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), int(given.mb * 1e6), given.types)
        runs = [(t, name, 1) for t in bench.folders for name in given.candidates]
        if given.workers > 1:
            runs += [(t, PLATFORM, given.workers) for t in bench.folders]
        for _ in range(given.rounds):
            for each in runs:
                bench.measure(*each)
        print_tables(bench, given.candidates, given.workers)


def print_tables(bench: Bench, candidates: Sequence[str], workers: int) -> None:
    """One table of all candidates and one of more processes."""
    from medplatform.cli.terminal import print_table

    rows = []
    for resource_type in bench.folders:
        ours = bench.figure(resource_type, PLATFORM, "rate")
        for name in candidates:
            rate = bench.figure(resource_type, name, "rate")
            rows.append(
                {
                    "type": resource_type,
                    "candidate": name,
                    "MB/CPU-s": rate,
                    "medplatform is": f"{ours / rate:.1f} ×",
                    "start-up s": bench.figure(resource_type, name, "start_s"),
                    "MB/CPU-s with it": bench.figure(resource_type, name, "cold_rate"),
                    "peak MB": bench.figure(resource_type, name, "peak_mb"),
                    "values lost": bench.lost.get((resource_type, name), ""),
                }
            )
    print_table("FHIR NDJSON to Parquet", rows)
    if workers > 1:
        walls = [
            {
                "type": resource_type,
                "MB/s, 1 process": (one := bench.figure(resource_type, PLATFORM, "wall_rate")),
                f"MB/s, {workers}": (
                    many := bench.figure(resource_type, PLATFORM, "wall_rate", workers)
                ),
                "times": many / one,
            }
            for resource_type in bench.folders
        ]
        print_table("The same in wall time", walls)


if __name__ == "__main__":
    main()
