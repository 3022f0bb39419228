"""One de-identified DICOM file (PS3.10), from its elements and its pixels."""

from pathlib import Path

from pydicom import config, dcmwrite
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.uid import UID, ExplicitVRLittleEndian

from medplatform.lake.draft import replace_file
from medplatform.modalities.imaging.export.original import Pixels
from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.flatten.restore import to_dataset

UTF_8 = "ISO_IR 192"
_META = "0002"


def write_dicom(elements: list[Element], pixels: Pixels | None, path: Path) -> None:
    """Write a file, whole or not at all.

    It is in the transfer syntax of its pixels, else in Explicit VR Little Endian, and its texts in
    UTF-8 where they are not all ASCII. The file meta information is new.
    """
    dataset = to_dataset(each for each in elements if not each.path.startswith(_META))
    if any(not text.isascii() for each in elements for text in each.text or ()):
        dataset.SpecificCharacterSet = UTF_8
    if pixels:
        dataset.add(_element(pixels))
    syntax = UID(pixels.transfer_syntax_uid) if pixels else ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = syntax
    with replace_file(path) as stream:
        dcmwrite(stream, dataset, enforce_file_format=True)


def _element(pixels: Pixels) -> DataElement:
    content = pixels.content + b"\0" * (len(pixels.content) % 2)
    tag = tag_for_keyword(pixels.keyword) or 0
    element = DataElement(tag, pixels.vr, content, validation_mode=config.IGNORE)
    element.is_undefined_length = pixels.is_encapsulated
    return element
