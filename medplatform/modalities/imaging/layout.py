"""What a delivered file is, from its name and its first bytes alone.

The reader goes by it, and `count_records` counts by it without opening anything further.
"""

from enum import StrEnum
from pathlib import Path, PurePath

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
SIDECAR_SUFFIXES = frozenset(
    {".csv", ".htm", ".html", ".json", ".log", ".md", ".pdf", ".tsv", ".txt", ".xlsx", ".xml"}
    | {".yaml", ".yml"}
)
SIDECAR_NAMES = frozenset({"DICOMDIR", "LICENSE", "LICENCE", "README"})
MASK_FOLDER = "masks"
IMAGE_FOLDER = "images"

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PREAMBLE_BYTES = 128


class Kind(StrEnum):
    """Kinds of delivered files."""

    DICOM = "dicom"
    PICTURE = "picture"
    MASK = "mask"
    TABLE = "table"
    SIDECAR = "sidecar"

    @property
    def unit(self) -> str:
        """The unit in which a file of this kind is counted."""
        return _UNITS[self]


_UNITS = {
    Kind.DICOM: "instance",
    Kind.PICTURE: "instance",
    Kind.MASK: "mask",
    Kind.TABLE: "file",
    Kind.SIDECAR: "file",
}


def kind_of(path: Path) -> Kind:
    """The kind of a delivered file.

    A DICOM or picture signature goes before the name; a file that nothing else claims is taken
    for DICOM, since exports name their files freely and older ones have no signature.
    """
    if path.name in SIDECAR_NAMES:
        return Kind.SIDECAR
    with path.open("rb") as stream:
        head = stream.read(_PREAMBLE_BYTES + 4)
    if head[_PREAMBLE_BYTES:] == b"DICM":
        return Kind.DICOM
    suffix = path.suffix.lower()
    if head.startswith((_PNG, _JPEG)) or suffix in PICTURE_SUFFIXES:
        return Kind.MASK if path.parent.name == MASK_FOLDER else Kind.PICTURE
    if suffix == ".csv":
        return Kind.TABLE
    return Kind.SIDECAR if suffix in SIDECAR_SUFFIXES else Kind.DICOM


def count_records(path: Path) -> dict[str, int]:
    """Records of one file per unit; a table also holds one `label` per line below its header."""
    kind = kind_of(path)
    if kind is not Kind.TABLE:
        return {kind.unit: 1}
    with path.open("rb") as stream:
        lines = sum(1 for line in stream if line.strip())
    return {kind.unit: 1, **({"label": lines - 1} if lines > 1 else {})}


def stem_of(path: PurePath) -> str:
    """A picture's name without its suffix, whole where the suffix is none of a picture."""
    return path.stem if path.suffix.lower() in PICTURE_SUFFIXES else path.name


def pairing_key(path: PurePath) -> tuple[PurePath, str]:
    """What an image and its mask have in common: the folder above `images` or `masks`, the stem."""
    folder = path.parent
    if folder.name in (IMAGE_FOLDER, MASK_FOLDER):
        folder = folder.parent
    return folder, stem_of(path)
