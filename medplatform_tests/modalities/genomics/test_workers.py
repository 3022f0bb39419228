"""Several processes read a delivery to the same rows, refusals and counts as one."""

import errno
import gzip
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from medplatform.lake import Stage
from medplatform.modalities.delivery import Source, open_delivery
from medplatform.modalities.genomics import Configuration, configure, workers
from medplatform.modalities.genomics.samples.linkage import Linkage
from medplatform.modalities.genomics.selection import Selection
from medplatform.modalities.genomics.workers import (
    Context,
    Task,
    WorkerDied,
    WorkerFailed,
    read_files,
)
from medplatform.privacy import Identity, KeyRing
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


class Troubled(Identity):
    """Does what its name says when the samples of a file are written, behind its records."""

    trouble = ""

    def token(self, kind: str, value: str) -> str:
        if value == "S1" and self.trouble == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if value == "S1" and self.trouble == "defect":
            raise LookupError(f"{value} is of a person")
        if value == "S1" and self.trouble == "disk":
            raise OSError(errno.ENOSPC, "No space left", f"/home/{value}")
        if value == "S9":
            time.sleep(60)
        return super().token(kind, value)


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Several":
    """Reads a file in one process, where there is trouble, while another process takes long."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))

    @contextmanager
    def read_several(trouble: str) -> Iterator[Iterator[Source]]:
        folder = tmp_path / "landing" / "genomics" / "two"
        folder.mkdir(parents=True)
        for name in ("a.vcf", "c.vcf", "crosswalk.csv"):
            (folder / name).write_bytes(FILES[name])
        delivery = open_delivery(tmp_path / "landing", "genomics", "two")
        stage = Stage(tmp_path / "stage", "g0")
        identity = Troubled(KeyRing(bytes(32)), tmp_path / "vault")
        identity.trouble = trouble
        linkage = Linkage(delivery, stage, identity)
        context = Context(
            delivery, identity, linkage, Configuration(workers=2), Selection(delivery)
        )
        tasks = [Task(source, 1) for source in delivery.sources if source.path.suffix == ".vcf"]
        began = time.monotonic()
        yield read_files(context, stage, tasks)
        assert time.monotonic() - began < 30

    return read_several


Several = Callable[[str], AbstractContextManager[Iterator[Source]]]


def test_an_exception_in_a_worker_is_told_by_its_name_alone(
    several: Several, capfd: pytest.CaptureFixture[str]
) -> None:
    with several("defect") as done, pytest.raises(WorkerFailed, match="LookupError") as raised:
        list(done)
    assert "S1" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_in_a_worker_is_told_as_one(several: Several) -> None:
    with several("disk") as done, pytest.raises(OSError, match="No space left") as raised:
        list(done)
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename is None


def test_a_full_disk_in_the_stage_of_the_delivery_is_no_death_of_a_worker(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absorb(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(Stage, "absorb", absorb)
    with several("") as done, pytest.raises(OSError, match="No space left"):
        list(done)


def test_a_worker_that_is_killed_ends_the_others(several: Several) -> None:
    with several("kill") as done, pytest.raises(WorkerDied, match="MEDPLATFORM_GENOMICS_WORKERS"):
        list(done)


def test_a_worker_that_dies_is_told_from_a_bad_file(
    tmp_path: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "landing" / "genomics" / "one"
    folder.mkdir(parents=True)
    (folder / "a.vcf").write_bytes(FILES["a.vcf"])
    delivery = open_delivery(tmp_path / "landing", "genomics", "one")
    stage = Stage(tmp_path / "stage", "g0")
    linkage = Linkage(delivery, stage, identity)
    context = Context(delivery, identity, linkage, Configuration(workers=2), Selection(delivery))
    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    source: Source = delivery.sources[0]
    with pytest.raises(WorkerDied, match="MEDPLATFORM_GENOMICS_WORKERS"):
        list(read_files(context, stage, [Task(source, 1), Task(source, 2)]))
