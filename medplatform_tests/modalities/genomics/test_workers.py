"""Several processes read a delivery to the same rows, refusals and counts as one."""

import gzip
import json
from pathlib import Path

import pytest

from medplatform.lake import Stage
from medplatform.modalities.delivery import Source, open_delivery
from medplatform.modalities.genomics import Configuration, configure, workers
from medplatform.modalities.genomics.linkage import Linkage
from medplatform.modalities.genomics.workers import Context, Task, WorkerDied, read_files
from medplatform.privacy import Identity
from medplatform_tests.modalities.genomics.conftest import Reading, crosswalk, vcf

RECORDS = [f"chr1 {position} . A G 50 PASS . GT 0/1 1/1" for position in range(100, 600)]
FILES = {
    "a.vcf": vcf(*RECORDS),
    "b.vcf.gz": gzip.compress(vcf(*RECORDS[:50], "chr1 x . A G . . . GT 0/1 0/0")),
    "copy.vcf": vcf(*RECORDS),
    "c.vcf": vcf(RECORDS[0], samples=("S3", "S9")),
    "broken.vcf": b"no VCF",
    "crosswalk.csv": crosswalk("S1", "S2", "S3", "S4"),
}


def read_with(number: int, root: Path, identity: Identity) -> Reading:
    folder = root / "landing" / "genomics" / "several"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    delivery = open_delivery(root / "landing", "genomics", "several")
    stage = Stage(root / f"stage-{number}", "g0")
    seen: list[tuple[int, int]] = []
    configure(Configuration(workers=number)).read(
        delivery, stage, identity, lambda _what, done, total: seen.append((done, total))
    )
    assert seen[-1] == (len(FILES), len(FILES))
    stage.close()
    return Reading(delivery, stage, identity)


def rows(reading: Reading, table: str) -> list[str]:
    return sorted(json.dumps(row, default=repr) for row in reading.stage.read(table).to_pylist())


def test_two_processes_give_what_one_gives(tmp_path: Path, identity: Identity) -> None:
    one, two = (read_with(number, tmp_path, identity) for number in (1, 2))
    assert one.stage.tables() == two.stage.tables()
    for table in (*one.stage.tables(), "quarantine"):
        assert rows(one, table) == rows(two, table)
    assert one.stage.counts == two.stage.counts
    assert one.stage.refusals == two.stage.refusals
    assert (3, "crosswalk.unknown_sample") not in two.warnings()
    assert (5, "crosswalk.unknown_sample") in two.warnings()
    two.assert_counts_add_up()


def test_a_worker_that_dies_is_told_from_a_bad_file(
    tmp_path: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "landing" / "genomics" / "one"
    folder.mkdir(parents=True)
    (folder / "a.vcf").write_bytes(FILES["a.vcf"])
    delivery = open_delivery(tmp_path / "landing", "genomics", "one")
    stage = Stage(tmp_path / "stage", "g0")
    context = Context(
        delivery, identity, Linkage(delivery, stage, identity), Configuration(workers=2)
    )
    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    source: Source = delivery.sources[0]
    with pytest.raises(WorkerDied, match="MEDPLATFORM_GENOMICS_WORKERS"):
        list(read_files(context, stage, [Task(source, 1), Task(source, 2)]))
