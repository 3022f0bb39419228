"""`python -m benchmarks.ehr`: the platform's way from FHIR to Parquet beside those of others.

Every measurement is two processes: one reads a few resources (what it takes to start: imports,
schemas, the first suite of rules), the other reads all, and the rate is that of what the second has
more. Candidates take turns, so that a busy machine is busy for all of them. CPU seconds are user
and system time of the whole process tree; the medians of the rounds are shown. This process stays
small, since the peak memory of a process counts from its parent's.
"""

import argparse
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.ehr.candidates import CANDIDATES, OUTPUT, PLATFORM, VALIDATING
from benchmarks.ehr.inputs import TYPES, write_beginning
from benchmarks.process import Process

START_BYTES = 64_000
SLOW_BYTES = 3_000_000
TIMES_LARGER = 4
"""How much larger the deliveries are with which more processes are measured."""
SCALINGS = (("one process", 1, 1), ("two workers", 1, 2), ("two deliveries", 2, 1))
"""What is measured in wall time: how many processes read a delivery each, with how many workers."""


class Bench:
    """Deliveries in a scratch folder, and what was measured with them."""

    def __init__(
        self, scratch: Path, size: int, types: Sequence[str], *, with_scaling: bool
    ) -> None:
        self._scratch = scratch
        self.folders = _write(scratch / "landing", size, types)
        larger = scratch / "large", TIMES_LARGER * size, types
        self._large = _write(*larger) if with_scaling else {}
        self._start = {n: write_beginning(f, START_BYTES) for n, f in self.folders.items()}
        self._slow = {n: write_beginning(f, SLOW_BYTES) for n, f in self.folders.items()}
        self.figures: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
        self.lost: dict[tuple[str, str], int] = {}

    def measure(self, resource_type: str, name: str) -> None:
        """Measure a candidate once."""
        folder = (self._slow if name in VALIDATING else self.folders)[resource_type]
        start, _ = self._run(resource_type, name, self._start[resource_type])
        run, peak = self._run(resource_type, name, folder)
        little, all_of_it = (
            _megabytes(each, resource_type, name) for each in (self._start[resource_type], folder)
        )
        self.figures[resource_type, name].append(
            {
                "start_s": start["cpu"],
                "rate": (all_of_it - little) / (run["cpu"] - start["cpu"]),
                "cold_rate": all_of_it / run["cpu"],
                "peak_mb": peak,
            }
        )

    def measure_scaling(self, resource_type: str) -> None:
        """Measure how much faster two processes are than one, in wall time from start to end."""
        folder = self._large[resource_type]
        megabytes = _megabytes(folder, resource_type, PLATFORM)
        self.figures[resource_type, "scaling"].append(
            {
                what: processes * megabytes / self._wall(resource_type, folder, processes, workers)
                for what, processes, workers in SCALINGS
            }
        )

    def _run(self, resource_type: str, name: str, folder: Path) -> tuple[dict[str, float], float]:
        out = self._scratch / "out"
        out.mkdir()
        result = Process("benchmarks.ehr.candidates", name, resource_type, folder, out).result()
        source, written = folder / f"{resource_type}.ndjson", out / OUTPUT
        is_whole = folder != self._start[resource_type]
        if is_whole and written.exists() and (resource_type, name) not in self.lost:
            losses = Process("benchmarks.ehr.losses", source, written)
            self.lost[resource_type, name], _ = losses.result()
        shutil.rmtree(out)
        return result

    def _wall(self, resource_type: str, folder: Path, processes: int, workers: int) -> float:
        """Seconds until all of some processes have read a delivery of their own."""
        outs = [self._scratch / f"out{number}" for number in range(processes)]
        for out in outs:
            out.mkdir()
        arguments = ("benchmarks.ehr.candidates", PLATFORM, resource_type, folder)
        running = [Process(*arguments, out, f"--workers={workers}") for out in outs]
        longest = max(each.result()[0]["wall"] for each in running)
        for out in outs:
            shutil.rmtree(out)
        return longest

    def figure(self, resource_type: str, name: str, what: str) -> float:
        """The median of what was measured."""
        return median(each[what] for each in self.figures[resource_type, name])


def _write(landing: Path, size: int, types: Sequence[str]) -> dict[str, Path]:
    written, _ = Process("benchmarks.ehr.inputs", landing, size, *types).result()
    return {name: Path(folder) for name, folder in written.items()}


def _megabytes(folder: Path, resource_type: str, name: str) -> float:
    """Of what a candidate reads: the platform has to read the Patients as well."""
    source = folder / f"{resource_type}.ndjson"
    paths = folder.glob("*.ndjson") if name == PLATFORM else [source]
    return sum(path.stat().st_size for path in paths) / 1e6


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="make bench-ehr BENCH_ARGS='…'")
    parser.add_argument("--mb", type=float, default=75, help="of each type (default: 75)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--types", nargs="+", choices=TYPES, default=TYPES[:3])
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--no-scaling", action="store_true", help="leave out the second table")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        size = int(given.mb * 1e6)
        bench = Bench(Path(scratch), size, given.types, with_scaling=not given.no_scaling)
        for _ in range(given.rounds):
            for resource_type in bench.folders:
                for name in given.candidates:
                    bench.measure(resource_type, name)
                if not given.no_scaling:
                    bench.measure_scaling(resource_type)
        print_candidates(bench, given.candidates)
        if not given.no_scaling:
            print_scaling(bench)


def print_candidates(bench: Bench, candidates: Sequence[str]) -> None:
    """What each candidate needs."""
    from medplatform.cli.terminal import print_table

    rows = []
    for resource_type in bench.folders:
        ours = bench.figure(resource_type, PLATFORM, "rate") if PLATFORM in candidates else 0
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


def print_scaling(bench: Bench) -> None:
    """What more processes bring."""
    from medplatform.cli.terminal import print_table

    rows = []
    for resource_type in bench.folders:
        one, *others = (bench.figure(resource_type, "scaling", what) for what, *_ in SCALINGS)
        row = {"type": resource_type, f"{SCALINGS[0][0]}, MB/s": one}
        for (what, *_), rate in zip(SCALINGS[1:], others, strict=True):
            row |= {f"{what}, MB/s": rate, f"{what}, times": f"{rate / one:.2f}"}
        rows.append(row)
    print_table("The same in wall time", rows)


if __name__ == "__main__":
    main()
