"""What waits in landing: which folders are complete, what of them is a record, what is changed."""

import os
import time
from pathlib import Path

import pytest

from medplatform.modalities.delivery import (
    DeliveryError,
    closed_deliveries,
    delivery_label,
    open_delivery,
)
from medplatform_tests.ingest.site import Site
from medplatform_tests.toy import deliver_lines

NAME = "Jane Doe 1950"


def test_a_folder_named_like_a_patient_is_refused_without_its_name(site: Site) -> None:
    deliver_lines(site.landing, NAME, {"a.txt": "p1,1\n"})
    (receipt,) = site.ingest_pending()
    assert receipt.status == "unreadable"
    assert receipt.delivery == delivery_label(NAME)
    assert "Rename it" in str(receipt.problem)
    assert receipt.delivery in str(receipt.problem)
    assert site.waiting() == [receipt.delivery]
    for part in NAME.split():
        assert part not in repr(receipt)


def test_a_name_that_is_no_text_has_a_label_too(site: Site) -> None:
    name = os.fsdecode(b"J\xe4ne")
    deliver_lines(site.landing, name, {"a.txt": "p1,1\n"})
    (receipt,) = site.ingest_pending()
    assert receipt.delivery == delivery_label(name)
    assert receipt.delivery.startswith("unusable-")


def test_hidden_files_and_folders_are_no_records(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n", ".DS_Store": "x", "._a.txt": "x"})
    (site.landing / "toy" / "d1" / ".trash").mkdir()
    (site.landing / "toy" / "d1" / ".trash" / "b.txt").write_text("p2,2\n")
    assert len(open_delivery(site.landing, "toy", "d1").sources) == 1
    assert site.ingest("d1").status == "published"
    assert site.ingest("d1").status == "unchanged"
    assert site.values() == [1]


def test_nothing_is_changed_where_nothing_changed(site: Site, tmp_path: Path) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n"})
    root = site.landing / "toy" / "d1"
    (root / "part").mkdir()
    (root / "part" / "_DONE").write_text("p2,2\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.txt").write_text("p3,3\n")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    assert site.ingest("d1").status == "published"
    assert site.values() == [1, 2, 3]
    assert site.ingest("d1").status == "unchanged"


def test_options_that_changed_after_reading_are_noticed(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n"})
    site.ingest("d1")
    (site.landing / "toy" / "d1" / "delivery.json").write_text('{"image_modality": "DX"}')
    with pytest.raises(DeliveryError, match="was changed after it was read"):
        site.ingest("d1")


def test_files_are_looked_at_only_where_that_decides(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("done", "known", "open"):
        deliver_lines(site.landing, name, {"a.txt": "p1,1\n"})
    for name in ("known", "open"):
        (site.landing / "toy" / name / "_DONE").unlink()
    looked_at = []
    iterdir = Path.iterdir

    def watch(folder: Path):
        looked_at.append(folder.name)
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", watch)
    assert closed_deliveries(site.landing, "toy", 300, {"known"}) == ["done"]
    assert looked_at == ["toy", "open"]


def test_a_file_that_vanishes_during_the_look_keeps_its_delivery_open(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n"})
    root = site.landing / "toy" / "d1"
    (root / "_DONE").unlink()
    iterdir = Path.iterdir

    def list_and_lose(folder: Path) -> list[Path]:
        paths = list(iterdir(folder))
        if folder == root:
            (root / "a.txt").unlink(missing_ok=True)
        return paths

    monkeypatch.setattr(Path, "iterdir", list_and_lose)
    assert closed_deliveries(site.landing, "toy", 0) == []
    monkeypatch.undo()
    assert closed_deliveries(site.landing, "toy", 0) == ["d1"]


def test_a_copy_that_grows_under_a_hidden_name_is_not_quiet(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n", ".b.txt.part": "p2,"})
    root = site.landing / "toy" / "d1"
    (root / "_DONE").unlink()
    long_ago = time.time() - 3600
    for path in (root / "a.txt", root):
        os.utime(path, (long_ago, long_ago))
    assert closed_deliveries(site.landing, "toy", 300) == []
    os.utime(root / ".b.txt.part", (long_ago, long_ago))
    assert closed_deliveries(site.landing, "toy", 300) == ["d1"]
