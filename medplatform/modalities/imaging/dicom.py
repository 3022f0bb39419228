"""One DICOM file to a header and decoded frames, with pydicom, inside the reading process.

Sizes are checked before anything is inflated or decoded. What cannot be read raises `Unusable`.
"""

import hashlib
import io
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from pydicom import Dataset, FileDataset, dcmread
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset, read_partial, read_preamble
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import as_pixel_options, get_expected_length
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SegmentationStorage,
)

from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.elements import VALUE_ERRORS, Elements, element
from medplatform.modalities.imaging.header import read_header, sop_class
from medplatform.modalities.imaging.records import (
    Failure,
    FrameCell,
    Header,
    Limits,
    Problem,
    Reading,
)
from medplatform.modalities.imaging.values import to_uid

if TYPE_CHECKING:
    from pydicom.tag import BaseTag

READ_ERRORS = (*VALUE_ERRORS, zlib.error, RuntimeError, AssertionError)
"""What pydicom and its decoders raise on damaged or forged content."""

LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
SEGMENTATIONS = frozenset({str(SegmentationStorage), LABEL_MAP_SEGMENTATION_STORAGE})
PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

_SIGNATURE_OFFSET = 128
_SOP_INSTANCE_UID = 0x00080018
_IDENTIFYING_BYTES = 1 << 16  # the first elements of a deflated data set
# The first group of a data set without preamble, little- and big-endian.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")


class Unusable(Exception):
    """The file cannot be accepted; `failure` says why."""

    def __init__(self, code: str, element: str | None = None, sop_class: str | None = None) -> None:
        super().__init__(code)
        self.failure = Failure(code, element, sop_class)


def read_dicom(path: Path, limits: Limits) -> Reading:
    """Read and decode a file to the end.

    Raises
    ------
    Unusable
        The file is not DICOM, damaged, too large, or its pixels cannot be decoded.
    """
    dataset = open_dataset(path, limits)
    class_uid = sop_class(dataset)
    try:
        return _read(dataset, class_uid, limits)
    except Unusable as error:
        failure = error.failure
        raise Unusable(failure.code, failure.element, class_uid) from error


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
            return dcmread(stream, force=not has_preamble)
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


def decode_frames(dataset: Dataset) -> Iterator[tuple[np.ndarray, str]]:
    """Frames as pydicom decodes them, with their photometric interpretation.

    (rows, columns) or (rows, columns, samples); YBR and palettes are converted to RGB.

    Raises
    ------
    Unusable
        `pixels.undecodable`, or `pixels.truncated` where frames are missing.
    """
    try:
        expected = int(dataset.get("NumberOfFrames") or 1)
        uid = dataset.file_meta.TransferSyntaxUID
        _check_length(dataset, uid.is_encapsulated)
        count = 0
        for array, properties in islice(_decode(dataset, uid), expected):
            photometric = str(properties["photometric_interpretation"])
            if photometric == "PALETTE COLOR":
                array, photometric = apply_color_lut(array, dataset), "RGB"
            count += 1
            yield array, photometric
    except MemoryError:
        raise Unusable("dicom.too_large", element("PixelData")) from None
    except READ_ERRORS:
        raise Unusable("pixels.undecodable", element("PixelData")) from None
    if count < expected:
        raise Unusable("pixels.truncated", element("PixelData"))


def frame_cell(array: np.ndarray, frame_number: int) -> FrameCell:
    """Compress one frame."""
    name, pixels = codec.encode(array)
    return FrameCell(
        frame_number=frame_number,
        height=array.shape[0],
        width=array.shape[1],
        channels=array.shape[2] if array.ndim == 3 else 1,
        dtype=array.dtype.name,
        codec=name,
        pixels=pixels,
        pixel_sha256=hashlib.sha256(codec.pixel_bytes(array)).hexdigest(),
    )


def _read(dataset: FileDataset, class_uid: str | None, limits: Limits) -> Reading:
    header = read_header(dataset)
    if not header.sop_instance_uid:
        raise Unusable("dicom.no_sop_instance_uid", element("SOPInstanceUID"))
    if not any(keyword in dataset for keyword in PIXEL_KEYWORDS):
        if _is_image(dataset, class_uid):
            raise Unusable("pixels.missing", element("PixelData"))
        header.columns["frames"] = 0
        return Reading(header, [])
    _check_size(header.columns, limits)
    _settle_transfer_syntax(dataset, header)
    if class_uid in SEGMENTATIONS:
        from medplatform.modalities.imaging.segmentation import read_masks

        masks, problems = read_masks(dataset)
        header.problems += problems
        return Reading(header, list(masks))
    return _read_frames(dataset, header)


def _is_image(dataset: Dataset, class_uid: str | None) -> bool:
    """Whether an object must have pixels: without them its file was cut, often without a trace.

    pydicom takes the end of the file for the end of the data set.
    """
    if class_uid is None or class_uid not in UID_dictionary:
        return "Rows" in dataset
    return UID(class_uid).name.endswith("Image Storage") or class_uid in SEGMENTATIONS


def _read_frames(dataset: FileDataset, header: Header) -> Reading:
    digest = hashlib.sha256()
    cells = []
    for number, (array, photometric) in enumerate(decode_frames(dataset), 1):
        digest.update(codec.pixel_bytes(array))
        cells.append(frame_cell(array, number))
        header.columns["photometric"] = photometric
    header.columns["pixel_sha256"] = digest.hexdigest()
    return Reading(header, list(cells))


def _decode(dataset: Dataset, uid: UID) -> Iterator[tuple[np.ndarray, dict[str, str | int]]]:
    """Frames one by one, with the properties that they have after decoding."""
    decoder, options = get_decoder(uid), as_pixel_options(dataset)
    frame_bits = dataset.Rows * dataset.Columns * dataset.BitsAllocated
    if uid.is_encapsulated or frame_bits % 8 == 0:
        yield from decoder.iter_array(dataset, validate=True, **options)
        return
    # pydicom 3.0 cuts single frames short where bit-packed ones begin within a byte.
    array, properties = decoder.as_array(dataset, validate=True, **options)
    for frame in array.reshape(-1, *array.shape[-2:]):
        yield frame, properties


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


def _check_size(columns: dict[str, Any], limits: Limits) -> None:
    """Refuse before decoding what would decode to more than the limit."""
    size = columns["frames"] * (-(-(columns["bits_allocated"] or 8) // 8))
    for name in ("rows", "columns", "samples_per_pixel"):
        size *= columns[name] or 1
    if size > limits.pixel_bytes:
        raise Unusable("dicom.too_large", element("PixelData"))


def _settle_transfer_syntax(dataset: FileDataset, header: Header) -> None:
    """Name the encoding that the data set was parsed in where the file does not."""
    if dataset.file_meta.get("TransferSyntaxUID"):
        return
    is_implicit, is_little = dataset.original_encoding
    if is_implicit:
        uid = ImplicitVRLittleEndian
    else:
        uid = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
    dataset.file_meta.TransferSyntaxUID = uid
    header.problems.append(Problem("dicom.no_transfer_syntax", element("TransferSyntaxUID")))


def _check_length(dataset: Dataset, is_encapsulated: bool) -> None:
    """Native pixel data is as long as its description says, or longer."""
    if is_encapsulated or "PixelData" not in dataset:
        return
    if len(dataset.PixelData) < get_expected_length(dataset):
        raise Unusable("pixels.truncated", element("PixelData"))
