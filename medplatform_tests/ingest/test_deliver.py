"""Handing files in: copied whole or not at all, and never mistaken for an earlier delivery."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from medplatform.modalities.delivery import DeliveryError, deliver, open_delivery
from medplatform_tests.ingest.site import Site


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "Jane_Doe.txt").write_text("p1,1\n")
    return folder


def test_handing_in_a_folder_copies_it_and_leaves_the_original(site: Site, export: Path) -> None:
    (export / "sub").mkdir()
    (export / "sub" / "a.txt").write_text("p1,2\n")
    (export / "sub" / "loop").symlink_to(export)
    deliver(export, site.landing, "toy", "d1")
    assert (export / "sub" / "a.txt").exists()
    assert site.ingest("d1").status == "published"
    assert site.values() == [1, 2]


def test_a_copy_keeps_the_time_of_its_last_change(site: Site, export: Path) -> None:
    """By which it is told whether an index is as old as its file."""
    os.utime(export / "Jane_Doe.txt", (1_000, 2_000))
    copy = deliver(export, site.landing, "toy", "d1") / "Jane_Doe.txt"
    assert copy.stat().st_mtime == 2_000


def test_handing_in_nothing_is_a_clear_error(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="does not exist"):
        deliver(tmp_path / "nowhere", site.landing, "toy", "d1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".hidden").touch()
    with pytest.raises(DeliveryError, match="holds no files"):
        deliver(tmp_path / "empty", site.landing, "toy", "d1")


def test_the_same_files_again_are_the_same_delivery(site: Site, export: Path) -> None:
    for name in ("d1", None):
        target = deliver(export, site.landing, "toy", name, {"image_modality": "DX"})
        assert deliver(export, site.landing, "toy", name, {"image_modality": "DX"}) == target


def test_changed_files_or_options_are_another_delivery(site: Site, export: Path) -> None:
    names = {deliver(export, site.landing, "toy").name}
    names.add(deliver(export, site.landing, "toy", options={"image_modality": "DX"}).name)
    (export / "Jane_Doe.txt").rename(export / "b.txt")
    names.add(deliver(export, site.landing, "toy").name)
    (export / "b.txt").write_text("p1,2\n")
    names.add(deliver(export, site.landing, "toy").name)
    assert len(names) == 4


def test_a_name_taken_by_other_files_or_options_is_refused(site: Site, export: Path) -> None:
    deliver(export, site.landing, "toy", "d1")
    with pytest.raises(DeliveryError, match="choose another --delivery"):
        deliver(export, site.landing, "toy", "d1", {"image_modality": "DX"})
    (export / "Jane_Doe.txt").write_text("p1,2\n")
    with pytest.raises(DeliveryError, match="choose another --delivery"):
        deliver(export, site.landing, "toy", "d1")


def test_options_in_the_folder_count_and_those_of_the_caller_go_first(
    site: Site, export: Path
) -> None:
    (export / "delivery.json").write_text('{"genome_build": "GRCh37", "image_modality": "SM"}')
    deliver(export, site.landing, "toy", "d1", {"image_modality": "DX"})
    options = open_delivery(site.landing, "toy", "d1").options
    assert (options.genome_build, options.image_modality) == ("GRCh37", "DX")


def test_unusable_options_are_refused_before_anything_is_copied(site: Site, export: Path) -> None:
    with pytest.raises(DeliveryError, match="genome_build"):
        deliver(export, site.landing, "toy", "d1", {"genome_build": "hg00"})
    (export / "delivery.json").write_text("{")
    with pytest.raises(DeliveryError, match="not usable: JSON"):
        deliver(export, site.landing, "toy", "d1")
    assert not site.landing.exists()


@pytest.mark.parametrize(
    ("code", "remedy"), [(errno.ENOSPC, "Free some space"), (errno.EACCES, "Make it readable")]
)
def test_a_copy_that_fails_leaves_nothing_and_names_no_file(
    site: Site, export: Path, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    def fail(source: Path, copy: Path) -> None:
        copy.write_text("half")
        raise OSError(code, "went wrong", str(source))

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(DeliveryError, match=remedy) as caught:
        deliver(export, site.landing, "toy", "d1")
    assert "Jane" not in str(caught.value)
    assert list((site.landing / "toy").iterdir()) == []


def test_a_link_that_leads_nowhere_is_no_silent_loss(site: Site, export: Path) -> None:
    (export / "Doe.txt").symlink_to(export / "missing.txt")
    with pytest.raises(DeliveryError, match="File 1 of 2") as caught:
        deliver(export, site.landing, "toy", "d1")
    assert "Doe" not in str(caught.value)


def test_a_link_to_what_the_folder_lies_in_leads_nowhere_else(site: Site, export: Path) -> None:
    (export.parent / "neighbour.txt").write_text("p9,9\n")
    (export / "up").symlink_to("..")
    target = deliver(export, site.landing, "toy", "d1")
    assert [path.name for path in open_delivery(site.landing, "toy", "d1").root.rglob("*.txt")] == [
        "Jane_Doe.txt"
    ]
    assert target.is_dir()


@pytest.mark.parametrize("own", ["landing", "lake", "vault"])
def test_what_is_the_platforms_own_is_never_delivered(site: Site, export: Path, own: str) -> None:
    folder = site.landing.parent / own
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "master.key").write_text("secret")
    (export / "link").symlink_to(folder)
    for source in (export, site.landing.parent):
        with pytest.raises(DeliveryError, match="is one of the platform"):
            deliver(source, site.landing, "toy", "d1")
    assert not (site.landing / "toy").exists()


def test_the_modality_of_pictures_is_one_of_dicom(site: Site, export: Path) -> None:
    with pytest.raises(DeliveryError, match="no modality of DICOM"):
        deliver(export, site.landing, "toy", "d1", {"image_modality": "X-RAY"})
