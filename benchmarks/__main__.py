"""`python -m benchmarks`: how fast deliveries enter the lake, and how much memory that takes.

Each row is a process of its own, so that peak memory belongs to one modality and one size. CPU
seconds are those of the process and its children; the rates are per CPU second, because wall time
says more about the machine than about the code.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from medplatform.cli.terminal import print_table
from medplatform.ingest import ingest_pending
from medplatform.lake import Lake
from medplatform.modalities import MODALITIES
from medplatform.privacy import Identity, KeyRing
from medplatform.synthetic import write_cohort

SIZES = (500, 2000)
IDENTIFIER_SYSTEM = "urn:example:mrn"


def measure(root: Path, modality: str) -> dict[str, float]:
    """Ingest the waiting deliveries of one modality in this process."""
    identity = Identity(KeyRing(b"b" * 32), root / "vault", default_system=IDENTIFIER_SYSTEM)
    before = _cpu_seconds()
    receipts = ingest_pending(
        MODALITIES[modality],
        landing=root / "landing",
        lake=Lake(root / "lake"),
        identity=identity,
        quiet_period_s=0,
    )
    entries = [receipt.entry for receipt in receipts if receipt.entry]
    return {
        "records": sum(c.delivered for e in entries for c in e.counts().values()),
        "megabytes": sum(s.bytes for e in entries for s in e.sources) / 1e6,
        "cpu_s": _cpu_seconds() - before,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def main() -> None:
    """Measure every modality at every size and print the table."""
    rows = []
    for patients in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write_cohort(
                root / "landing",
                root / "reference",
                delivery="cohort",
                patients=patients,
                imaging_patients=patients // 4,
                seed=1,
                identifier_system=IDENTIFIER_SYSTEM,
            )
            for modality in MODALITIES:
                command = [sys.executable, "-m", "benchmarks", str(root), modality]
                output = subprocess.run(command, check=True, capture_output=True).stdout
                figures = json.loads(output.splitlines()[-1])
                rows.append(
                    {
                        "modality": modality,
                        "patients": patients,
                        **figures,
                        "records_per_cpu_s": figures["records"] / figures["cpu_s"],
                    }
                )
    print_table("Deliveries into the lake, validation included", rows)


def _cpu_seconds() -> float:
    usages = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])))
    else:
        main()
