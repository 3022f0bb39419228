"""Ways from VCF to Parquet: the platform's own, and what else a Python user has.

Each is a function of a delivery (its folder) and a folder to write into.
`python -m benchmarks.genomics.candidates NAME FOLDER OUT` runs one in a process of its own and
prints the CPU and wall seconds it took as JSON.
"""

import argparse
import json
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.genomics.inputs import CALLS

COMPRESSION = "zstd"
OUTPUT = "all.parquet"

Candidate = Callable[[Path, Path], None]


def medplatform(folder: Path, out: Path) -> None:
    """Judged, de-identified, typed and packed tables, validated and published."""
    from medplatform.ingest import ingest_delivery
    from medplatform.lake import Lake
    from medplatform.modalities.genomics import GENOMICS
    from medplatform.privacy import Identity, KeyRing

    receipt = ingest_delivery(
        GENOMICS,
        folder.name,
        landing=folder.parents[1],
        lake=Lake(out / "lake"),
        identity=Identity(KeyRing(b"b" * 32), out / "vault"),
    )
    if receipt.status != "published" or not receipt.entry or receipt.entry.refusals:
        raise RuntimeError(f"the delivery was {receipt.status}, or records of it were refused")


def bcftools(folder: Path, out: Path) -> None:
    """What htslib needs to parse the text and no more: uncompressed BCF, thrown away."""
    command = ["bcftools", "view", "-Ou", str(folder / CALLS)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def cyvcf2(folder: Path, out: Path) -> None:
    """cyvcf2 to pyarrow: fields typed by the header, lists as lists."""
    from benchmarks.genomics.lists import write_lists

    write_lists(folder / CALLS, out / OUTPUT, COMPRESSION)


PLATFORM, HTSLIB, PYTHON = "medplatform", "bcftools view -Ou", "cyvcf2 to Parquet"
CANDIDATES: dict[str, Candidate] = {
    PLATFORM: medplatform,
    HTSLIB: bcftools,
    PYTHON: cyvcf2,
}


def _cpu_seconds() -> float:
    usages = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Run one candidate in this process and print what it took, in seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=CANDIDATES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    cpu, wall = _cpu_seconds(), time.monotonic()
    CANDIDATES[given.name](given.folder, given.out)
    print(json.dumps({"cpu": _cpu_seconds() - cpu, "wall": time.monotonic() - wall}))


if __name__ == "__main__":
    main()
