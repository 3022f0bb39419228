"""Pixel data to frames, with pydicom's decoders, inside the reading process.

Sizes are checked before anything is decoded. What cannot be decoded raises `Unusable`.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import as_pixel_options, get_expected_length
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.elements import element
from medplatform.modalities.imaging.errors import READ_ERRORS, Unusable
from medplatform.modalities.imaging.records import FrameCell, Header, Limits, Problem, Reading

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def read_frames(dataset: FileDataset, header: Header) -> Reading:
    """All frames of an image, compressed; their digest and photometric go into the header.

    Raises
    ------
    Unusable
        The pixels cannot be decoded.
    """
    digest = hashlib.sha256()
    cells = []
    for number, (array, photometric) in enumerate(decode_frames(dataset), 1):
        digest.update(codec.pixel_bytes(array))
        cells.append(frame_cell(array, number))
        header.columns["photometric"] = photometric
    header.columns["pixel_sha256"] = digest.hexdigest()
    return Reading(header, list(cells))


def check_size(columns: dict[str, Any], limits: Limits) -> None:
    """Refuse before decoding what would decode to more than the limit."""
    size = columns["frames"] * (-(-(columns["bits_allocated"] or 8) // 8))
    for name in ("rows", "columns", "samples_per_pixel"):
        size *= columns[name] or 1
    if size > limits.pixel_bytes:
        raise Unusable("dicom.too_large", element("PixelData"))


def settle_transfer_syntax(dataset: FileDataset, header: Header) -> None:
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


def _check_length(dataset: Dataset, is_encapsulated: bool) -> None:
    """Native pixel data is as long as its description says, or longer."""
    if is_encapsulated or "PixelData" not in dataset:
        return
    if len(dataset.PixelData) < get_expected_length(dataset):
        raise Unusable("pixels.truncated", element("PixelData"))
