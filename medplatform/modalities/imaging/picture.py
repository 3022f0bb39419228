"""PNG and JPEG pictures to a header and pixels, inside the reading process.

Greyscale stays one channel, everything else becomes RGB; alpha is discarded, 16 bits are kept,
and the EXIF orientation is applied.
"""

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.decode import frame_cell
from medplatform.modalities.imaging.deidentify.burned_in import AS_IT_IS, Treatment
from medplatform.modalities.imaging.deidentify.words import treat
from medplatform.modalities.imaging.errors import READ_ERRORS, Unusable
from medplatform.modalities.imaging.records import Header, Limits, MaskCell, Reading

_PICTURE_ERRORS = (*READ_ERRORS, UnidentifiedImageError, SyntaxError)
Image.MAX_IMAGE_PIXELS = None  # `Limits.pixel_bytes` is checked instead, before decoding
_ORIENTATION = 0x0112
_FORMATS = ("PNG", "JPEG")
_GREY_MODES = {"1": "L", "L": "L", "LA": "L", "La": "L"}
_WIDE_GREY_MODES = frozenset({"I", "I;16", "I;16B", "I;16L"})
_IHDR_DEPTH, _IHDR_COLOUR = 24, 25
_WIDE_COLOUR = frozenset({2, 4, 6})  # RGB, grey with alpha, RGBA: Pillow cuts them to 8 bits


def read_picture(path: Path, limits: Limits, treatment: Treatment = AS_IT_IS) -> Reading:
    """Read a picture: uint8 or uint16, (height, width) or (height, width, 3).

    Raises
    ------
    Unusable
        `picture.unreadable`, `picture.animated`, `dicom.too_large` or `pixels.may_show_text`.
    """
    array = treat(_decode(path, limits), treatment)
    photometric = "RGB" if array.ndim == 3 else "MONOCHROME2"
    cell = frame_cell(array, 1, columns={"photometric": photometric})
    bits = 8 * array.dtype.itemsize
    header = Header(
        columns={
            "rows": cell.height,
            "columns": cell.width,
            "frames": 1,
            "samples_per_pixel": cell.channels,
            "bits_allocated": bits,
            "bits_stored": bits,
            "is_signed": False,
            "photometric": photometric,
            "pixel_sha256": cell.pixel_sha256,
        }
    )
    return Reading(header, [cell])


def read_mask(path: Path, limits: Limits) -> Reading:
    """Read a mask picture: a pixel is in the segment where any channel but alpha is above 0.

    Palette masks go by the index, whatever its colour.

    Raises
    ------
    Unusable
        `picture.unreadable`, `dicom.too_large`, or `mask.lossy` for a JPEG.
    """
    array = _decode(path, limits, as_mask=True)
    mask = (array if array.ndim == 2 else array.max(axis=2)) > 0
    name, pixels = codec.encode_mask(mask)
    cell = MaskCell(
        number=1,
        height=mask.shape[0],
        width=mask.shape[1],
        codec=name,
        pixels=pixels,
        foreground_pixels=int(np.count_nonzero(mask)),
    )
    size = {"rows": cell.height, "columns": cell.width, "frames": 1}
    return Reading(Header(columns=size), [cell])


def _decode(path: Path, limits: Limits, *, as_mask: bool = False) -> np.ndarray:
    if path.stat().st_size > limits.file_bytes:
        raise Unusable("dicom.too_large")
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            if as_mask and picture.format != "PNG":
                raise Unusable("mask.lossy")
            # The widest picture has four channels of 16 bits.
            if picture.width * picture.height * 8 > limits.pixel_bytes:
                raise Unusable("dicom.too_large")
            if getattr(picture, "is_animated", False) and picture.format == "PNG":
                raise Unusable("picture.animated")
            if picture.format == "PNG" and _is_wide_colour(path):
                turn = _TURNS.get(picture.getexif().get(_ORIENTATION, 1), np.asarray)
                return turn(_drop_alpha(np.asarray(imagecodecs.png_decode(path.read_bytes()))))
            return _pixels(ImageOps.exif_transpose(picture), as_mask)
    except MemoryError:
        raise Unusable("dicom.too_large") from None
    except _PICTURE_ERRORS:
        raise Unusable("picture.unreadable") from None


def _pixels(picture: Image.Image, as_mask: bool) -> np.ndarray:
    if picture.mode in _WIDE_GREY_MODES:
        return np.asarray(picture).astype(np.uint16)
    if picture.mode == "P" and as_mask:
        return np.asarray(picture)
    return np.asarray(picture.convert(_GREY_MODES.get(picture.mode, "RGB")))


def _is_wide_colour(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(_IHDR_COLOUR + 1)
    return head[_IHDR_DEPTH] == 16 and head[_IHDR_COLOUR] in _WIDE_COLOUR


def _turn(turns: int, *, is_mirrored: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    def turn(array: np.ndarray) -> np.ndarray:
        array = np.fliplr(array) if is_mirrored else array
        return np.ascontiguousarray(np.rot90(array, turns))

    return turn


_TURNS = {
    2: _turn(0, is_mirrored=True),
    3: _turn(2),
    4: _turn(2, is_mirrored=True),
    5: _turn(1, is_mirrored=True),
    6: _turn(-1),
    7: _turn(-1, is_mirrored=True),
    8: _turn(1),
}
"""What an EXIF orientation asks for before a picture is shown, quarter turns to the left."""


def _drop_alpha(array: np.ndarray) -> np.ndarray:
    """(height, width, 2 or 4) to what is before the alpha channel."""
    if array.ndim == 3 and array.shape[2] in (2, 4):
        array = array[:, :, :-1]
    return np.ascontiguousarray(array[:, :, 0] if array.shape[2:] == (1,) else array)
