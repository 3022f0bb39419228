"""Decoders beside those that come with pydicom: imagecodecs where pydicom's plugins fail or lack.

`decode_frame` is a plugin of pydicom's, the last one asked (see "Decoder plugins" in pydicom's
documentation): signs, planes and colours are settled by pydicom, whoever decoded. Frames whose
decoded bytes are those of a native frame are decoded by `NATIVE_FRAMES`. Imported only by the
reading process.
"""

import zlib
from collections.abc import Callable
from functools import cache
from typing import Final

import imagecodecs
import numpy as np
from pydicom.pixels.decoders.base import Decoder, DecodeRunner, get_decoder
from pydicom.uid import UID, RLELossless

from medplatform.modalities.imaging.codestream import Codestream, read_codestream

DEFLATED_IMAGE_FRAME = UID("1.2.840.10008.1.2.8.1")
ENCAPSULATED_UNCOMPRESSED = UID("1.2.840.10008.1.2.1.98")
DECODER_DEPENDENCIES: Final = {}  # pydicom asks for it

_LABEL = "imagecodecs"
_COLOUR_TRANSFORMED = ("YBR_ICT", "YBR_RCT")


def is_available(_uid: str) -> bool:
    """The codestream tells how it is coded, so one function serves all transfer syntaxes."""
    return True


@cache
def find_decoder(uid: UID) -> Decoder:
    """The decoder of a transfer syntax, with all plugins.

    Raises
    ------
    LookupError
        The transfer syntax is not one that the standard defines.
    """
    try:
        # pylibjpeg's decoder of run lengths ends the process on damaged ones: it panics in Rust.
        decoder = Decoder(uid) if uid == RLELossless else get_decoder(uid)
    except NotImplementedError:  # pydicom has no decoder of it
        if not uid.is_transfer_syntax or uid.is_private:
            raise LookupError("no transfer syntax of the standard") from None
        decoder = Decoder(uid)
    if uid.is_encapsulated and _LABEL not in decoder.available_plugins:
        decoder.add_plugin(_LABEL, (__name__, decode_frame.__name__))
    return decoder


def decode_frame(frame: bytes, runner: DecodeRunner) -> bytearray:
    """Decode a codestream to interleaved samples, and tell pydicom what they are."""
    if runner.transfer_syntax == RLELossless:
        runner.set_option("planar_configuration", 1)
        return bytearray(imagecodecs.dicomrle_decode(frame, runner.pixel_dtype))
    codestream = read_codestream(frame)
    if codestream is None:
        raise ValueError("no codestream of a kind that is known")
    samples = np.ascontiguousarray(_CODINGS[codestream.coding](frame, runner, codestream))
    runner.set_option("bits_allocated", 8 * samples.dtype.itemsize)
    runner.set_option("planar_configuration", 0)
    return bytearray(samples)


def _decode_jpeg(frame: bytes, runner: DecodeRunner, codestream: Codestream) -> np.ndarray:
    """The samples as they are coded; pydicom knows which colours they are."""
    if codestream.components != 3:
        return imagecodecs.jpeg8_decode(frame)
    is_ybr = str(runner.photometric_interpretation).startswith("YBR")
    colours = "YCBCR" if is_ybr else "RGB"
    return imagecodecs.jpeg8_decode(frame, colorspace=colours, outcolorspace=colours)


def _decode_lossless_jpeg(frame: bytes, _runner: DecodeRunner, _header: Codestream) -> np.ndarray:
    return imagecodecs.jpegsof3_decode(frame)


def _decode_jpeg_ls(frame: bytes, _runner: DecodeRunner, _header: Codestream) -> np.ndarray:
    return imagecodecs.jpegls_decode(frame)


def _decode_jpeg_2000(frame: bytes, runner: DecodeRunner, _header: Codestream) -> np.ndarray:
    _undo_transform(runner)
    return imagecodecs.jpeg2k_decode(frame)


def _decode_htj2k(frame: bytes, runner: DecodeRunner, _header: Codestream) -> np.ndarray:
    _undo_transform(runner)
    return imagecodecs.htj2k_decode(frame)


def _undo_transform(runner: DecodeRunner) -> None:
    """The component transforms of JPEG 2000 (RCT, ICT) are undone by its decoders."""
    if runner.photometric_interpretation in _COLOUR_TRANSFORMED:
        runner.set_option("photometric_interpretation", "RGB")


_CODINGS: dict[str, Callable[[bytes, DecodeRunner, Codestream], np.ndarray]] = {
    "jpeg": _decode_jpeg,
    "jpeg-lossless": _decode_lossless_jpeg,
    "jpeg-ls": _decode_jpeg_ls,
    "jpeg-2000": _decode_jpeg_2000,
    "htj2k": _decode_htj2k,
}


def inflate(frame: bytes, size: int) -> bytes:
    """A frame in Deflated Image Frame Compression (PS3.5 A.4.13), at most `size` bytes of it.

    Raises
    ------
    ValueError
        It inflates to more.
    zlib.error
        It is no deflated data.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(frame, size + 2)  # an even number of bytes, and one to tell
    if len(content) > size + size % 2:
        raise ValueError("a frame inflates to more than its description says")
    return content


def unpack_rle(frame: bytes, size: int) -> bytes:
    """A frame of one segment in RLE Lossless (PS3.5 Annex G), its bytes as they are.

    pydicom decodes whole bytes per sample only, not the packed bits of a segmentation.

    Raises
    ------
    ValueError
        There are more segments.
    """
    if int.from_bytes(frame[:4], "little") != 1:
        raise ValueError("more than one segment")
    return bytes(imagecodecs.dicomrle_decode(frame, np.dtype(np.uint8)))[:size]


NATIVE_FRAMES: dict[str, Callable[[bytes, int], bytes]] = {
    DEFLATED_IMAGE_FRAME: inflate,
    ENCAPSULATED_UNCOMPRESSED: lambda frame, _size: frame,
}
"""Encapsulated transfer syntaxes whose frames decode to the bytes of a native frame."""
