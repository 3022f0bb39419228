"""`python -m benchmarks.imaging`: images from file to table, from table to training, beside others.

Every candidate runs in a process of its own, and candidates take turns, so that a busy machine is
busy for all of them. The medians of the rounds are shown.
"""

import argparse
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.imaging import cache, frames, header
from benchmarks.process import Process

FEW, MANY, SMALL = 500, 5000, 64
"""Files of the deliveries that show how memory grows, and their edge in pixels."""
SCALED = 2000
"""Files of 512 x 512 of the deliveries that are read by more processes."""

Row = dict[str, Any]


class Bench:
    """A scratch folder and how often everything is measured in it."""

    def __init__(self, scratch: Path, rounds: int) -> None:
        self.scratch = scratch
        self.rounds = rounds

    def rates(
        self, module: str, names: Iterable[str], arguments: Callable[[str], tuple[object, ...]]
    ) -> list[Row]:
        """The rates of candidates, the platform's first, and how many times theirs it is."""
        figures: dict[str, list[tuple[Any, float]]] = defaultdict(list)
        for _ in range(self.rounds):
            for name in names:
                figures[name].append(Process(module, *arguments(name)).result())
        rates = {n: median(result["rate"] for result, _ in each) for n, each in figures.items()}
        ours = next(iter(rates.values()))
        return [
            {
                "candidate": name,
                "per CPU-s": rate,
                f"{next(iter(rates))} is": f"{ours / rate:.1f} ×",
                "peak MB": median(peak for _, peak in figures[name]),
            }
            for name, rate in rates.items()
        ]

    def headers(self) -> list[Row]:
        """From DICOM files to a table of their headers."""
        folder = self.scratch / "headers"
        self._write("headers", folder)
        return self.rates(
            "benchmarks.imaging.header", header.CANDIDATES, lambda name: (name, folder)
        )

    def frames(self) -> list[Row]:
        """Frames in random order, from what they can be kept in."""
        folder = self._frames()
        return self.rates(
            "benchmarks.imaging.frames", frames.CANDIDATES, lambda name: (name, folder)
        )

    def cache(self) -> list[Row]:
        """Training images in random order."""
        folder = self._frames()
        if not (folder / cache.CACHES).exists():
            self._write("cache", folder)
        return self.rates(
            "benchmarks.imaging.cache", cache.READERS, lambda name: ("read", name, folder)
        )

    def variation(self) -> list[Row]:
        """Random flips, turns, crops and intensities of images with their masks."""
        names = [n for n in cache.VARIERS if shutil.which("nvidia-smi") or "GPU" not in n]
        return self.rates("benchmarks.imaging.cache", names, lambda name: ("vary", name))

    def memory(self) -> list[Row]:
        """The peak memory of the largest process, for deliveries of few and many files."""
        rows = []
        for number in (FEW, MANY):
            result, peak = self._read(f"of-{number}", number, SMALL)
            rows.append(
                {"files": number, "peak MB": peak, "files per CPU-s": number / result["cpu"]}
            )
        return rows

    def scaling(self) -> list[Row]:
        """What more processes bring, in wall time from start to end."""
        rows = []
        for what, deliveries, workers in (
            ("one process", 1, 1),
            ("two workers", 1, 2),
            ("two deliveries", 2, 1),
        ):
            rates = [self._wall_rate(deliveries, workers) for _ in range(self.rounds)]
            rows.append({"read by": what, "files/s": median(rates)})
        one = rows[0]["files/s"]
        return [row | {"times": f"{row['files/s'] / one:.2f}"} for row in rows]

    def _frames(self) -> Path:
        folder = self.scratch / "frames"
        if not folder.exists():
            self._write("frames", folder)
        return folder

    def _write(self, kind: str, folder: Path) -> None:
        Process("benchmarks.imaging.inputs", kind, folder).result()

    def _read(self, name: str, number: int, side: int) -> tuple[Any, float]:
        return self._start(name, number, side, 1).result()

    def _start(self, name: str, number: int, side: int, workers: int) -> Process:
        folder = self.scratch / "deliveries" / "imaging" / name
        arguments = (folder, number, side, f"--workers={workers}")
        return Process("benchmarks.imaging.delivery", *arguments)

    def _wall_rate(self, deliveries: int, workers: int) -> float:
        names = [f"scaled-{number}" for number in range(deliveries)]
        running = [self._start(name, SCALED, frames.SIDE, workers) for name in names]
        longest = max(each.result()[0]["wall"] for each in running)
        return deliveries * SCALED / longest


TABLES: dict[str, tuple[str, Callable[[Bench], list[Row]]]] = {
    "headers": ("DICOM headers to Parquet, files", Bench.headers),
    "frames": ("Single frames of 512 x 512 int16 in random order", Bench.frames),
    "cache": ("Training images of 512 x 512 int16 in random order", Bench.cache),
    "variation": ("Random variation of images with masks", Bench.variation),
    "memory": ("Deliveries of small images, in one process", Bench.memory),
    "scaling": ("Deliveries of 512 x 512 images, in wall time", Bench.scaling),
}


def main() -> None:
    """Measure and print the tables."""
    from medplatform.cli.terminal import print_table

    parser = argparse.ArgumentParser(prog="make bench-imaging BENCH_ARGS='…'")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), given.rounds)
        for name in given.tables:
            title, measure = TABLES[name]
            print_table(title, measure(bench))


if __name__ == "__main__":
    main()
