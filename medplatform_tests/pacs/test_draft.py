"""A draft keeps what it took, wherever a process is killed."""

import os
from pathlib import Path

import pytest

from medplatform.pacs.draft import INSTANCES, Draft, Stored
from medplatform.pacs.header import read_header
from medplatform.transfer.private import read_lines
from medplatform_tests.pacs.doomed import run_doomed
from medplatform_tests.pacs.images import files_of, make_series, pixels_of, pixels_of_file


def keep(draft: Draft, path: Path) -> bool:
    part = draft.new_part()
    part.write_bytes(path.read_bytes())
    return draft.keep(part, read_header(part))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "draft"


def test_nothing_that_was_kept_is_lost_wherever_a_run_is_killed(root: Path, tmp_path: Path) -> None:
    paths = make_series(tmp_path / "in", 6)

    def fill(acknowledged: int) -> None:
        draft = Draft(root)
        for path in paths:
            if keep(draft, path):
                os.write(acknowledged, b".")

    kept, kills, was_killed = 0, 0, True
    while was_killed:
        acknowledged, was_killed = run_doomed(fill, kills)
        held = len(files_of(root / "delivery"))
        assert held >= kept + acknowledged
        kept = held  # with what a kill left without its note
        kills += was_killed
    assert kills > 20
    draft = Draft(root)
    assert pixels_of(draft.delivery) == dict.fromkeys(map(pixels_of_file, paths), 1)
    assert sorted(
        read_lines(draft.delivery / INSTANCES, Stored), key=lambda one: one.sop
    ) == sorted(draft.stored, key=lambda one: one.sop)


def test_a_recovery_that_is_killed_loses_nothing(root: Path, tmp_path: Path) -> None:
    draft = Draft(root)
    for path in make_series(tmp_path / "in", 5):
        keep(draft, path)
    stored = draft.stored
    log = draft.delivery / INSTANCES
    whole = log.read_bytes()

    def recover(_: int) -> None:
        Draft(root)

    kills, was_killed = 0, True
    while was_killed:
        log.write_bytes(whole[: len(whole) // 2])
        _, was_killed = run_doomed(recover, kills)
        assert len(files_of(draft.delivery)) == 5
        kills += was_killed
    assert kills > 3
    assert sorted(Draft(root).stored, key=str) == sorted(stored, key=str)


def test_a_file_without_a_note_is_noted(root: Path, tmp_path: Path) -> None:
    draft = Draft(root)
    for path in make_series(tmp_path / "in", 3):
        keep(draft, path)
    (draft.delivery / INSTANCES).unlink()
    again = Draft(root)
    assert again.bytes == draft.bytes
    assert sorted(again.stored, key=str) == sorted(draft.stored, key=str)
    assert len(list(read_lines(draft.delivery / INSTANCES, Stored))) == 3


@pytest.mark.parametrize("content", [b"", b"no image", b"damaged"])
def test_a_damaged_file_without_a_note_is_left_out(
    root: Path, tmp_path: Path, content: bytes
) -> None:
    draft = Draft(root)
    (path,) = make_series(tmp_path / "in", 1)
    keep(draft, path)
    file = draft.delivery / draft.stored[0].file
    file.write_bytes(path.read_bytes() + content if content == b"damaged" else content)
    assert Draft(root).stored == []
    assert not file.exists()


def test_a_recovery_without_need_does_not_touch_the_notes(root: Path, tmp_path: Path) -> None:
    draft = Draft(root)
    for path in make_series(tmp_path / "in", 3):
        keep(draft, path)
    before = (draft.delivery / INSTANCES).stat()
    Draft(root)
    after = (draft.delivery / INSTANCES).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_could_not_be_noted_is_no_part_of_the_delivery(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_series(tmp_path / "in", 2)
    draft = Draft(root)
    keep(draft, first)
    log = draft.delivery / INSTANCES

    def fail_behind_the_line(path: Path, record: Stored) -> None:
        with path.open("ab") as stream:
            stream.write(log.read_bytes().replace(b".1.1.1", b".1.1.2"))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medplatform.pacs.draft.append_line", fail_behind_the_line)
    with pytest.raises(OSError, match="No space"):
        keep(draft, second)
    draft.publish(tmp_path / "delivery")
    assert pixels_of(tmp_path / "delivery") == {pixels_of_file(first): 1}
    assert len(list(read_lines(tmp_path / "delivery" / INSTANCES, Stored))) == 1
