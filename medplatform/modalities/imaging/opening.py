"""Opens DICOM files of whatever age: without preamble, meta information or transfer syntax.

Sizes are checked before anything is inflated. What cannot be read raises `Unusable`.
"""

import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset, FileDataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

from medplatform.modalities.imaging.elements import FlatElements
from medplatform.modalities.imaging.errors import READ_ERRORS, Unusable
from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.flatten.element import PIXEL_TAGS
from medplatform.modalities.imaging.flatten.reading import (
    PREFIX,
    Walked,
    walk_beginning,
    walk_file,
)
from medplatform.modalities.imaging.flatten.tree import flatten_dataset
from medplatform.modalities.imaging.flatten.walker import KeepsPrivate, keep_all
from medplatform.modalities.imaging.records import Identified, Limits
from medplatform.modalities.imaging.values import to_uid

MAPPED_BYTES = 1 << 18
"""From this size on a file is mapped, so that pixels that nobody asks for are not read."""

DEFERRED_BYTES = 16 << 20
"""Larger values stay in the file until they are asked for, frame by frame."""

_SERIES_INSTANCE_UID = "0020000E"
# The first group of a data set without preamble, little- and big-endian.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")


class DicomFile:
    """An open file: its elements, and the data set of pydicom where somebody needs that.

    Parameters
    ----------
    keeps_private
        Private elements that nobody wants need not be read.

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

    def __init__(self, path: Path, limits: Limits, keeps_private: KeepsPrivate = keep_all) -> None:
        self.path = path
        self._limits = limits
        walked = _walk(path, limits, keeps_private)
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


def identify(path: Path, limits: Limits) -> Identified:
    """SOP (0008,0018) and Series Instance UID (0020,000E), None where they are missing or unusable.

    They are read without the rest of the file, where it is in order up to the second.
    """
    try:
        with _content(path) as data:
            beginning = walk_beginning(data, _SERIES_INSTANCE_UID)
        found = _identity(beginning or ())
        return found if all(found) else _identity(DicomFile(path, limits).elements)
    except (Unusable, MemoryError, *READ_ERRORS):
        return Identified()  # the reading itself will say why


def _identity(elements: Iterable[Element]) -> Identified:
    found = FlatElements(elements)
    uids = (found.read(name, to_uid) for name in ("SOPInstanceUID", "SeriesInstanceUID"))
    return Identified(*uids)


def _walk(path: Path, limits: Limits, keeps_private: KeepsPrivate) -> Walked | None:
    _check_size(path, limits)
    with _content(path) as data:
        return walk_file(data, most_inflated=limits.pixel_bytes, keeps_private=keeps_private)


@contextmanager
def _content(path: Path) -> Iterator[bytes | mmap]:
    with path.open("rb") as stream:
        _check_signature(stream)
        if path.stat().st_size < MAPPED_BYTES:
            yield stream.read()
        else:
            with mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
                yield data


def _flatten(dataset: Dataset) -> list[Element]:
    try:
        return flatten_dataset(dataset)
    except READ_ERRORS:
        raise Unusable("dicom.unreadable") from None


def _check_size(path: Path, limits: Limits) -> None:
    if path.stat().st_size > limits.file_bytes:
        raise Unusable("dicom.too_large")


def _check_signature(stream: BinaryIO) -> bool:
    """Whether the file has a preamble; `dicom.not_dicom` where it cannot be a data set either."""
    head = stream.read(PREFIX + 4)
    stream.seek(0)
    if head[PREFIX:] == b"DICM":
        return True
    if not head.startswith(_FIRST_GROUPS):
        raise Unusable("dicom.not_dicom")
    return False


def _open_deflated(stream: BinaryIO, limit: int) -> FileDataset | None:
    """A data set in Deflated Explicit VR Little Endian (PS3.5 A.5), None for any other.

    At most `limit` bytes are inflated, where pydicom would inflate them all.
    """
    preamble = read_preamble(stream, force=False)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return None
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(stream.read(), limit)
    if not inflater.eof and inflater.unconsumed_tail:
        raise Unusable("dicom.too_large")
    buffer = io.BytesIO(content)
    dataset = read_dataset(buffer, False, True)
    return FileDataset(
        buffer,
        dataset,
        preamble,
        FileMetaDataset(meta),
        is_implicit_VR=False,
        is_little_endian=True,
    )
