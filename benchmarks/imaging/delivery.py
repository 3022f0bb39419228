"""Whole deliveries of CT slices: the memory they take, and what more processes bring.

`python -m benchmarks.imaging.delivery FOLDER NUMBER SIDE` writes a delivery where there is none,
reads it into a fresh lake and prints wall and CPU seconds as JSON.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.imaging.frames import make_slice, save_slice


def write(folder: Path, number: int, side: int) -> None:
    """A closed delivery of slices of side x side pixels."""
    rng = np.random.default_rng(0)
    base = [make_slice(rng)[:side, :side] for _ in range(8)]
    draft = folder.with_name(f".{folder.name}")
    draft.mkdir(parents=True)
    for position in range(number):
        save_slice(base[position % len(base)] + position % 5, position, draft / f"{position}.dcm")
    (draft / "_DONE").touch()
    draft.rename(folder)


def read(folder: Path, workers: int) -> dict[str, float]:
    """Read the delivery into a lake of its own."""
    from medplatform.ingest import ingest_delivery
    from medplatform.lake import Lake
    from medplatform.modalities.imaging import Configuration, configure
    from medplatform.privacy import Identity, KeyRing

    with tempfile.TemporaryDirectory(dir=folder.parents[2]) as scratch:
        site = Path(scratch)
        landing = site / "landing" / "imaging"
        landing.mkdir(parents=True)
        (landing / folder.name).symlink_to(folder)
        start = time.perf_counter()
        receipt = ingest_delivery(
            configure(Configuration(workers=workers)),
            folder.name,
            landing=site / "landing",
            lake=Lake(site / "lake"),
            identity=Identity(KeyRing(b"b" * 32), site / "vault", default_system="urn:mrn"),
        )
        wall = time.perf_counter() - start
        if receipt.status != "published" or not receipt.entry or receipt.entry.refusals:
            raise RuntimeError(f"the delivery was {receipt.status}, or images of it were refused")
    times = os.times()
    cpu = times.user + times.system + times.children_user + times.children_system
    return {"wall": wall, "cpu": cpu}


def main() -> None:
    """Read one delivery."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("number", type=int)
    parser.add_argument("side", type=int)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    if not given.folder.exists():
        shutil.rmtree(given.folder.with_name(f".{given.folder.name}"), ignore_errors=True)
        write(given.folder, given.number, given.side)
    print(json.dumps(read(given.folder, given.workers)))


if __name__ == "__main__":
    main()
