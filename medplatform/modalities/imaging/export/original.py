"""A DICOM file on its way to be written again: what the reading process hands to the exporter."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import FileDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from medplatform.modalities.imaging.codec import pixel_bytes
from medplatform.modalities.imaging.decode import decode_frames
from medplatform.modalities.imaging.deidentify import (
    Policy,
    Prepared,
    Treatment,
    pixel_treatment,
    prepare,
    rules_of,
)
from medplatform.modalities.imaging.deidentify.words import treat
from medplatform.modalities.imaging.description import (
    check_size,
    settle_description,
    settle_transfer_syntax,
)
from medplatform.modalities.imaging.elements import element
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.export.stored import clear_unused_bits, read_stored
from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.opening import DicomFile
from medplatform.modalities.imaging.pixel_data import PixelData
from medplatform.modalities.imaging.records import Header, Limits

_NATIVE = frozenset(
    {ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian}
)
_PALETTES = ("00281101", "00281102", "00281103", "00281201", "00281202", "00281203")
_FRAMES = "00280008"
_OFFSETS = ("7FE00001", "7FE00002")  # of frames that are written anew
_DESCRIPTION = ("00280002", "00280004", "00280006", "00280100", "00280101", "00280102", "00280103")


@dataclass(frozen=True, slots=True)
class Pixels:
    """The value of an element of pixels, and the transfer syntax that it is in."""

    keyword: str
    vr: str
    content: bytes
    transfer_syntax_uid: str
    is_as_delivered: bool

    @property
    def is_encapsulated(self) -> bool:
        """Whether the content is a sequence of fragments (PS3.5 A.4)."""
        return self.transfer_syntax_uid not in _NATIVE


@dataclass(frozen=True, slots=True)
class Original:
    """A file of which only UIDs, dates and ids are left to be replaced."""

    issuer: str | None
    patient_id: str | None
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class OriginalReading:
    """What a reading process answers: an original, and its pixels where it has some."""

    header: Original
    cells: list[Pixels]


def read_original(path: Path, limits: Limits, policy: Policy) -> OriginalReading:
    """Read a file; its pixels as delivered, or decoded where that is needed to clean them.

    Raises
    ------
    Unusable
        The file cannot be read, or its pixels may show what the policy refuses.
    """
    file = DicomFile(path, limits, rules_of(policy).may_keep_private)
    elements = file.elements
    pixels = None
    treatment = pixel_treatment(elements, policy)
    if file.has_pixels:
        if treatment.refusal:
            raise Unusable(treatment.refusal, element("PixelData"))
        pixels, described = _read_pixels(file.dataset, limits, treatment)
        elements = _describe(_count_frames(elements, file.dataset), described)
    is_clean = pixels is not None and treatment.is_clean
    original = Original(
        _text(elements, "00100021"),
        _text(elements, "00100020"),
        prepare(elements, policy, is_clean_of_text=is_clean),
    )
    return OriginalReading(original, [pixels] if pixels else [])


def _read_pixels(
    dataset: FileDataset, limits: Limits, treatment: Treatment
) -> tuple[Pixels, list[Element]]:
    """The pixels, and what is to be said of them where they are not as delivered."""
    header = Header()
    settle_transfer_syntax(dataset, header)
    uid = dataset.file_meta.TransferSyntaxUID
    data = PixelData(dataset)
    settle_description(dataset, header)
    check_size(dataset, limits)
    is_untouched = not treatment.changes_pixels and treatment.words == "ignore"
    if is_untouched and uid.is_transfer_syntax and uid != ExplicitVRBigEndian:
        content = read_stored(dataset, data)
        if content is not None:
            vr = "OB" if data.is_encapsulated else data.vr if data.vr in ("OF", "OD") else "OW"
            return Pixels(data.keyword, vr, content, str(uid), is_as_delivered=True), []
    return _clean_pixels(dataset, treatment)


def _clean_pixels(dataset: FileDataset, treatment: Treatment) -> tuple[Pixels, list[Element]]:
    content = bytearray()
    photometric, last = "MONOCHROME2", np.empty(0)
    is_changed = treatment.changes_pixels or treatment.words != "ignore"
    for array, photometric in decode_frames(dataset, expands_palette=is_changed):
        last = treat(_in_bytes(array, photometric, dataset), treatment)
        content += pixel_bytes(last)
    if dataset.BitsAllocated == 1:
        return _pack(content), []
    bits = 8 * last.dtype.itemsize
    is_as_before = bits == dataset.BitsAllocated
    stored = int(dataset.BitsStored) if is_as_before else bits
    samples = last.shape[-1] if last.ndim == 3 else 1
    described = [
        Element("00280002", "US", number=(samples,)),
        Element("00280004", "CS", text=(photometric,)),
        Element("00280100", "US", number=(bits,)),
        Element("00280101", "US", number=(stored,)),
        Element("00280102", "US", number=(stored - 1,)),
        Element("00280103", "US", number=(int(last.dtype.kind == "i"),)),
    ]
    if samples > 1:
        described.append(Element("00280006", "US", number=(0,)))
    pixels = Pixels("PixelData", "OW", bytes(content), str(ExplicitVRLittleEndian), False)
    return pixels, described


def _pack(content: bytearray) -> Pixels:
    """Pixels of one bit, as segmentations must have them."""
    packed = np.packbits(np.frombuffer(content, np.uint8), bitorder="little").tobytes()
    return Pixels("PixelData", "OW", packed, str(ExplicitVRLittleEndian), False)


def _in_bytes(array: np.ndarray, photometric: str, dataset: FileDataset) -> np.ndarray:
    """Colours of a palette of 16 bits in 8, as most IODs demand; else the bits that are stored."""
    if photometric != "PALETTE COLOR" == dataset.PhotometricInterpretation:
        return (array >> 8).astype(np.uint8) if array.itemsize == 2 else array
    is_as_before = array.dtype.kind in "iu" and 8 * array.itemsize == dataset.BitsAllocated
    return clear_unused_bits(array, dataset, is_low=True) if is_as_before else array


def _count_frames(elements: list[Element], dataset: FileDataset) -> list[Element]:
    """The elements with the number of frames that are written, and no offsets of those read."""
    frames = int(dataset.NumberOfFrames)
    counted = Element(_FRAMES, "IS", text=(str(frames),), number=(frames,))
    return [counted if e.path == _FRAMES else e for e in elements if e.path not in _OFFSETS]


def _describe(elements: list[Element], described: list[Element]) -> list[Element]:
    """The elements with another description of the pixels."""
    if not described:
        return elements
    gone: set[str] = set(_DESCRIPTION)
    if not any(each.text == ("PALETTE COLOR",) for each in described):
        gone.update(_PALETTES)
    return sorted([*(e for e in elements if e.path not in gone), *described])


def _text(elements: list[Element], path: str) -> str | None:
    for each in elements:
        if each.path == path and each.text:
            return each.text[0].strip()
    return None
