"""A process killed at any moment of an ingest, two at once, a full disk: the lake stays right.

Children are forked from a server that has the imports done, so that a run costs milliseconds.
They are killed at file operations (counted by an audit hook), which is where half-done work could
show, and at random times between them.
"""

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from medplatform.ingest import ingest_delivery
from medplatform.lake import Lake, LakeError
from medplatform_tests.toy import READING, TOY, deliver_lines, toy_identity

FILE_EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(
    ["medplatform.ingest", "medplatform_tests.toy", "great_expectations.expectations", "pandas"]
)


def ingest(root: Path, name: str, again: bool = False) -> None:
    ingest_delivery(
        TOY,
        name,
        landing=root / "landing",
        lake=Lake(root / "lake"),
        identity=toy_identity(root / "vault"),
        again=again,
    )


def ingest_and_die(root: Path, name: str, at_event: int, again: bool = False) -> None:
    """Ingest, but be killed at the given file operation below the root."""
    seen = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event in FILE_EVENTS and str(root) in str(arguments[0]):
            seen += 1
            if seen == at_event:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    ingest(root, name, again)
    (root / "events").write_text(str(seen))


def ingest_with_small_files(root: Path, name: str) -> None:
    """Ingest where no file may outgrow the vault's: what a full disk looks like to the writer."""
    toy_identity(root / "vault")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limit = (root / "vault" / "identity.sqlite").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        ingest(root, name)
    except LakeError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        (root / "error").write_text(str(error))


def run(target, *arguments) -> int:
    process = FORKS.Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def deliver_readings(root: Path, name: str, lines: int = 400) -> None:
    text = "".join(f"p{i % 7},{i % 100}\n" for i in range(lines)) + "broken line\n"
    deliver_lines(root / "landing", name, {"a.txt": text, "b.txt": f"p1,{len(name)}\n"})


OLD = (401, 0.0)
NEW = (1, 99.0)


def change_readings(root: Path, name: str) -> None:
    folder = root / "landing" / "toy" / name
    (folder / "a.txt").write_text("p1,99\n")
    (folder / "b.txt").unlink()


def restore_readings(root: Path, name: str) -> None:
    shutil.rmtree(root / "landing" / "toy" / name)
    deliver_readings(root, name)


def visible(root: Path) -> tuple[int, float]:
    """How many readings there are, and the least of them."""
    values = Lake(root / "lake").scan(READING).collect()["value"].to_list()
    return len(values), min(values)


def tree(root: Path) -> dict[str, str]:
    """Every file of the lake with its digest; the times in ledger entries aside."""
    content = {}
    for path in sorted((root / "lake").rglob("*")):
        if path.is_file() and path.suffix == ".json":
            entry = json.loads(path.read_bytes())
            facts = {k: v for k, v in entry.items() if not k.endswith("_at")}
            content[str(path.relative_to(root))] = json.dumps(facts, sort_keys=True)
        elif path.is_file() and path.suffix != ".lock":
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            content[str(path.relative_to(root))] = digest
    return content


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("undisturbed")
    deliver_readings(root, "d1")
    assert run(ingest_and_die, root, "d1", -1) == 0
    return root


def test_a_run_killed_at_any_file_operation_leaves_nothing_behind(
    undisturbed: Path, tmp_path: Path
) -> None:
    events = int((undisturbed / "events").read_text())
    assert events >= 12
    for event in range(1, events + 1, 2):
        root = tmp_path / str(event)
        deliver_readings(root, "d1")
        assert run(ingest_and_die, root, "d1", event) == -signal.SIGKILL
        published = Lake(root / "lake").rows(READING.name)
        assert published in (0, 401), f"half a delivery is visible after event {event}"
        assert run(ingest, root, "d1") == 0
        assert tree(root) == tree(undisturbed), f"killed at event {event} of {events}"


