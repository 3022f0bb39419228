"""Deliveries in archives give the rows that the same files give in a folder."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import generate_uid

from medplatform.modalities.delivery import DeliveryError
from medplatform.modalities.imaging.labels import check_labels
from medplatform.modalities.options import DeliveryOptions
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import PIXELS, Ingested, make_image, save
from medplatform_tests.modalities.imaging.sources.conftest import tar_of, zip_of

Ingest = Callable[[], Ingested]
Pack = Callable[[dict[str, bytes]], bytes]


def _file(tmp_path: Path, pixels: np.ndarray = PIXELS, **elements: str) -> bytes:
    return save(make_image(pixels, **elements), tmp_path / "image.dcm").read_bytes()


def _picture(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((3, 4), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [zip_of, tar_of], ids=["zip", "tar"])
def test_images_of_an_archive_have_its_id_and_a_number_each(
    pack: Pack, folder: Path, tmp_path: Path, ingest: Ingest
) -> None:
    members = {f"ward/{n}": _file(tmp_path, PIXELS + n) for n in range(3)}
    (folder / "x").write_bytes(pack({**members, "notes.txt": b"x"}))
    ingested = ingest()
    (source,) = ingested.delivery.sources
    rows = ingested.rows("instance")
    assert [(row["source_id"], row["record_number"]) for row in rows] == [
        (source.source_id, number) for number in (1, 2, 3)
    ]
    assert np.array_equal(ingested.pixels(2), PIXELS + 2)
    assert ingested.totals("instance") == {"delivered": 3, "accepted": 3}
    assert ingested.totals("file") == {"delivered": 1, "kept": 1}


def test_an_image_in_a_folder_and_in_archives_is_read_once(
    folder: Path, tmp_path: Path, ingest: Ingest
) -> None:
    image = _file(tmp_path)
    (folder / "1.dcm").write_bytes(image)
    (folder / "2.dcm.gz").write_bytes(gzip.compress(image))
    (folder / "3.zip").write_bytes(zip_of({"a": image, "b": image}))
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 4, "accepted": 1, "quarantined": 3}
    assert ingested.refusals() == {"record.duplicate": 3}


def test_two_contents_of_one_uid_conflict_across_archives(
    folder: Path, tmp_path: Path, ingest: Ingest
) -> None:
    uid = generate_uid()
    for name, pixels in (("a.zip", PIXELS), ("b.zip", PIXELS + 1)):
        image = _file(tmp_path, pixels, SOPInstanceUID=uid)
        (folder / name).write_bytes(zip_of({"1.dcm": image}))
    assert ingest().refusals() == {"record.conflict": 2}


def test_what_cannot_be_unpacked_is_refused_by_its_number(
    folder: Path, tmp_path: Path, ingest: Ingest
) -> None:
    image = _file(tmp_path)
    archive = bytearray(tar_of({"../Doe.dcm": image, "2.dcm": image, "3.dcm": b"no image"}))
    (folder / "Jane.tar").write_bytes(archive)
    ingested = ingest()
    rows = ingested.stage.read("quarantine").to_pylist()
    assert sorted((row["record_number"], row["unit"], row["code"]) for row in rows) == [
        (1, "file", "file.unsafe_name"),
        (3, "instance", "dicom.not_dicom"),
    ]
    assert "Doe" not in str(rows)
    assert "Jane" not in str(rows)
    assert ingested.totals("instance") == {"delivered": 2, "accepted": 1, "quarantined": 1}


def test_a_cut_archive_gives_the_images_before_the_break(
    folder: Path, tmp_path: Path, ingest: Ingest
) -> None:
    members = {f"{n}.dcm": _file(tmp_path, PIXELS + n) for n in range(4)}
    archive = tar_of(members)
    (folder / "x.tar").write_bytes(archive[: archive.index(b"2.dcm") + 1100])
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 3, "accepted": 2, "quarantined": 1}
    assert len(ingested.rows("frame")) == 2
    assert ingested.refusals() == {"file.truncated": 2}


LABELS = b"file,patient,label\nimages/a.png,p1,benign\nb,p2,other\n"


def _declare(folder: Path) -> None:
    (folder / "delivery.json").write_text(
        '{"labels": "labels.csv", "label_patient_column": "patient"}'
    )


def _check_labelled(ingested: Ingested, identity: Identity) -> None:
    instances = {row["label"]: row for row in ingested.rows("instance")}
    assert instances.keys() == {"benign", "other"}
    assert instances["benign"]["patient_id"] == identity.subject(None, "p1").patient_id
    (mask,) = ingested.rows("mask")
    assert mask["instance_id"] == instances["benign"]["instance_id"]
    assert ingested.totals("label") == {"delivered": 2, "accepted": 2}
    assert not ingested.refusals()


PICTURES = {"images/a.png": _picture(1), "images/b.png": _picture(2), "masks/a.png": _picture(3)}


@pytest.mark.parametrize("pack", [zip_of, tar_of], ids=["zip", "tar"])
def test_pictures_masks_and_labels_in_an_archive_find_each_other(
    pack: Pack, folder: Path, ingest: Ingest, identity: Identity
) -> None:
    (folder / "x").write_bytes(pack({"labels.csv": LABELS, **PICTURES}))
    _declare(folder)
    _check_labelled(ingest(), identity)


def test_labels_beside_an_archive_are_of_its_pictures(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    (folder / "x.zip").write_bytes(zip_of(PICTURES))
    (folder / "labels.csv").write_bytes(LABELS)
    _declare(folder)
    _check_labelled(ingest(), identity)


def test_an_archive_of_images_and_one_of_masks_pair(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    (folder / "images.zip").write_bytes(zip_of({"a.png": _picture(1), "b.png": _picture(2)}))
    (folder / "masks.zip").write_bytes(zip_of({"masks/a.png": _picture(3)}))
    (folder / "labels.csv").write_bytes(LABELS)
    _declare(folder)
    _check_labelled(ingest(), identity)


def test_each_archive_may_have_labels_of_its_own(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    for name, value in (("x", 1), ("y", 2)):
        table = f"file,patient,label\na.png,{name},{name}\n".encode()
        members = {"labels.csv": table, "a.png": _picture(value)}
        (folder / f"{name}.zip").write_bytes(zip_of(members))
    _declare(folder)
    rows = {row["label"]: row["patient_id"] for row in ingest().rows("instance")}
    assert rows == {name: identity.subject(None, name).patient_id for name in "xy"}


def test_a_name_that_two_archives_hold_is_ambiguous(folder: Path, ingest: Ingest) -> None:
    for name, value in (("x", 1), ("y", 2)):
        (folder / f"{name}.zip").write_bytes(zip_of({"images/a.png": _picture(value)}))
    (folder / "labels.csv").write_bytes(LABELS)
    _declare(folder)
    assert ingest().refusals() == {"label.ambiguous": 3, "label.no_image": 1}


def test_a_table_is_looked_for_in_archives_only_when_they_are_read(tmp_path: Path) -> None:
    options = DeliveryOptions(labels="labels.csv")
    (tmp_path / "x.zip").write_bytes(zip_of({"labels.csv": LABELS}))
    check_labels(tmp_path, options)
    check_labels(tmp_path / "x.zip", options)
    (tmp_path / "x.zip").write_bytes(b"")
    with pytest.raises(DeliveryError, match="no label table"):
        check_labels(tmp_path, options)
