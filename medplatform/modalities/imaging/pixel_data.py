"""Where the pixel data of a data set is: in memory, or still in its file."""

import io
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import Dataset, FileDataset
from pydicom.datadict import tag_for_keyword
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from medplatform.modalities.imaging.elements import element
from medplatform.modalities.imaging.errors import Unusable

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

_UNDEFINED = 0xFFFFFFFF
_NATIVE = frozenset(
    {
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    }
)


def has_pixels(dataset: Dataset) -> bool:
    """Whether a data set has one of the three elements."""
    return any(keyword in dataset for keyword in PIXEL_KEYWORDS)


class PixelData:
    """The value of the element of pixels; `open` reads it from its file where it was deferred.

    Raises
    ------
    Unusable
        `pixels.missing` where the element is empty.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.keyword = next(keyword for keyword in PIXEL_KEYWORDS if keyword in dataset)
        tag = tag_for_keyword(self.keyword) or 0
        self._element: Any = dataset.get_item(tag, keep_deferred=True)
        if not self._element.value and not self._is_deferred:
            raise Unusable("pixels.missing", element(self.keyword))

    @property
    def vr(self) -> str:
        """The value representation: OB or OW in most."""
        return self._element.VR or "OW"

    @property
    def is_encapsulated(self) -> bool:
        """Whether frames stand in items (PS3.5 A.4), as in all but the oldest transfer syntaxes."""
        return self._dataset.file_meta.TransferSyntaxUID not in _NATIVE

    @property
    def length(self) -> int | None:
        """Bytes of the value; None for one of undefined length that is still in its file."""
        if not self._is_deferred:
            return len(self._element.value)
        if self._element.length == _UNDEFINED:
            return None
        return min(self._element.length, self._path.stat().st_size - self._element.value_tell)

    def open(self) -> BinaryIO:
        """A stream that stands at the first byte of the value."""
        if not self._is_deferred:
            return io.BytesIO(self._element.value)
        stream = self._path.open("rb")
        stream.seek(self._element.value_tell)
        return stream

    def frame_bits(self) -> int:
        """Bits of a native frame (PS3.5 8.1.1), without padding."""
        dataset = self._dataset
        bits = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated
        return bits * 2 // 3 if dataset.PhotometricInterpretation == "YBR_FULL_422" else bits

    def whole_frames(self) -> int:
        """How many whole native frames there are; 1 where the value is encapsulated."""
        if self.is_encapsulated or not self.length:
            return 1
        return 8 * self.length // self.frame_bits()

    @property
    def _path(self) -> Path:
        assert isinstance(self._dataset, FileDataset)
        return Path(str(self._dataset.filename))

    @property
    def _is_deferred(self) -> bool:
        # A deferred element is left without a value, an empty one without a length.
        return self._element.value is None and bool(getattr(self._element, "length", 0))
