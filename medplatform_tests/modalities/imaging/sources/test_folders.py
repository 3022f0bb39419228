"""What folders may hold: everything is read once, refused with a reason, or a clear error."""

import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform.modalities.delivery import DeliveryError, deliver, open_delivery
from medplatform.modalities.imaging.layout import Kind
from medplatform.modalities.imaging.sources import Contents
from medplatform_tests.modalities.imaging.conftest import Ingested, make_image, save
from medplatform_tests.modalities.imaging.sources.conftest import Found, dicom

Ingest = Callable[[], Ingested]
LookOver = Callable[[], Found]


def test_folders_are_read_to_any_depth(folder: Path, look_over: LookOver) -> None:
    deep = folder.joinpath(*["a" * 50] * 40)
    deep.mkdir(parents=True)
    (deep / "1.dcm").write_bytes(dicom())
    assert len(look_over().contents) == 1


def test_a_folder_too_deep_to_be_listed_is_a_clear_error(folder: Path) -> None:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("a" * 250, dir_fd=here)
        below = os.open("a" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    with pytest.raises(DeliveryError, match="cannot be listed: File name too long"):
        open_delivery(folder.parents[1], "imaging", folder.name)


def test_links_that_lead_back_end(folder: Path, look_over: LookOver) -> None:
    (folder / "ward").mkdir()
    (folder / "ward" / "1.dcm").write_bytes(dicom())
    (folder / "ward" / "up").symlink_to(folder)
    (folder / "ward" / "self").symlink_to(folder / "ward")
    assert list(look_over().contents) == ["ward/1.dcm"]


@pytest.mark.parametrize("target", ["itself", "nowhere"])
def test_a_link_that_leads_nowhere_is_a_clear_error(target: str, folder: Path) -> None:
    (folder / "itself").symlink_to(target)
    with pytest.raises(DeliveryError, match=r"File 1 of 1 .* cannot be read"):
        open_delivery(folder.parents[1], "imaging", folder.name)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_one_file_under_two_names_is_a_duplicate(
    link: Callable[[Path, Path], None], folder: Path, ingest: Ingest
) -> None:
    save(make_image(), folder / "1.dcm")
    link(folder / "1.dcm", folder / "2.dcm")
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 2, "accepted": 1, "quarantined": 1}
    assert ingested.refusals() == {"record.duplicate": 1}


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_read_is_a_clear_error(
    what: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = folder / "Jane"
    if what == "folder":
        secret.mkdir()
    else:
        secret.write_bytes(dicom())
    open_file, list_folder = Path.open, Path.iterdir

    def deny(path: Path) -> None:
        if path == secret:
            raise PermissionError(13, "Permission denied", str(path))

    def open_others(path: Path, *arguments: str, **options: str):
        deny(path)
        return open_file(path, *arguments, **options)

    def list_others(path: Path):
        deny(path)
        return list_folder(path)

    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(Path, "open", open_others)
    monkeypatch.setattr(Path, "iterdir", list_others)
    with pytest.raises(DeliveryError, match="Permission denied") as raised:
        open_delivery(folder.parents[1], "imaging", folder.name)
    assert "Jane" not in str(raised.value)


def test_an_empty_file_is_refused_and_a_folder_named_like_a_file_is_read(
    folder: Path, ingest: Ingest
) -> None:
    (folder / "0.dcm").touch()
    (folder / "00.dcm").touch()
    save(make_image(), folder / "series.dcm" / "1")
    ingested = ingest()
    assert ingested.refusals() == {"dicom.not_dicom": 2}
    assert ingested.totals("instance") == {"delivered": 3, "accepted": 1, "quarantined": 2}


NAMES = ["Ä" * 127 + ".", "😀 \n\t'\";.dcm", os.fsdecode(b"J\xe4ne\xff.dcm"), "x" * 255, "-rf"]


@pytest.mark.parametrize("name", NAMES, ids=["umlauts", "signs", "no text", "long", "option"])
def test_any_name_of_a_file_is_read(
    name: str, folder: Path, ingest: Ingest, look_over: LookOver
) -> None:
    save(make_image(), folder / "ward" / name)
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}
    (path,) = look_over().contents
    assert path.encode()  # it is text now


def test_pictures_of_any_name_are_subjects_of_their_own(folder: Path, ingest: Ingest) -> None:
    from PIL import Image

    (folder / "delivery.json").write_text('{"subjects": "per_record"}')
    for number, name in enumerate((b"J\xe4ne.png", b"J\xe5ne.png")):
        Image.new("L", (4, 4), number).save(folder / os.fsdecode(name))
    ingested = ingest()
    assert len({row["patient_id"] for row in ingested.rows("instance")}) == 2


def test_hidden_files_are_no_records_and_sidecars_are_kept(
    folder: Path, look_over: LookOver
) -> None:
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "1.dcm").write_bytes(dicom())
    for name in ("README", "license.txt"):
        (folder / name).write_text("read me")
    for name in ("notes.docx", "table.xlsx"):
        (folder / name).write_bytes(b"PK\x03\x04")
    found = look_over()
    assert set(found.kinds.values()) == {Kind.SIDECAR}
    assert len(found.kinds) == 4


def test_a_copy_of_a_delivery_keeps_every_name(folder: Path, tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        (folder / name).write_bytes(dicom(str(number)))
    copy = deliver(folder, tmp_path / "other", "imaging", "d")
    delivered = open_delivery(tmp_path / "other", "imaging", "d")
    assert {source.path.name for source in delivered.sources} == set(NAMES)
    assert copy.name == "d"


def test_four_times_as_many_files_take_four_times_as_many_steps(tmp_path: Path) -> None:
    def count_calls(files: int) -> int:
        folder = tmp_path / "landing" / "imaging" / str(files)
        folder.mkdir(parents=True)
        for number in range(files):
            (folder / f"{number}.dcm").write_bytes(dicom(str(number)))
        calls = Counter[str]()
        sys.setprofile(lambda _, event, __: calls.update([event]))
        try:
            delivery = open_delivery(tmp_path / "landing", "imaging", str(files))
            with Contents(delivery, tmp_path) as contents:
                assert sum(1 for _ in contents.survey()) == files
        finally:
            sys.setprofile(None)
        return calls.total()

    count_calls(10)
    assert count_calls(800) < 5 * count_calls(200)  # quadratic: 16 times
