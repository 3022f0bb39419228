"""Small images of all common transfer syntaxes."""

import io
from collections.abc import Callable

import imagecodecs
import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

SOP_INSTANCE_UID = "1.2.826.0.1.3680043.8.498.1000"
"""The same in all of them."""

SYNTAXES: dict[UID, Callable[[np.ndarray], bytes] | None] = {
    ImplicitVRLittleEndian: None,
    ExplicitVRLittleEndian: None,
    ExplicitVRBigEndian: None,
    DeflatedExplicitVRLittleEndian: None,
    RLELossless: lambda a: _run_lengths(a),
    JPEGBaseline8Bit: lambda a: bytes(imagecodecs.jpeg8_encode(a.astype(np.uint8))),
    JPEGLosslessSV1: lambda a: bytes(imagecodecs.ljpeg_encode(a, bitspersample=16)),
    JPEGLSLossless: lambda a: bytes(imagecodecs.jpegls_encode(a)),
    JPEG2000Lossless: lambda a: bytes(imagecodecs.jpeg2k_encode(a, codecformat="j2k")),
    HTJ2KLossless: lambda a: bytes(imagecodecs.htj2k_encode(a, reversible=True)),
}


def make_images() -> list[bytes]:
    """An image of each transfer syntax, of one frame and of three, and a picture."""
    pixels = (np.arange(3 * 32 * 24) * 7 % 251).reshape(3, 32, 24).astype(np.uint16)
    images = [_image(syntax, pixels[:frames]) for syntax in SYNTAXES for frames in (1, 3)]
    picture = io.BytesIO()
    Image.fromarray(pixels[0].astype(np.uint8)).save(picture, "PNG")
    return [*images, picture.getvalue()]


def _image(syntax: UID, frames: np.ndarray) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    uid = UID(SOP_INSTANCE_UID)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.1", "1.2.3.1.1"
    dataset.PatientID, dataset.Modality, dataset.StudyDate = "MRN-1", "CT", "20200101"
    dataset.PatientName, dataset.PatientAge = "Doe^Jane", "030Y"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 if syntax == JPEGBaseline8Bit else 16
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    encode = SYNTAXES[syntax]
    if encode:
        dataset.add_new("PixelData", "OB", encapsulate([encode(frame) for frame in frames]))
        dataset["PixelData"].is_undefined_length = True
    else:
        order = "<" if syntax.is_little_endian else ">"
        dataset.add_new("PixelData", "OW", frames.astype(f"{order}u2").tobytes())
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _run_lengths(frame: np.ndarray) -> bytes:
    """RLE Lossless (PS3.5 Annex G): a segment of the high bytes and one of the low ones."""
    segments = [
        bytes(imagecodecs.packbits_encode(plane.astype(np.uint8).tobytes()))
        for plane in (frame >> 8, frame & 0xFF)
    ]
    offsets = (2, 64, 64 + len(segments[0]))
    header = b"".join(number.to_bytes(4, "little") for number in offsets)
    return header.ljust(64, b"\0") + b"".join(segments)
