"""Plants identifiers of one unmistakable patient in any data set, one kind after another."""

from collections.abc import Callable

import imagecodecs
import numpy as np
from pydicom import Dataset, Sequence
from pydicom.dataelem import DataElement
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID as TransferSyntax,
)
from pydicom.uid import (
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from medplatform_tests.modalities.imaging.conftest import describe_pixels

CREATOR = "QUACK HOSPITAL"
DAY = "19131113"
UID = "1.2.826.0.1.3680043.9.7331.1913"
WORD = "Quackenbosch"
NUMBER = "77013313"
SECRETS = (WORD, WORD.upper(), NUMBER, DAY, "1913-11-13", UID)
"""What must be found nowhere; every planted value holds one of them."""


def _set(keyword: str, value: object) -> Callable[[Dataset], None]:
    def plant(dataset: Dataset) -> None:
        setattr(dataset, keyword, value)

    return plant


def _element(tag: int, vr: str, value: object) -> Callable[[Dataset], None]:
    def plant(dataset: Dataset) -> None:
        dataset[tag] = DataElement(tag, vr, value)

    return plant


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _content(value_type: str, **values: object) -> Dataset:
    concept = _code("121071", "DCM", "Finding")
    return _item(ValueType=value_type, ConceptNameCodeSequence=[concept], **values)


def _report(dataset: Dataset, item: Dataset) -> None:
    tree = dataset.get("ContentSequence") or Sequence()
    if not tree:
        dataset.ContentSequence = tree = Sequence(
            [_content("CONTAINER", RelationshipType="CONTAINS", ContentSequence=[])]
        )
    tree[0].ContentSequence = Sequence([*tree[0].get("ContentSequence", []), item])


def _in_report(value_type: str, **values: object) -> Callable[[Dataset], None]:
    return lambda dataset: _report(dataset, _content(value_type, **values))


def _in_private_block(dataset: Dataset) -> None:
    block = dataset.private_block(0x0099, CREATOR, create=True)
    block.add_new(0x01, "LO", WORD)
    block.add_new(0x02, "SQ", [_item(PatientName=WORD)])
    block.add_new(0x03, "UN", WORD.encode())


def _in_safe_block(dataset: Dataset) -> None:
    block = dataset.private_block(0x2001, "Philips Imaging DD 001", create=True)
    block.add_new(0x5A, "ST", WORD)
    block.add_new(0x65, "SQ", [_item(PatientComments=WORD)])
    block.add_new(0x02, "LO", WORD)


def _in_overlay(dataset: Dataset) -> None:
    for group in (0x6000, 0x6002):
        dataset[group << 16 | 0x3000] = DataElement(group << 16 | 0x3000, "OB", WORD.encode())
        dataset[group << 16 | 0x4000] = DataElement(group << 16 | 0x4000, "LT", WORD)


def _in_meta(dataset: Dataset) -> None:
    meta = getattr(dataset, "file_meta", None) or FileMetaDataset()
    meta.SourceApplicationEntityTitle = WORD
    meta.PrivateInformationCreatorUID = UID
    meta.PrivateInformation = WORD.encode()
    meta.MediaStorageSOPInstanceUID = f"{UID}.4"
    dataset.file_meta = meta


def _in_frame_content(dataset: Dataset) -> None:
    content = _item(StackID=f"MRN{NUMBER}")
    group = _item(FrameContentSequence=[content])
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or [group]
    groups[0].FrameContentSequence = [content]
    dataset.PerFrameFunctionalGroupsSequence = groups


PLANTS: dict[str, Callable[[Dataset], None]] = {
    "name": _set("PatientName", f"{WORD}^Jane=夸肯^珍"),
    "record number": _set("PatientID", NUMBER),
    "other ids": _set("OtherPatientIDs", [NUMBER, f"A{NUMBER}"]),
    "issuer": _set("IssuerOfPatientID", WORD),
    "day of birth": _set("PatientBirthDate", DAY),
    "day of the study": _set("StudyDate", DAY),
    "moment of the acquisition": _set("AcquisitionDateTime", f"{DAY}101500.5+0100"),
    "accession number": _set("AccessionNumber", NUMBER),
    "physician": _set("ReferringPhysicianName", WORD),
    "operator": _set("OperatorsName", WORD),
    "institution": _set("InstitutionName", f"{WORD} Clinic"),
    "address": _set("InstitutionAddress", f"1 {WORD} Street"),
    "station": _set("StationName", WORD[:16]),
    "serial number": _set("DeviceSerialNumber", NUMBER),
    "telephone": _set("PatientTelephoneNumbers", NUMBER),
    "study description": _set("StudyDescription", f"CT head of {WORD}"),
    "series description": _set("SeriesDescription", f"T1 AX {NUMBER}"),
    "protocol": _set("ProtocolName", WORD),
    "comments": _set("ImageComments", WORD),
    "history": _set("AdditionalPatientHistory", WORD),
    "body part": _set("BodyPartExamined", WORD.upper()[:16]),
    "maker": _set("ManufacturerModelName", f"Model {NUMBER}"),
    "maker of several words": _set("Manufacturer", f"{WORD}^Jane"),
    "birthday of a maker": _set("ManufacturerModelName", f"{WORD} 13/11/1913"),
    "number in groups": _set("SoftwareVersions", f"{WORD} 7701-3313"),
    "name in a code string": _set("ScanOptions", ["FS", "QUACKENBOSCH JAN"]),
    "image type": _set("ImageType", ["ORIGINAL", "PRIMARY", "QUACKENBOSCH"]),
    "kernel": _set("ConvolutionKernel", WORD),
    "stack": _in_frame_content,
    "instance uid": _set("SOPInstanceUID", f"{UID}.1"),
    "study uid": _set("StudyInstanceUID", f"{UID}.2"),
    "file meta information": _in_meta,
    "order in a sequence": _set(
        "RequestAttributesSequence",
        [_item(ScheduledProcedureStepDescription=WORD, RequestedProcedureID=NUMBER)],
    ),
    "name deep in sequences": _set(
        "ReferencedImageSequence",
        [_item(PurposeOfReferenceCodeSequence=[_item(PatientName=WORD, PatientID=NUMBER)])],
    ),
    "uid in a sequence": _set("SourceImageSequence", [_item(ReferencedSOPInstanceUID=f"{UID}.3")]),
    "local code": _set("ProcedureCodeSequence", [_code(NUMBER, "99LOCAL", WORD)]),
    "forged meaning of a public code": _set(
        "AnatomicRegionSequence", [_code("39607008", "SCT", WORD)]
    ),
    "private block": _in_private_block,
    "safe private block": _in_safe_block,
    "text of a report": _in_report("TEXT", TextValue=f"Reviewed by {WORD} on 1913-11-13"),
    "name in a report": _in_report("PNAME", PersonName=WORD),
    "uid in a report": _in_report("UIDREF", UID=f"{UID}.5"),
    "date in a report": _in_report("DATE", Date=DAY),
    "code in a report": _in_report("CODE", ConceptCodeSequence=[_code(NUMBER, "99Q", WORD)]),
    "observer of a report": _set(
        "VerifyingObserverSequence",
        [
            _item(
                VerifyingObserverName=WORD,
                VerifyingOrganization=WORD,
                VerificationDateTime=f"{DAY}10",
                VerifyingObserverIdentificationCodeSequence=[_code(NUMBER, "99Q", WORD)],
            )
        ],
    ),
    "graphic annotation": _set(
        "GraphicAnnotationSequence",
        [_item(GraphicLayer="A", TextObjectSequence=[_item(UnformattedTextValue=WORD)])],
    ),
    "overlay": _in_overlay,
    "curve": _element(0x50003000, "OW", (WORD * 2).encode()),
    "icon": _set(
        "IconImageSequence", [_item(Rows=1, Columns=12, BitsAllocated=8, PixelData=WORD.encode())]
    ),
    "document": _set("EncapsulatedDocument", f"%PDF {WORD}".encode() + b" "),
    "signature": _set("DigitalSignaturesSequence", [_item(CertificateOfSigner=WORD.encode())]),
    "unknown attribute": _element(0x00189FF9, "LO", WORD),
    "unknown bytes": _element(0x00189FFB, "UN", WORD.encode()),
    "padding": _element(0xFFFCFFFC, "OB", WORD.encode()),
    "address of a server": _set("RetrieveURL", f"http://{WORD}.example/{NUMBER}"),
    "earlier values": _set(
        "OriginalAttributesSequence",
        [_item(ModifyingSystem=WORD, ModifiedAttributesSequence=[_item(PatientName=WORD)])],
    ),
    "earlier de-identification": _set("DeidentificationMethod", WORD),
}
"""How each kind of identifier is put into a data set, whatever it held there before."""


def plant_all(dataset: Dataset) -> None:
    """Put every kind of identifier into a data set, which is in UTF-8 then."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for plant in PLANTS.values():
        plant(dataset)


def plant_in_pixels(dataset: Dataset) -> None:
    """Put an identifier where pixel data shows none: behind its end, and in its comments."""
    if "PixelData" not in dataset:
        return
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        dataset.PixelData += (WORD * 2).encode()
        return
    number = int(dataset.get("NumberOfFrames") or 1)
    frames = generate_frames(dataset.PixelData, number_of_frames=number)
    dataset.PixelData = encapsulate([_with_comment(each) for each in frames])


def read_unused_bits(content: bytes) -> bytes:
    """What the four unused bits of words hold, two words a byte."""
    nibbles = np.frombuffer(content, "<u2") >> 12
    return (nibbles[::2] << 4 | nibbles[1::2]).astype(np.uint8).tobytes()


def _with_comment(frame: bytes) -> bytes:
    """A frame with a comment, application data and text behind its end, if it can have them."""
    secret = WORD.encode()
    if frame.startswith(b"\xff\xd8"):
        return frame[:2] + _segment(0xFE, secret) + _segment(0xE9, secret) + frame[2:] + secret
    if frame.startswith(b"\xff\x4f"):
        end = 4 + int.from_bytes(frame[4:6])  # of SIZ, which is the first
        return frame[:end] + _segment(0x64, b"\0\1" + secret) + frame[end:] + secret
    return frame


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def _native(plant: Callable[[np.ndarray], bytes]) -> Callable[[Dataset], None]:
    def plant_native(dataset: Dataset) -> None:
        _describe_12_bits(dataset, ExplicitVRLittleEndian)
        dataset.PixelData = plant(_TWELVE_BITS.copy())

    return plant_native


def _encapsulated(
    uid: TransferSyntax, encode: Callable[[np.ndarray], bytes], pixels: np.ndarray | None = None
) -> Callable[[Dataset], None]:
    def plant(dataset: Dataset) -> None:
        _describe_12_bits(dataset, uid, pixels)
        dataset.PixelData = encapsulate([encode(_TWELVE_BITS if pixels is None else pixels)])
        dataset["PixelData"].is_undefined_length = True
        plant_in_pixels(dataset)

    return plant


def _describe_12_bits(
    dataset: Dataset, uid: TransferSyntax, pixels: np.ndarray | None = None
) -> None:
    describe_pixels(dataset, _TWELVE_BITS if pixels is None else pixels)
    if dataset.BitsAllocated == 16:
        dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid


def _in_unused_bits(pixels: np.ndarray) -> np.ndarray:
    """Pixels with text in the bits above, where overlays once were."""
    text = np.frombuffer(WORD.encode(), np.uint8)
    nibbles = np.stack([text >> 4, text & 15], axis=1).ravel().astype(np.uint16)
    pixels = pixels.copy()
    pixels.ravel()[: nibbles.size] |= nibbles << 12
    return pixels


def _encode_rle(pixels: np.ndarray) -> bytes:
    """PS3.5 Annex G: a segment of the high bytes, and one of the low ones."""
    words = pixels.astype("<u2").view(np.uint8).reshape(*pixels.shape, 2)
    segments = [imagecodecs.packbits_encode(words[..., at].tobytes()) for at in (1, 0)]
    offsets = [2, 64, 64 + len(segments[0]), *[0] * 13]
    return np.array(offsets, "<u4").tobytes() + b"".join(segments)


_TWELVE_BITS = np.arange(1024, dtype=np.uint16).reshape(32, 32) * 4
_EIGHT_BITS = (_TWELVE_BITS >> 4).astype(np.uint8)

PIXEL_PLANTS: dict[str, Callable[[Dataset], None]] = {
    "behind the last frame": _native(lambda pixels: pixels.tobytes() + (WORD * 2).encode()),
    "in unused bits": _native(lambda pixels: _in_unused_bits(pixels).tobytes()),
    "in JPEG": _encapsulated(JPEGBaseline8Bit, imagecodecs.jpeg8_encode, _EIGHT_BITS),
    "in lossless JPEG": _encapsulated(
        JPEGLosslessSV1, lambda pixels: imagecodecs.ljpeg_encode(pixels, bitspersample=12)
    ),
    "in unused bits of lossless JPEG": _encapsulated(
        JPEGLosslessSV1, lambda pixels: imagecodecs.ljpeg_encode(_in_unused_bits(pixels))
    ),
    "in JPEG-LS": _encapsulated(JPEGLSLossless, imagecodecs.jpegls_encode),
    "in JPEG 2000": _encapsulated(
        JPEG2000Lossless,
        lambda pixels: imagecodecs.jpeg2k_encode(pixels, reversible=True, codecformat="j2k"),
    ),
    "in HTJ2K": _encapsulated(HTJ2KLossless, imagecodecs.htj2k_encode),
    "in unused bits of run lengths": _encapsulated(
        RLELossless, lambda pixels: _encode_rle(_in_unused_bits(pixels))
    ),
}
"""How pixel data is given an identifier that no pixel shows."""
