"""What a delivered file is, from its name and its first bytes alone.

The reader goes by it, and the count of records does, without opening anything further.
"""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path, PurePath

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
SIDECAR_SUFFIXES = frozenset(
    {".csv", ".htm", ".html", ".json", ".log", ".md", ".pdf", ".tsv", ".txt", ".xlsx", ".xml"}
    | {".yaml", ".yml", ".docx", ".pptx", ".ods", ".odt"}
)
SIDECAR_NAMES = frozenset({"LICENSE", "LICENCE", "README"})
DIRECTORY_STEM = "dicomdir"
HEAD_BYTES = 512
"""What is looked at of a file to tell its kind; a tar header has as many."""
VOLUME_SUFFIXES = (".nii.gz", ".nii")
_IMAGE_SUFFIXES = (*VOLUME_SUFFIXES, *PICTURE_SUFFIXES, ".dcm")
MASK_FOLDER = "masks"
IMAGE_FOLDER = "images"

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PREAMBLE_BYTES = 128
# (0002,0002) Media Storage SOP Class UID: Media Storage Directory Storage (PS3.10 8.6).
_DIRECTORY_CLASS = b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10"


class Kind(StrEnum):
    """Kinds of delivered files."""

    DICOM = "dicom"
    PICTURE = "picture"
    MASK = "mask"
    VOLUME = "volume"
    LABEL_MAP = "label_map"
    TABLE = "table"
    SIDECAR = "sidecar"
    DIRECTORY = "dicomdir"
    ARCHIVE = "archive"

    @property
    def unit(self) -> str:
        """The unit in which a file of this kind is counted."""
        return _UNITS[self]


_UNITS = {
    Kind.DICOM: "instance",
    Kind.PICTURE: "instance",
    Kind.MASK: "mask",
    Kind.VOLUME: "instance",
    Kind.LABEL_MAP: "mask",
    Kind.TABLE: "file",
    Kind.SIDECAR: "file",
    Kind.DIRECTORY: "file",
    Kind.ARCHIVE: "file",
}


def kind_of(path: Path) -> Kind:
    """The kind of a delivered file that is no archive."""
    return kind_of_content(path, read_head(path))


def read_head(path: Path) -> bytes:
    """The bytes by which the kind of a file is told."""
    with path.open("rb") as stream:
        return stream.read(HEAD_BYTES)


def kind_of_content(name: PurePath, head: bytes) -> Kind:
    """The kind of a content that is no archive, from its name and its first bytes.

    A DICOM or picture signature goes before the name; a file that nothing else claims is taken
    for DICOM, since exports name their files freely and older ones have no signature.
    """
    if name.name in SIDECAR_NAMES:
        return Kind.SIDECAR
    suffix = name.suffix.lower()
    if name.stem.lower() == DIRECTORY_STEM and suffix in ("", ".dcm"):
        return Kind.DIRECTORY
    if has_dicom_signature(head):
        return Kind.DIRECTORY if _DIRECTORY_CLASS in head else Kind.DICOM
    if head.startswith((_PNG, _JPEG)) or suffix in PICTURE_SUFFIXES:
        return Kind.MASK if name.parent.name == MASK_FOLDER else Kind.PICTURE
    if name.name.lower().endswith(VOLUME_SUFFIXES) or has_nifti_signature(head):
        return Kind.LABEL_MAP if name.parent.name == MASK_FOLDER else Kind.VOLUME
    if suffix == ".csv":
        return Kind.TABLE
    return Kind.SIDECAR if suffix in SIDECAR_SUFFIXES else Kind.DICOM


def has_nifti_signature(head: bytes) -> bool:
    """Whether a file begins with the header of a single-file NIfTI-1 or NIfTI-2."""
    return head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0"


def has_dicom_signature(head: bytes) -> bool:
    """Whether a file begins with a preamble and DICM (PS3.10 7.1)."""
    return head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == b"DICM"


def count_lines(stream: Iterable[bytes]) -> int:
    """Rows of a label table: lines that are not blank, below the header."""
    return max(0, sum(1 for line in stream if line.strip()) - 1)


def stem_of(path: PurePath) -> str:
    """An image's name without its suffix, whole where the suffix is none of an image."""
    name = path.name
    suffix = next((s for s in _IMAGE_SUFFIXES if name.lower().endswith(s)), "")
    return name[: -len(suffix)] if suffix and name != suffix else name


def pairing_key(path: PurePath) -> tuple[PurePath, str]:
    """What an image and its mask have in common: the folder above `images` or `masks`, the stem."""
    folder = path.parent
    if folder.name in (IMAGE_FOLDER, MASK_FOLDER):
        folder = folder.parent
    return folder, stem_of(path)