def test_a_new_reading_killed_at_any_file_operation_shows_the_old_rows_or_the_new(
    undisturbed: Path, tmp_path: Path
) -> None:
    root = tmp_path / "whole"
    shutil.copytree(undisturbed, root)
    change_readings(root, "d1")
    assert run(ingest_and_die, root, "d1", -1, True) == 0
    assert visible(root) == NEW
    events = int((root / "events").read_text())
    assert events >= 12
    seen = []
    for event in range(2, events + 1, 2):
        root = tmp_path / str(event)
        shutil.copytree(undisturbed, root)
        change_readings(root, "d1")
        assert run(ingest_and_die, root, "d1", event, True) == -signal.SIGKILL
        seen.append(visible(root))
        assert seen[-1] in (OLD, NEW), f"half a delivery is visible after event {event}"
        if seen[-1] == OLD:
            restore_readings(root, "d1")
        assert run(ingest, root, "d1") == 0
        assert visible(root) == seen[-1]
        entry = Lake(root / "lake").ledger.get("toy", "d1")
        assert entry is not None
        named = {file.path for file in entry.files()}
        present = {str(p.relative_to(root / "lake")) for p in (root / "lake").rglob("*.parquet")}
        assert present == named, f"killed at event {event} of {events}"
    assert OLD in seen


def test_a_run_killed_at_a_random_time_leaves_nothing_behind(
    undisturbed: Path, tmp_path: Path
) -> None:
    chance = random.Random(7)
    for number in range(6):
        root = tmp_path / str(number)
        deliver_readings(root, "d1")
        process = FORKS.Process(target=ingest, args=(root, "d1"))
        process.start()
        time.sleep(chance.uniform(0.02, 0.6))
        process.kill()
        process.join()
        assert run(ingest, root, "d1") == 0
        assert tree(root) == tree(undisturbed)


def test_what_a_killed_run_unpacked_is_swept_with_the_next_delivery(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    left = tmp_path / "lake" / "_staging" / "imaging" / "killed" / "unpacked" / "1.dcm"
    in_use = tmp_path / "lake" / "_staging" / "imaging" / "read-now" / "unpacked" / "1.dcm"
    with lake.stage("imaging", "read-now", "1"):
        for path in (left, in_use):
            path.parent.mkdir(parents=True)
            path.touch()
        deliver_readings(tmp_path, "d1")
        ingest(tmp_path, "d1")
        assert not left.exists()
        assert in_use.exists()


def test_two_ingests_at_once_of_different_deliveries_are_both_whole(tmp_path: Path) -> None:
    names = ["d1", "d-two"]
    for name in names:
        deliver_readings(tmp_path, name)
    processes = [FORKS.Process(target=ingest, args=(tmp_path, name)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    counts = Lake(tmp_path / "lake").scan(READING).collect()["delivery"].value_counts()
    assert dict(counts.iter_rows()) == {"d1": 401, "d-two": 401}


def test_two_ingests_at_once_of_one_delivery_do_not_meet(tmp_path: Path) -> None:
    deliver_readings(tmp_path, "d1")
    lake = Lake(tmp_path / "lake")
    with (
        lake.stage("toy", "d1", "00000000"),
        pytest.raises(LakeError, match="Another process is reading toy/d1"),
    ):
        ingest(tmp_path, "d1")


def test_a_full_disk_publishes_nothing_and_says_what_to_do(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)
    text = "".join(f"p{chance.random()},{chance.random()}\n" for _ in range(2000))
    deliver_lines(tmp_path / "landing", "d1", {"a.txt": text})
    assert run(ingest_with_small_files, tmp_path, "d1") == 0
    assert "Free some space and run the ingest again" in (tmp_path / "error").read_text()
    assert Lake(tmp_path / "lake").rows(READING.name) == 0
    assert not list((tmp_path / "lake").rglob("*.parquet"))
    assert run(ingest, tmp_path, "d1") == 0
    assert Lake(tmp_path / "lake").rows(READING.name) == 2000
