"""What a data set says about its pixels (PS3.3 C.7.6.3), completed where it may be.

Old and careless files leave out what goes without saying; each assumption is remarked on.
"""

from collections.abc import Callable
from typing import Any

from pydicom import Dataset, FileDataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medplatform.modalities.imaging.elements import Elements, element
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.pixel_data import PixelData
from medplatform.modalities.imaging.records import Header, Limits, Problem
from medplatform.modalities.imaging.values import to_integer, to_photometric, to_positive

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
    for keyword in _REQUIRED:
        _settle(dataset, header, keyword, to_positive)
    samples = _settle(dataset, header, "SamplesPerPixel", to_positive, 1)
    photometric = "MONOCHROME2" if samples == 1 else "RGB"
    _settle(dataset, header, "PhotometricInterpretation", to_photometric, photometric)
    if samples > 1:
        _settle(dataset, header, "PlanarConfiguration", to_integer, 0)
    if "PixelData" in dataset:
        _settle(dataset, header, "BitsStored", to_positive, dataset.BitsAllocated)
        _settle(dataset, header, "PixelRepresentation", to_integer, 0)
    header.columns["frames"] = _settle_frames(dataset)


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


def _settle(
    dataset: Dataset,
    header: Header,
    keyword: str,
    convert: Callable[[Any], Any],
    default: Any = None,
) -> Any:
    """Set an element to what it says, or to a default where it says nothing."""
    elements = Elements(dataset)
    value = elements.read(keyword, convert)
    if elements.problems or (value is None and default is None):
        raise Unusable("pixels.undescribed", element(keyword))
    if value is None:
        value = default
        header.problems.append(Problem("pixels.assumed", element(keyword)))
    _set(dataset, keyword, value)
    return value


def _settle_frames(dataset: Dataset) -> int:
    """The number of frames; where it is no number, that of the frames that are there."""
    elements = Elements(dataset)
    frames = elements.read("NumberOfFrames", to_integer)
    if frames is None and elements.problems:
        frames = PixelData(dataset).whole_frames()
    frames = max(frames or 1, 1)
    _set(dataset, "NumberOfFrames", frames)
    return frames


def _set(dataset: Dataset, keyword: str, value: Any) -> None:
    """Replace an element, whatever there was under its tag."""
    tag = tag_for_keyword(keyword) or 0
    dataset.add_new(tag, dictionary_VR(tag), value)
