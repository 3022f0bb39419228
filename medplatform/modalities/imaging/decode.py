"""Pixel data to frames, one after another, inside the reading process.

pydicom decodes (see `decoders` for what it leaves out); here are what it takes to do so safely,
and the layouts that it does not know. Sizes are checked before anything is decoded.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, RLELossless

from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.codestream import read_codestream
from medplatform.modalities.imaging.decoders import NATIVE_FRAMES, find_decoder, unpack_rle
from medplatform.modalities.imaging.elements import element
from medplatform.modalities.imaging.errors import READ_ERRORS, Unusable
from medplatform.modalities.imaging.packed import PACKED_BITS, read_packed
from medplatform.modalities.imaging.pixel_data import PixelData
from medplatform.modalities.imaging.records import FrameCell

Frame = tuple[np.ndarray, str]
"""(rows, columns) or (rows, columns, samples), and the photometric interpretation."""


def decode_frames(dataset: Dataset, *, expands_palette: bool = True) -> Iterator[Frame]:
    """Frames as pydicom decodes them; YBR and, on demand, palettes are converted to RGB.

    The data set must be described in full (see `description`).

    Raises
    ------
    Unusable
        `pixels.undecodable`, `pixels.truncated` where frames are missing, `pixels.other_size`
        where one has other rows or columns than the data set, `pixels.no_decoder`.
    """
    expected = int(dataset.get("NumberOfFrames") or 1)
    count = 0
    try:
        for array, photometric in islice(_decode(dataset, expected), expected):
            if photometric == "PALETTE COLOR" and expands_palette:
                array, photometric = apply_color_lut(array, dataset), "RGB"
            count += 1
            yield array, photometric
    except MemoryError:
        raise Unusable("dicom.too_large", element("PixelData")) from None
    except READ_ERRORS:
        raise Unusable("pixels.undecodable", element("PixelData")) from None
    if count < expected:
        raise Unusable("pixels.truncated", element("PixelData"))


def frame_cell(
    array: np.ndarray,
    frame_number: int,
    *,
    columns: dict[str, Any] | None = None,
    acquired_at: datetime | None = None,
    sha256: str | None = None,
) -> FrameCell:
    """Compress one frame, with what is said of it; its digest is computed where it is not given."""
    name, pixels = codec.encode(array)
    return FrameCell(
        frame_number=frame_number,
        height=array.shape[0],
        width=array.shape[1],
        channels=array.shape[2] if array.ndim == 3 else 1,
        dtype=array.dtype.name,
        codec=name,
        pixels=pixels,
        pixel_sha256=sha256 or hashlib.sha256(codec.pixel_bytes(array)).hexdigest(),
        acquired_at=acquired_at,
        columns=columns or {},
    )


def _decode(dataset: Dataset, frames: int) -> Iterator[Frame]:
    data = PixelData(dataset)
    if not data.is_encapsulated:
        return _decode_native(dataset, data, frames)
    uid = dataset.file_meta.TransferSyntaxUID
    if uid in NATIVE_FRAMES:
        return _decode_as_native(dataset, data, NATIVE_FRAMES[uid])
    if uid == RLELossless and dataset.BitsAllocated == 1:
        return _decode_as_native(dataset, data, unpack_rle)
    return _decode_encapsulated(dataset, data)


def _decode_native(dataset: Dataset, data: PixelData, frames: int) -> Iterator[Frame]:
    if 8 * (data.length or 0) < data.frame_bits() * frames:
        raise Unusable("pixels.truncated", element(data.keyword))
    with data.open() as stream:
        if dataset.BitsAllocated in PACKED_BITS:
            yield from _decode_packed(dataset, stream, frames)
            return
        options = _options(dataset, data)
        is_low = is_aligned(dataset)
        decoder = find_decoder(dataset.file_meta.TransferSyntaxUID)
        for array, properties in decoder.iter_array(stream, correct_unused_bits=is_low, **options):
            if not is_low:
                array = _align(array, dataset)
            yield array, str(properties["photometric_interpretation"])


def _decode_packed(dataset: Dataset, stream: BinaryIO, frames: int) -> Iterator[Frame]:
    shape, bits = (dataset.Rows, dataset.Columns), dataset.BitsAllocated
    is_big_endian = dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    if dataset.SamplesPerPixel != 1 or (bits > 1 and is_big_endian):
        raise ValueError("packed pixels of several samples, or in words")
    for pixels in read_packed(stream, bits, dataset.Rows * dataset.Columns, frames):
        yield pixels.reshape(shape), dataset.PhotometricInterpretation


def _decode_as_native(
    dataset: Dataset, data: PixelData, unpack: Callable[[bytes, int], bytes]
) -> Iterator[Frame]:
    """Frames that are native ones but for a general compression."""
    size = -(-data.frame_bits() // 8)
    decoder = find_decoder(ExplicitVRLittleEndian)
    options: dict[str, Any] = {**_options(dataset, data), "number_of_frames": 1}
    for frame in encoded_frames(dataset, data):
        array, properties = decoder.as_array(unpack(frame, size), **options)
        yield array, str(properties["photometric_interpretation"])


def _decode_encapsulated(dataset: Dataset, data: PixelData) -> Iterator[Frame]:
    try:
        decoder = find_decoder(dataset.file_meta.TransferSyntaxUID)
    except LookupError:
        raise Unusable("pixels.no_decoder", element("TransferSyntaxUID")) from None
    with data.open() as stream:
        decoded = decoder.iter_array(stream, **_options(dataset, data))
        # Each frame is looked at just before it is decoded.
        for _, (array, properties) in zip(encoded_frames(dataset, data), decoded, strict=False):
            yield array, str(properties["photometric_interpretation"])


def encoded_frames(dataset: Dataset, data: PixelData) -> Iterator[bytes]:
    """Compressed frames, each as large as it should be by its own header."""
    options = _options(dataset, data)
    with data.open() as stream:
        for frame in generate_frames(
            stream,
            number_of_frames=options["number_of_frames"],
            extended_offsets=options.get("extended_offsets"),
        ):
            codestream = read_codestream(frame)
            if codestream and (codestream.rows, codestream.columns) != (
                dataset.Rows,
                dataset.Columns,
            ):
                raise Unusable("pixels.other_size", element(data.keyword))
            yield frame


def _options(dataset: Dataset, data: PixelData) -> dict[str, Any]:
    return as_pixel_options(dataset, pixel_keyword=data.keyword, pixel_vr=data.vr)


def is_aligned(dataset: Dataset) -> bool:
    """Whether the stored bits are the low ones, as pydicom takes for granted."""
    if "PixelData" not in dataset or "HighBit" not in dataset:
        return True
    high_bit = int(dataset.HighBit or 0)
    return not dataset.BitsStored <= high_bit < dataset.BitsAllocated


def _align(array: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Move the stored bits down to the low ones, with their sign."""
    unused = dataset.BitsAllocated - 1 - dataset.HighBit
    return (array << unused) >> (dataset.BitsAllocated - dataset.BitsStored)
