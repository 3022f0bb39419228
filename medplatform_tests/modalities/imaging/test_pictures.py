"""PNG and JPEG deliveries: subjects, labels, masks, and every kind of picture."""

import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import nibabel
import numpy as np
import pytest
from PIL import Image, ImageOps

from medplatform.lake import Stage
from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.imaging.deidentify import Policy
from medplatform.modalities.imaging.isolation import ReadingProcess
from medplatform.modalities.imaging.pool import ReadingPool
from medplatform.modalities.imaging.reader import read_files
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import Ingested, save_picture

Ingest = Callable[[], Ingested]

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)
WIDE = (np.arange(12, dtype=np.uint16) * 5000).reshape(3, 4)
RGB = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
RGBA = np.dstack([RGB, np.full((3, 4), 7, np.uint8)])


def _png(width: int, height: int, bits: int, lines: bytes, interlace: int = 0) -> bytes:
    """A grey PNG of filtered lines."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in (
        (b"IHDR", header + bytes([bits, 0, 0, 0, interlace])),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    ):
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        content += len(data).to_bytes(4, "big") + kind + data + check
    return content


# The passes of Adam7 that a picture of 3 x 3 has: 1, 4, 5, 6 and 7.
INTERLACED = _png(
    *(3, 3, 8),
    bytes([0, 0, 0, 2, 0, 20, 22, 0, 1, 0, 21, 0, 10, 11, 12]),
    interlace=1,
)


@pytest.fixture
def options(folder: Path) -> Callable[[str], None]:
    """Writes delivery.json."""
    return lambda text: (folder / "delivery.json").write_text(text) and None


@pytest.fixture
def per_record(options: Callable[[str], None]) -> None:
    options('{"subjects": "per_record", "image_modality": "SM"}')


@pytest.fixture
def with_labels(options: Callable[[str], None]) -> None:
    options(
        '{"labels": "labels.csv", "label_file_column": "file", "label_patient_column": "patient"}'
    )


def test_a_picture_becomes_an_instance_and_a_frame(
    folder: Path, ingest: Ingest, identity: Identity, per_record: None
) -> None:
    save_picture(folder / "images" / "a.png", GREY)
    ingested = ingest()
    (instance,) = ingested.rows("instance")
    sha256 = ingested.delivery.sources[0].sha256
    assert instance["instance_id"] == identity.uid(f"picture:{sha256}")
    expected = identity.subject("urn:medplatform:per-record", "a").patient_id
    assert instance["patient_id"] == expected
    assert (instance["modality"], instance["rows"], instance["columns"]) == ("SM", 3, 4)
    assert (instance["frames"], instance["photometric"]) == (1, "MONOCHROME2")
    assert np.array_equal(ingested.pixels(), GREY)


def _palette(path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), mode="P")
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.save(path)


def _rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees clockwise for display
    Image.fromarray(GREY).save(path, exif=exif)


def _wide_colour(path: Path) -> None:
    path.write_bytes(imagecodecs.png_encode(np.dstack([WIDE, WIDE, WIDE])))


def _wide_alpha(path: Path) -> None:
    path.write_bytes(imagecodecs.png_encode(np.dstack([WIDE, WIDE])))


@pytest.mark.parametrize(
    ("write", "pixels"),
    [
        (lambda path: save_picture(path, WIDE), WIDE),
        (lambda path: save_picture(path, RGB), RGB),
        (lambda path: save_picture(path, RGBA), RGB),
        (lambda path: Image.fromarray(np.dstack([GREY, GREY]), "LA").save(path), GREY),
        (lambda path: Image.fromarray(GREY > 5).save(path), np.uint8(255) * (GREY > 5)),
        (_palette, np.array([[[10, 20, 30], [40, 50, 60]], [[40, 50, 60], [10, 20, 30]]], "u1")),
        (_rotated, np.rot90(GREY, -1)),
        (_wide_colour, np.dstack([WIDE, WIDE, WIDE])),
        (_wide_alpha, WIDE),
    ],
    ids=["grey16", "rgb", "rgba", "grey+alpha", "1 bit", "palette", "exif", "rgb16", "grey16+a"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pictures_of_every_kind_keep_their_values(
    write: Callable[[Path], object],
    pixels: np.ndarray,
    folder: Path,
    ingest: Ingest,
    per_record: None,
) -> None:
    write(folder / "a.png")
    ingested = ingest()
    assert ingested.refusals() == {}
    assert ingested.pixels().dtype == pixels.dtype
    assert np.array_equal(ingested.pixels(), pixels)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpegs_are_read_as_they_are_displayed(
    mode: str, folder: Path, ingest: Ingest, per_record: None
) -> None:
    Image.fromarray(RGB).convert(mode).save(folder / "a.jpg")
    with Image.open(folder / "a.jpg") as picture:
        displayed = np.asarray(picture if mode == "L" else picture.convert("RGB"))
    assert np.array_equal(ingest().pixels(), displayed)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(40), b"GIF89a"])
def test_a_picture_that_cannot_be_decoded_is_refused(
    content: bytes, folder: Path, ingest: Ingest, per_record: None
) -> None:
    (folder / "a.png").write_bytes(content)
    ingested = ingest()
    assert ingested.refusals() == {"picture.unreadable": 1}
    assert ingested.totals("instance") == {"delivered": 1, "quarantined": 1}


def test_a_truncated_picture_is_refused(folder: Path, ingest: Ingest, per_record: None) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    path = save_picture(folder / "a.png", noise)
    path.write_bytes(path.read_bytes()[:2000])
    assert ingest().refusals() == {"picture.unreadable": 1}


def test_a_picture_without_a_subject_is_refused_with_the_remedy(
    folder: Path, ingest: Ingest
) -> None:
    save_picture(folder / "a.png", GREY)
    ingested = ingest()
    (refusal,) = ingested.stage.read("quarantine").to_pylist()
    assert refusal["code"] == "subject.missing"
    assert "delivery.json" in refusal["reason"] and "per_record" in refusal["reason"]


def test_the_same_picture_twice_is_refused_once(
    folder: Path, ingest: Ingest, per_record: None
) -> None:
    save_picture(folder / "a.png", GREY)
    save_picture(folder / "b.png", GREY)
    ingested = ingest()
    assert ingested.refusals() == {"record.duplicate": 1}
    assert ingested.totals("instance") == {"delivered": 2, "accepted": 1, "quarantined": 1}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("pixels", [GREY, WIDE, RGB], ids=["grey", "grey16", "rgb"])
def test_an_orientation_is_applied_before_anything_else(
    orientation: int, pixels: np.ndarray, folder: Path, ingest: Ingest, per_record: None
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    save_picture(folder / "a.png", pixels, exif=exif)
    with Image.open(folder / "a.png") as picture:
        displayed = np.asarray(ImageOps.exif_transpose(picture))
    assert np.array_equal(ingest().pixels(), displayed)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_orientation_is_applied_to_wide_colours_too(
    orientation: int, folder: Path, ingest: Ingest, per_record: None
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    narrow = np.dstack([GREY, GREY + 20, GREY + 40])
    save_picture(folder / "narrow.png", narrow, exif=exif)
    content = imagecodecs.png_encode(narrow.astype(np.uint16))
    chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    packed = (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    (folder / "wide.png").write_bytes(content[:33] + packed + content[33:])
    ingested = ingest()
    by_type = {r["dtype"]: ingested.pixels(i) for i, r in enumerate(ingested.rows("frame"))}
    assert np.array_equal(by_type["uint16"], by_type["uint8"])


def test_where_a_picture_was_taken_is_not_staged(
    folder: Path, ingest: Ingest, per_record: None
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Jane Doe at the ward"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 30.0)
    Image.fromarray(RGB).save(folder / "a.jpg", exif=exif, comment=b"Jane Doe")
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}
    for part in ingested.stage.folder.rglob("*.parquet"):
        assert b"Doe" not in part.read_bytes()


def test_an_interlaced_picture_is_read(folder: Path, ingest: Ingest, per_record: None) -> None:
    (folder / "a.png").write_bytes(INTERLACED)
    assert ingest().pixels().tolist() == [[0, 1, 2], [10, 11, 12], [20, 21, 22]]


@pytest.mark.parametrize(
    ("bits", "line", "values"),
    [(1, "50", [0, 255, 0, 255]), (2, "1b", [0, 85, 170, 255]), (4, "0123", [0, 17, 34, 51])],
)
def test_narrow_greys_keep_their_order(
    bits: int, line: str, values: list[int], folder: Path, ingest: Ingest, per_record: None
) -> None:
    (folder / "a.png").write_bytes(_png(4, 1, bits, b"\0" + bytes.fromhex(line)))
    assert ingest().pixels()[0].tolist() == values


def test_an_animation_is_refused(folder: Path, ingest: Ingest, per_record: None) -> None:
    first, second = Image.fromarray(GREY), Image.fromarray(GREY + 100)
    first.save(folder / "a.png", save_all=True, append_images=[second])
    assert ingest().refusals() == {"picture.animated": 1}


def test_a_truncated_jpeg_is_refused(folder: Path, ingest: Ingest, per_record: None) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    path = save_picture(folder / "a.jpg", noise)
    path.write_bytes(path.read_bytes()[:1500])
    assert ingest().refusals() == {"picture.unreadable": 1}


@pytest.mark.parametrize("second", ["P2,x", "P1,y"], ids=["other patient", "other label"])
def test_one_picture_under_two_names_that_are_labelled_differently_is_refused(
    second: str, folder: Path, ingest: Ingest, with_labels: None
) -> None:
    save_picture(folder / "a.png", GREY)
    save_picture(folder / "b.png", GREY)
    (folder / "labels.csv").write_text(f"file,patient,label\na.png,P1,x\nb.png,{second}\n")
    ingested = ingest()
    assert ingested.refusals() == {"record.conflict": 4}
    assert ingested.rows("instance") == []


def test_one_picture_under_two_names_that_are_labelled_alike_is_read_once(
    folder: Path, ingest: Ingest, with_labels: None
) -> None:
    save_picture(folder / "a.png", GREY)
    save_picture(folder / "b.png", GREY)
    (folder / "labels.csv").write_text("file,patient,label\na.png,P1,x\nb.png,P1,x\n")
    ingested = ingest()
    assert ingested.refusals() == {"record.duplicate": 2}
    assert [row["label"] for row in ingested.rows("instance")] == ["x"]
    assert ingested.totals("label") == {"delivered": 2, "accepted": 1, "quarantined": 1}


def test_label_rows_give_patient_and_class(
    folder: Path, ingest: Ingest, identity: Identity, with_labels: None
) -> None:
    for number, name in enumerate(("a.png", "b.png", "sub/c.png")):
        save_picture(folder / "images" / name, GREY + number)
    (folder / "labels.csv").write_text(
        '\ufefffile,patient,label\na.png,P1,benign\n\n"b",P1,"a, b"\nimages/sub/c.png,P2,\n'
    )
    ingested = ingest()
    found = {row["label"]: row["patient_id"] for row in ingested.rows("instance")}
    first, second = (identity.subject(None, name).patient_id for name in ("P1", "P2"))
    assert found == {"benign": first, "a, b": first, None: second}
    assert ingested.totals("label") == {"delivered": 3, "accepted": 3}
    assert ingested.totals("file") == {"delivered": 1, "accepted": 1}


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ("a.png,P1,x\nb.png,P1,x", "label.no_image"),
        ("a.png,P1,x\nb.png,P1", "label.malformed"),
        ("a.png,P1,x\n,P1,x", "label.malformed"),
        ('a.png,P1,x\nb.png,P1,"x', "label.malformed"),
        ("a.png,P1,x\na.png,P1,x", "record.duplicate"),
    ],
)
def test_a_label_row_that_fits_no_image_is_refused(
    rows: str, code: str, folder: Path, ingest: Ingest, with_labels: None
) -> None:
    save_picture(folder / "a.png", GREY)
    (folder / "labels.csv").write_text(f"file,patient,label\n{rows}\n")
    ingested = ingest()
    assert ingested.refusals() == {code: 1}
    assert ingested.totals("label") == {"delivered": 2, "accepted": 1, "quarantined": 1}
    assert ingested.rows("instance")[0]["label"] == "x"


def test_rows_that_give_one_image_to_two_patients_are_all_refused(
    folder: Path, ingest: Ingest, with_labels: None
) -> None:
    save_picture(folder / "a.png", GREY)
    (folder / "labels.csv").write_text("file,patient\na.png,P1\na.png,P2\n")
    ingested = ingest()
    assert ingested.refusals() == {"record.conflict": 2, "subject.missing": 1}
    assert ingested.rows("instance") == []


def test_a_row_that_fits_two_images_labels_neither(
    folder: Path, ingest: Ingest, with_labels: None
) -> None:
    save_picture(folder / "left" / "1.png", GREY)
    save_picture(folder / "right" / "1.png", GREY + 1)
    (folder / "labels.csv").write_text("file,patient,label\n1.png,P1,x\n")
    ingested = ingest()
    assert ingested.refusals() == {"label.ambiguous": 3}
    assert ingested.totals("label") == {"delivered": 1, "quarantined": 1}


def test_a_label_that_is_a_text_is_left_empty(
    folder: Path, ingest: Ingest, with_labels: None
) -> None:
    save_picture(folder / "a.png", GREY)
    (folder / "labels.csv").write_text(f"file,patient,label\na.png,P1,{'word ' * 20}\n")
    ingested = ingest()
    assert ingested.rows("instance")[0]["label"] is None
    assert ingested.refusals("warning") == {"label.too_long": 1}
    assert ingested.totals("label") == {"delivered": 1, "accepted": 1}


@pytest.mark.parametrize("header", ["name,patient", "file,subject", "\0\xff\xfe"])
def test_a_label_table_without_its_columns_is_refused_with_all_its_rows(
    header: str, folder: Path, ingest: Ingest, with_labels: None
) -> None:
    save_picture(folder / "a.png", GREY)
    (folder / "labels.csv").write_bytes(f"{header}\na.png,P1\n".encode("latin-1"))
    ingested = ingest()
    assert ingested.totals("file") == {"delivered": 1, "quarantined": 1}
    assert ingested.totals("label") == {"delivered": 1, "quarantined": 1}
    assert ingested.refusals() == {"label.unreadable": 2, "subject.missing": 1}


def test_a_declared_label_table_that_is_missing_stops_the_pictures(
    folder: Path, ingest: Ingest, with_labels: None
) -> None:
    save_picture(folder / "a.png", GREY)
    assert ingest().refusals() == {"label.no_table": 1}


@pytest.mark.parametrize("images", ["images", "."])
def test_a_mask_belongs_to_the_image_of_its_stem(
    images: str, folder: Path, ingest: Ingest, per_record: None
) -> None:
    save_picture(folder / images / "a.jpg", GREY)
    save_picture(folder / images / "b.jpg", GREY + 1)
    save_picture(folder / "masks" / "b.png", (GREY > 5).astype(np.uint8) * 9)
    ingested = ingest()
    (mask,) = ingested.rows("mask")
    owner = {row["instance_id"]: row for row in ingested.rows("instance")}[mask["instance_id"]]
    assert owner["source_id"] == ingested.delivery.sources[1].source_id
    assert mask["patient_id"] == owner["patient_id"]
    assert mask["foreground_pixels"] == 6
    assert np.array_equal(ingested.mask(), GREY > 5)
    assert ingested.totals("mask") == {"delivered": 1, "accepted": 1}


def test_equal_masks_of_different_images_are_both_kept(
    folder: Path, ingest: Ingest, per_record: None
) -> None:
    for number, name in enumerate("ab"):
        save_picture(folder / "images" / f"{name}.png", GREY + number)
        save_picture(folder / "masks" / f"{name}.png", GREY * 0)
    ingested = ingest()
    assert len({row["mask_id"] for row in ingested.rows("mask")}) == 2
    assert ingested.totals("mask") == {"delivered": 2, "accepted": 2}


def test_a_palette_mask_goes_by_its_index_and_alpha_is_not_foreground(
    folder: Path, ingest: Ingest, per_record: None
) -> None:
    save_picture(folder / "images" / "p.png", np.zeros((2, 2), np.uint8))
    save_picture(folder / "images" / "r.png", np.ones((3, 4), np.uint8))
    (folder / "masks").mkdir()
    _palette(folder / "masks" / "p.png")
    save_picture(folder / "masks" / "r.png", RGBA * np.array([0, 0, 0, 1], np.uint8))
    assert [row["foreground_pixels"] for row in ingest().rows("mask")] == [2, 0]


def _no_image(folder: Path) -> None:
    save_picture(folder / "masks" / "other.png", GREY)


def _other_size(folder: Path) -> None:
    save_picture(folder / "masks" / "a.png", GREY[:2])


def _lossy(folder: Path) -> None:
    save_picture(folder / "masks" / "a.jpg", GREY)


def _unreadable(folder: Path) -> None:
    (folder / "masks").mkdir()
    (folder / "masks" / "a.png").write_bytes(b"...")


def _two_images(folder: Path) -> None:
    save_picture(folder / "images" / "a.jpg", GREY)
    save_picture(folder / "masks" / "a.png", GREY)


@pytest.mark.parametrize(
    ("add", "code"),
    [
        (_no_image, "mask.no_image"),
        (_other_size, "mask.other_size"),
        (_lossy, "mask.lossy"),
        (_unreadable, "picture.unreadable"),
        (_two_images, "mask.ambiguous_image"),
    ],
)
def test_a_mask_that_fits_no_image_is_refused(
    add: Callable[[Path], None], code: str, folder: Path, ingest: Ingest, per_record: None
) -> None:
    save_picture(folder / "images" / "a.png", GREY)
    add(folder)
    ingested = ingest()
    assert ingested.refusals() == {code: 1}
    assert ingested.totals("mask") == {"delivered": 1, "quarantined": 1}
    assert ingested.rows("mask") == []


def test_two_masks_of_one_image_are_refused(folder: Path, ingest: Ingest, per_record: None) -> None:
    save_picture(folder / "images" / "a.png", GREY)
    save_picture(folder / "masks" / "a.png", GREY)
    save_picture(folder / "masks" / "a.PNG", GREY + 1)
    ingested = ingest()
    assert ingested.refusals() == {"mask.ambiguous": 2}
    assert ingested.rows("mask") == []


def test_pictures_of_a_kind_that_shows_names_are_refused(
    folder: Path, options: Callable[[str], None], identity: Identity, tmp_path: Path
) -> None:
    save_picture(folder / "images" / "a.png", GREY)
    save_picture(folder / "masks" / "a.png", GREY)
    nibabel.Nifti1Image(np.ones((3, 4, 2), np.uint8), np.eye(4)).to_filename(folder / "v.nii")
    clean = Policy(declared_clean=frozenset({"US"}))
    for number, (modality, policy, accepted) in enumerate(
        [("US", Policy(), 0), ("ES", clean, 0), ("US", clean, 2), ("OT", Policy(), 2)]
    ):
        options(f'{{"subjects": "per_record", "image_modality": "{modality}"}}')
        delivery = open_delivery(folder.parents[1], "imaging", folder.name)
        stage = Stage(tmp_path / f"stage{number}", "g")
        with ReadingPool([ReadingProcess(policy=policy)]) as pool:
            read_files(delivery, stage, identity, pool, silent)
        stage.close()
        ingested = Ingested(delivery, stage)
        ingested.assert_accounted()
        assert len(ingested.rows("instance")) == len(ingested.rows("mask")) * 2 == accepted
        refused = {} if accepted else {"pixels.may_show_text": 2, "mask.no_image": 1}
        assert ingested.refusals() == refused
