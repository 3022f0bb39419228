"""Opens DICOM files of whatever age: without preamble, meta information or transfer syntax.

Sizes are checked before anything is inflated. What cannot be read raises `Unusable`.
"""

import io
import zlib
from functools import cached_property
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pydicom import Dataset, FileDataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset, read_partial, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

from medplatform.modalities.imaging.errors import READ_ERRORS, Unusable
from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.flatten.element import PIXEL_TAGS
from medplatform.modalities.imaging.flatten.reading import PREFIX, Walked, find_text, walk_file
from medplatform.modalities.imaging.flatten.tree import flatten_dataset
from medplatform.modalities.imaging.records import Limits
from medplatform.modalities.imaging.values import to_uid

if TYPE_CHECKING:
    from pydicom.tag import BaseTag

MAPPED_BYTES = 1 << 18
"""From this size on a file is mapped, so that pixels that nobody asks for are not read."""

DEFERRED_BYTES = 16 << 20
"""Larger values stay in the file until they are asked for, frame by frame."""

_SOP_INSTANCE_UID = "00080018"
_BEGINNING_BYTES = 1 << 12
_INFLATED_BYTES = 1 << 16
"""Of a data set, what holds its first elements."""
# The first group of a data set without preamble, little- and big-endian.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")


class DicomFile:
    """An open file: its elements, and the data set of pydicom where somebody needs that.

    Attributes
    ----------
    elements
        All but the pixel data, the file meta information first.
    has_pixels
        Whether there is pixel data.

    Raises
    ------
    Unusable
        `dicom.not_dicom`, `dicom.unreadable` or `dicom.too_large`.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self._limits = limits
        walked = _walk(path, limits)
        if walked:
            self.elements = walked.elements
            self.has_pixels = walked.pixels is not None
        else:
            self.elements = _flatten(self.dataset)
            self.has_pixels = any(tag in self.dataset for tag in PIXEL_TAGS)

    @cached_property
    def dataset(self) -> FileDataset:
        """The data set as pydicom parses it, with its pixel data."""
        return open_dataset(self.path, self._limits)


def open_dataset(path: Path, limits: Limits) -> FileDataset:
    """Parse a file with pydicom.

    Raises
    ------
    Unusable
        `dicom.not_dicom`, `dicom.unreadable` or `dicom.too_large`.
    """
    _check_size(path, limits)
    with path.open("rb") as stream:
        has_preamble = _check_signature(stream)
        try:
            if has_preamble and (found := _open_deflated(stream, limits.pixel_bytes)):
                return found
            stream.seek(0)
            return dcmread(stream, defer_size=DEFERRED_BYTES, force=not has_preamble)
        except MemoryError:
            raise Unusable("dicom.too_large") from None
        except READ_ERRORS:
            raise Unusable("dicom.unreadable") from None


def sop_instance_uid(path: Path) -> str | None:
    """SOP Instance UID (0008,0018), read without the rest of the file; None where there is none."""
    with path.open("rb") as stream:
        try:
            has_preamble = _check_signature(stream)
            text = find_text(stream.read(_BEGINNING_BYTES), _SOP_INSTANCE_UID)
            if text is None:
                stream.seek(0)
                elements = _flatten(_read_beginning(stream, has_preamble))
                text = next((e.text for e in elements if e.path == _SOP_INSTANCE_UID), None)
            return to_uid(text[0]) if text and len(text) == 1 else None
        except (Unusable, MemoryError, *READ_ERRORS):
            return None  # the reading itself will say why


def _walk(path: Path, limits: Limits) -> Walked | None:
    size = _check_size(path, limits)
    with path.open("rb") as stream:
        _check_signature(stream)
        if size < MAPPED_BYTES:
            return walk_file(stream.read(), most_inflated=limits.pixel_bytes)
        with mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
            return walk_file(data, most_inflated=limits.pixel_bytes)


def _flatten(dataset: Dataset) -> list[Element]:
    try:
        return flatten_dataset(dataset)
    except READ_ERRORS:
        raise Unusable("dicom.unreadable") from None


def _check_size(path: Path, limits: Limits) -> int:
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise Unusable("dicom.too_large")
    return size


def _check_signature(stream: BinaryIO) -> bool:
    """Whether the file has a preamble; `dicom.not_dicom` where it cannot be a data set either."""
    head = stream.read(PREFIX + 4)
    stream.seek(0)
    if head[PREFIX:] == b"DICM":
        return True
    if not head.startswith(_FIRST_GROUPS):
        raise Unusable("dicom.not_dicom")
    return False


def _read_beginning(stream: BinaryIO, has_preamble: bool) -> Dataset:
    """The data set as far as its SOP Instance UID."""
    if has_preamble and (found := _open_deflated(stream, _INFLATED_BYTES, whole=False)):
        return found
    stream.seek(0)
    return read_partial(stream, _behind_sop_instance_uid, force=not has_preamble)


def _open_deflated(stream: BinaryIO, limit: int, whole: bool = True) -> FileDataset | None:
    """A data set in Deflated Explicit VR Little Endian (PS3.5 A.5), None for any other.

    At most `limit` bytes are inflated, where pydicom would inflate them all.
    """
    preamble = read_preamble(stream, force=False)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return None
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(stream.read(), limit)
    if whole and not inflater.eof and inflater.unconsumed_tail:
        raise Unusable("dicom.too_large")
    buffer = io.BytesIO(content)
    stop = None if whole else _behind_sop_instance_uid
    dataset = read_dataset(buffer, False, True, stop_when=stop)
    return FileDataset(
        buffer,
        dataset,
        preamble,
        FileMetaDataset(meta),
        is_implicit_VR=False,
        is_little_endian=True,
    )


def _behind_sop_instance_uid(tag: "BaseTag", _vr: str | None, _length: int) -> bool:
    return tag > int(_SOP_INSTANCE_UID, 16)
