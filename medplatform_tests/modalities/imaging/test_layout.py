"""What a delivered file is taken for, and how it is counted."""

from pathlib import Path, PurePath

import pytest

from medplatform.modalities.imaging.layout import Kind, kind_of, pairing_key
from medplatform.modalities.imaging.sources.count import count_records

_DICOM = bytes(128) + b"DICM"
_DIRECTORY_CLASS = b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10"
_PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("1.dcm", _DICOM, Kind.DICOM),
        ("IM000001", b"", Kind.DICOM),
        ("report.txt", _DICOM, Kind.DICOM),
        ("masks/1.dcm", _DICOM, Kind.DICOM),
        ("a.PNG", b"", Kind.PICTURE),
        ("a.bin", _PNG, Kind.PICTURE),
        ("a", b"\xff\xd8\xff\xe0", Kind.PICTURE),
        ("masks/a.png", _PNG, Kind.MASK),
        ("masks/old/a.png", _PNG, Kind.PICTURE),
        ("labels.csv", b"", Kind.TABLE),
        ("README.md", b"", Kind.SIDECAR),
        ("DICOMDIR", _DICOM, Kind.DIRECTORY),
        ("dicomdir", b"", Kind.DIRECTORY),
        ("DICOMDIR.dcm", _DICOM, Kind.DIRECTORY),
        ("index", _DICOM + _DIRECTORY_CLASS, Kind.DIRECTORY),
    ],
)
def test_the_signature_goes_before_the_name(
    name: str, content: bytes, kind: Kind, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(content)
    assert kind_of(path) is kind


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        ("", {"file": 1}),
        ("file,label\n", {"file": 1}),
        ("\n\nfile,label\na,1\n\n  \nb,2", {"file": 1, "label": 2}),
    ],
)
def test_a_table_counts_its_lines_below_the_header(
    content: str, counts: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text(content)
    assert count_records(tmp_path / "labels.csv") == counts


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/a.jpg", "masks/a.png"),
        ("a.png", "masks/a.png"),
        ("ward/images/a.b.png", "ward/masks/a.b.png"),
    ],
)
def test_images_and_masks_pair_by_folder_and_stem(image: str, mask: str) -> None:
    assert pairing_key(PurePath(image)) == pairing_key(PurePath(mask))


def test_equal_stems_in_different_folders_do_not_pair() -> None:
    assert pairing_key(PurePath("x/images/a.png")) != pairing_key(PurePath("y/masks/a.png"))
