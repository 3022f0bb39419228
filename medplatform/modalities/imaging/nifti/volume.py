"""The voxels of a NIfTI file as they are stored, and the part of its header that describes them.

The size is known from the header, so no more than that is ever inflated or read.
"""

import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import nibabel
import numpy as np
from isal import igzip, isal_zlib
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.records import Limits

Header = nibabel.Nifti1Header | nibabel.Nifti2Header

_INFLATE_ERROR = cast(type[Exception], isal_zlib.error)  # its stub has an instance in this place
READ_ERRORS = (
    *(HeaderDataError, WrapStructError, EOFError, OSError, zlib.error, _INFLATE_ERROR),
    *(ValueError, TypeError, KeyError, OverflowError, ArithmeticError),
)
"""What nibabel and gzip raise on damaged or forged content."""

_GZIP = b"\x1f\x8b"
_SIZES = {348: nibabel.Nifti1Header, 540: nibabel.Nifti2Header}
_SINGLE_FILE = (b"n+1", b"n+2")
_PAIR = (b"ni1", b"ni2")
_ALPHA = ("R", "G", "B", "A")


@dataclass(frozen=True, slots=True)
class Volume:
    """The stored voxels of a file.

    `voxels` has the shape (columns, rows, slices, further), the further axes of the file in one,
    the fastest first; a fifth axis holds the channels of colours. Values mean
    `slope * stored + intercept`, where a file gives them.
    """

    header: Header
    voxels: np.ndarray
    slope: float | None = None
    intercept: float | None = None
    has_alpha: bool = False


def open_volume(path: Path, limits: Limits) -> Volume:
    """Read a `.nii` or `.nii.gz` file.

    Raises
    ------
    Unusable
        `nifti.unreadable`, `nifti.pair`, `nifti.truncated`, `nifti.unsupported_type` or
        `dicom.too_large`.
    """
    if path.stat().st_size > limits.file_bytes:
        raise Unusable("dicom.too_large")
    try:
        with path.open("rb") as file:
            is_compressed = file.read(2) == _GZIP
            file.seek(0)
            stream = igzip.IGzipFile(fileobj=file) if is_compressed else file
            return _read(stream, limits)
    except MemoryError:
        raise Unusable("dicom.too_large") from None
    except EOFError:
        raise Unusable("nifti.truncated") from None
    except READ_ERRORS:
        raise Unusable("nifti.unreadable") from None


def _read(stream: IO[bytes], limits: Limits) -> Volume:
    header = _read_header(stream)
    dtype = header.get_data_dtype()
    if (dtype.kind not in "iuf" and dtype.names is None) or dtype.itemsize > 8:
        raise Unusable("nifti.unsupported_type")
    shape = tuple(int(edge) for edge in header.get_data_shape())
    if len(shape) < 2 or min(shape) < 1:
        raise Unusable("nifti.no_voxels")
    offset = int(header["vox_offset"])
    size = math.prod(shape) * dtype.itemsize
    if not 0 <= offset <= limits.pixel_bytes or size > limits.pixel_bytes:
        raise Unusable("dicom.too_large")
    _skip(stream, offset - header.sizeof_hdr)
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    voxels = np.frombuffer(content, dtype).reshape(shape, order="F")
    return _as_volume(header, voxels)


def _read_header(stream: IO[bytes]) -> Header:
    """The fixed part of the header, of either version and byte order."""
    block = stream.read(min(_SIZES))
    sizes = {int.from_bytes(block[:4], order) for order in ("little", "big")}
    found = sizes & _SIZES.keys()
    if not found:
        raise Unusable("nifti.unreadable")
    size = found.pop()
    block += stream.read(size - len(block))
    magic = block[4:7] if size == max(_SIZES) else block[344:347]
    if magic in _PAIR:
        raise Unusable("nifti.pair")
    if magic not in _SINGLE_FILE or len(block) < size:
        raise Unusable("nifti.unreadable")
    return _SIZES[size](block, check=False)


def _skip(stream: IO[bytes], count: int) -> None:
    """Leave out the extensions between header and voxels."""
    if count < 0:
        raise Unusable("nifti.unreadable")
    while count:
        read = len(stream.read(min(count, 1 << 20)))
        if not read:
            raise EOFError
        count -= read


def _as_volume(header: Header, voxels: np.ndarray) -> Volume:
    names = voxels.dtype.names
    slope = intercept = None
    if names is not None:
        colours = np.stack([voxels[name] for name in names[:3]], axis=-1)
        spatial = _four_axes(colours, channels=True)
        has_alpha = names == _ALPHA and bool((voxels["A"] != 255).any())
        return Volume(header, spatial, has_alpha=has_alpha)
    stored = float(header["scl_slope"]), float(header["scl_inter"])
    if stored[0] != 0 and all(map(math.isfinite, stored)):
        slope, intercept = stored
    return Volume(header, _four_axes(voxels), slope, intercept)


def _four_axes(voxels: np.ndarray, *, channels: bool = False) -> np.ndarray:
    """(columns, rows, slices, further[, channels]) of any number of axes, views where they can."""
    last = voxels.shape[-1:] if channels else ()
    spatial = (*voxels.shape[: voxels.ndim - len(last)], 1, 1)[:3]
    return voxels.reshape((*spatial, -1, *last), order="F")
