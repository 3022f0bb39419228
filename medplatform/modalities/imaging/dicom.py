"""One DICOM file to a header and decoded frames, with pydicom, inside the reading process.

Sizes are checked before anything is inflated. What cannot be read raises `Unusable`.
"""

import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pydicom import Dataset, FileDataset, dcmread
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset, read_partial, read_preamble
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, SegmentationStorage

from medplatform.modalities.imaging.annotation.objects import read_annotations
from medplatform.modalities.imaging.description import (
    check_size,
    settle_description,
    settle_transfer_syntax,
)
from medplatform.modalities.imaging.elements import Elements, element
from medplatform.modalities.imaging.errors import READ_ERRORS, Unusable
from medplatform.modalities.imaging.header import read_header, sop_class
from medplatform.modalities.imaging.image import read_frames
from medplatform.modalities.imaging.pixel_data import has_pixels
from medplatform.modalities.imaging.records import Cell, Limits, Reading
from medplatform.modalities.imaging.segmentation import read_segmentation
from medplatform.modalities.imaging.values import to_uid

if TYPE_CHECKING:
    from pydicom.tag import BaseTag

LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
SEGMENTATIONS = frozenset({str(SegmentationStorage), LABEL_MAP_SEGMENTATION_STORAGE})

DEFERRED_BYTES = 16 << 20
"""Larger values stay in the file until they are asked for, frame by frame."""

_SIGNATURE_OFFSET = 128
_SOP_INSTANCE_UID = 0x00080018
_IDENTIFYING_BYTES = 1 << 16  # the first elements of a deflated data set
# The first group of a data set without preamble, little- and big-endian.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")


def read_dicom(path: Path, limits: Limits) -> Reading:
    """Read a file; its frames are decoded as they are asked for.

    Raises
    ------
    Unusable
        The file is not DICOM, damaged, too large, or its pixels cannot be decoded; also while
        the cells are read.
    """
    dataset = open_dataset(path, limits)
    class_uid = sop_class(dataset)
    with _named(class_uid):
        reading = _read(dataset, class_uid, limits)
    return Reading(reading.header, _cells(reading.cells, class_uid))


def open_dataset(path: Path, limits: Limits) -> FileDataset:
    """Parse a file, whatever its age: without preamble, meta information or transfer syntax.

    Raises
    ------
    Unusable
        `dicom.not_dicom`, `dicom.unreadable` or `dicom.too_large`.
    """
    if path.stat().st_size > limits.file_bytes:
        raise Unusable("dicom.too_large")
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
            if has_preamble and (found := _open_deflated(stream, _IDENTIFYING_BYTES, whole=False)):
                dataset: Dataset = found
            else:
                stream.seek(0)
                dataset = read_partial(stream, _behind_sop_instance_uid, force=not has_preamble)
            return Elements(dataset).read("SOPInstanceUID", to_uid)
        except (Unusable, MemoryError, *READ_ERRORS):
            return None  # the reading itself will say why


@contextmanager
def _named(class_uid: str | None) -> Iterator[None]:
    """Have a failure say of what SOP class the file is."""
    try:
        yield
    except Unusable as error:
        failure = error.failure
        raise Unusable(failure.code, failure.element, class_uid) from error


def _cells(cells: Iterable[Cell], class_uid: str | None) -> Iterator[Cell]:
    with _named(class_uid):
        yield from cells


def _read(dataset: FileDataset, class_uid: str | None, limits: Limits) -> Reading:
    header = read_header(dataset)
    if not header.sop_instance_uid:
        raise Unusable("dicom.no_sop_instance_uid", element("SOPInstanceUID"))
    if not has_pixels(dataset):
        if _is_image(dataset, class_uid):
            raise Unusable("pixels.missing", element("PixelData"))
        header.columns["frames"] = 0
        annotations, problems = read_annotations(dataset, class_uid)
        header.problems += problems
        return Reading(header, list(annotations))
    settle_transfer_syntax(dataset, header)
    settle_description(dataset, header)
    check_size(dataset, limits)
    if class_uid in SEGMENTATIONS:
        masks, problems = read_segmentation(dataset)
        header.problems += problems
        return Reading(header, list(masks))
    return Reading(header, read_frames(dataset, header))


def _is_image(dataset: Dataset, class_uid: str | None) -> bool:
    """Whether an object must have pixels: without them its file was cut, often without a trace.

    pydicom takes the end of the file for the end of the data set.
    """
    if class_uid is None or class_uid not in UID_dictionary:
        return "Rows" in dataset
    return UID(class_uid).name.endswith("Image Storage") or class_uid in SEGMENTATIONS


def _check_signature(stream: BinaryIO) -> bool:
    """Whether the file has a preamble; `dicom.not_dicom` where it cannot be a data set either."""
    head = stream.read(_SIGNATURE_OFFSET + 4)
    stream.seek(0)
    if head[_SIGNATURE_OFFSET:] == b"DICM":
        return True
    if not head.startswith(_FIRST_GROUPS):
        raise Unusable("dicom.not_dicom")
    return False


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
    return tag > _SOP_INSTANCE_UID
