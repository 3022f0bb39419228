"""Whatever is done to a record of the audit log afterwards is found."""

import json
from multiprocessing import get_context
from pathlib import Path

import pytest

from medplatform.privacy import AuditLog, BrokenChain


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    log = AuditLog(tmp_path / "log.jsonl")
    for number in range(4):
        log.append("reviewer", "approve", version=number)
    return log


def test_records_are_numbered_and_chained(log: AuditLog) -> None:
    records = log.records()
    assert [record.sequence for record in records] == [1, 2, 3, 4]
    assert [r.previous for r in records[1:]] == [r.digest for r in records[:-1]]
    assert log.verify() == records[-1].digest


def _edit(lines: list[str]) -> list[str]:
    record = json.loads(lines[1])
    record["detail"]["version"] = 99
    return [lines[0], json.dumps(record), *lines[2:]]


@pytest.mark.parametrize(
    "tamper",
    [
        _edit,
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:2], "{", *lines[2:]],
        lambda lines: [*lines[:2], lines[2][: len(lines[2]) // 2]],
    ],
    ids=["edited", "deleted", "swapped", "garbage", "cut"],
)
def test_tampering_is_found(log: AuditLog, tamper) -> None:
    lines = log.path.read_text().splitlines()
    log.path.write_text("\n".join(tamper(lines)) + "\n")
    with pytest.raises(BrokenChain):
        log.verify()
    with pytest.raises(BrokenChain):
        log.append("reviewer", "approve")


def test_a_cut_tail_changes_the_head(log: AuditLog) -> None:
    head = log.verify()
    log.path.write_text("".join(line + "\n" for line in log.path.read_text().splitlines()[:-1]))
    assert log.verify() != head


def _append(path: Path, actor: str) -> None:
    for number in range(20):
        AuditLog(path).append(actor, "note", number=number)


def test_processes_append_at_once_without_breaking_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    context = get_context("spawn")
    writers = [context.Process(target=_append, args=(path, name)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [record.sequence for record in AuditLog(path).records()] == list(range(1, 41))
