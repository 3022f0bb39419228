"""The voxels of a NIfTI file as they are stored, and the part of its header that describes them.

Voxels are read slice by slice. Their size is known from the header, so no more than that is ever
inflated or read.
"""

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import nibabel
import numpy as np
from isal import igzip, isal_zlib
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.records import Limits

NiftiHeader = nibabel.Nifti1Header | nibabel.Nifti2Header

_INFLATE_ERROR = cast(type[Exception], isal_zlib.error)  # its stub has an instance in this place
READ_ERRORS = (
    *(HeaderDataError, WrapStructError, OSError, zlib.error, _INFLATE_ERROR),
    *(ValueError, TypeError, KeyError, OverflowError, ArithmeticError),
)
"""What nibabel and the inflating libraries raise on damaged or forged content."""

_GZIP = b"\x1f\x8b"
_SIZES = {348: nibabel.Nifti1Header, 540: nibabel.Nifti2Header}
_SINGLE_FILE = (b"n+1", b"n+2")
_PAIR = (b"ni1", b"ni2")
_EXTENSION_FLAG_BYTES = 4
_LARGEST_OFFSET = 1 << 40
_SKIPPED_AT_ONCE = 1 << 20


class Stream(Protocol):
    """What is read of a file, compressed or not."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, fewer only at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Volume:
    """What the header says of the voxels.

    `shape` is (columns, rows, slices, further), all further axes of the file in one, the fastest
    first. Values mean `slope * stored + intercept`, where the file gives them.
    """

    header: NiftiHeader
    shape: tuple[int, int, int, int]
    dtype: np.dtype
    slope: float | None = None
    intercept: float | None = None

    @property
    def frames(self) -> int:
        """Slices of all volumes."""
        return self.shape[2] * self.shape[3]

    @property
    def channels(self) -> int:
        """3 for colours; alpha is no channel."""
        return 1 if self.dtype.names is None else 3


def describe_volume(path: Path, limits: Limits) -> Volume:
    """Read the header of a `.nii` or `.nii.gz` file.

    Raises
    ------
    Unusable
        `nifti.unreadable`, `nifti.pair`, `nifti.no_voxels`, `nifti.truncated`,
        `nifti.unsupported_type` or `dicom.too_large`.
    """
    if path.stat().st_size > limits.file_bytes:
        raise Unusable("dicom.too_large")
    with _opened(path) as stream:
        header = _read_header(stream)
        dtype = header.get_data_dtype()
        is_number = dtype.kind in "iuf" and dtype.itemsize <= 8
        if not is_number and dtype.names is None:
            raise Unusable("nifti.unsupported_type")
        shape = tuple(int(edge) for edge in header.get_data_shape())
    if len(shape) < 2 or min(shape) < 1:
        raise Unusable("nifti.no_voxels")
    columns, rows, slices, *further = (*shape, 1)
    found = Volume(header, (columns, rows, slices, math.prod(further)), dtype, *_scale(header))
    frame = columns * rows * dtype.itemsize
    if frame > limits.pixel_bytes or frame * found.frames > limits.all_pixel_bytes:
        raise Unusable("dicom.too_large")
    return found


def read_frames(path: Path, volume: Volume) -> Iterator[np.ndarray]:
    """(rows, columns) or (rows, columns, 3) of each slice, volume after volume, as stored.

    Raises
    ------
    Unusable
        `nifti.unreadable` or `nifti.truncated`.
    """
    columns, rows = volume.shape[:2]
    size = columns * rows * volume.dtype.itemsize
    with _opened(path) as stream:
        _skip(stream, int(volume.header["vox_offset"]))
        for _ in range(volume.frames):
            content = stream.read(size)
            if len(content) < size:
                raise EOFError
            voxels = np.frombuffer(content, volume.dtype).reshape(rows, columns)
            names = volume.dtype.names
            yield voxels if names is None else np.stack([voxels[n] for n in names[:3]], axis=-1)


@contextmanager
def _opened(path: Path) -> Iterator[Stream]:
    """The bytes of a file, inflated where it is compressed; `Unusable` for what is wrong there."""
    try:
        with path.open("rb") as file:
            is_compressed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            yield igzip.IGzipFile(fileobj=file) if is_compressed else file
    except MemoryError:
        raise Unusable("dicom.too_large") from None
    except EOFError:
        raise Unusable("nifti.truncated") from None
    except READ_ERRORS:
        raise Unusable("nifti.unreadable") from None


def _read_header(stream: Stream) -> NiftiHeader:
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
    header = _SIZES[size](block, check=False)
    if header["vox_offset"] == 0:
        header["vox_offset"] = size + _EXTENSION_FLAG_BYTES
    if not size <= header["vox_offset"] <= _LARGEST_OFFSET:
        raise Unusable("nifti.unreadable")
    return header


def _skip(stream: Stream, count: int) -> None:
    """Leave out the header and the extensions behind it."""
    while count:
        read = len(stream.read(min(count, _SKIPPED_AT_ONCE)))
        if not read:
            raise EOFError
        count -= read


def _scale(header: NiftiHeader) -> tuple[float | None, float | None]:
    """scl_slope and scl_inter; a slope of 0, or one that is no number, means that there is none."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    is_used = slope != 0 and math.isfinite(slope) and math.isfinite(intercept)
    return (slope, intercept) if is_used else (None, None)
