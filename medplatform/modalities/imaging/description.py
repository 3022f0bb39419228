"""What a data set says about its pixels (PS3.3 C.7.6.3), completed where it may be.

Old and careless files leave out what goes without saying; each assumption is remarked on.
"""

from typing import Any

from pydicom import Dataset, FileDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medplatform.modalities.imaging.elements import Elements, element
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.pixel_data import PixelData
from medplatform.modalities.imaging.records import Header, Limits, Problem
from medplatform.modalities.imaging.values import to_integer, to_positive

_REQUIRED = ("Rows", "Columns", "BitsAllocated")


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


def settle_description(dataset: Dataset, header: Header) -> None:
    """Complete the description of the pixels in the data set, and count its frames.

    Raises
    ------
    Unusable
        `pixels.undescribed` where rows, columns or bits are missing.
    """
    elements = Elements(dataset)
    for keyword in _REQUIRED:
        if elements.read(keyword, to_positive) is None:
            raise Unusable("pixels.undescribed", element(keyword))
    samples = _assume(dataset, header, "SamplesPerPixel", 1)
    _assume(dataset, header, "PhotometricInterpretation", "MONOCHROME2" if samples == 1 else "RGB")
    if samples > 1:
        _assume(dataset, header, "PlanarConfiguration", 0)
    if "PixelData" in dataset:
        _assume(dataset, header, "BitsStored", dataset.BitsAllocated)
        _assume(dataset, header, "PixelRepresentation", 0)
    header.columns["frames"] = _settle_frames(elements)


def check_size(dataset: Dataset, limits: Limits) -> None:
    """Refuse before decoding what would decode to more than the limits.

    Raises
    ------
    Unusable
        `dicom.too_large`
    """
    size = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel
    size *= -(-dataset.BitsAllocated // 8)
    if size > limits.pixel_bytes or size * dataset.NumberOfFrames > limits.all_pixel_bytes:
        raise Unusable("dicom.too_large", element("PixelData"))


def _assume(dataset: Dataset, header: Header, keyword: str, value: Any) -> Any:
    """The value of an element, set to `value` where it is absent or empty."""
    found = Elements(dataset).value(keyword)
    if found is not None:
        return found
    setattr(dataset, keyword, value)
    header.problems.append(Problem("pixels.assumed", element(keyword)))
    return value


def _settle_frames(elements: Elements) -> int:
    """The number of frames; where it is no number, that of the frames that are there."""
    dataset = elements.dataset
    frames = elements.read("NumberOfFrames", to_integer)
    if frames is None and any(p.element == element("NumberOfFrames") for p in elements.problems):
        frames = PixelData(dataset).whole_frames()
    dataset.NumberOfFrames = max(frames or 1, 1)
    return int(dataset.NumberOfFrames)
