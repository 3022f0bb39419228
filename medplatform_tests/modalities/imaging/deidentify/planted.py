"""Plants identifiers of one unmistakable patient in any data set, one kind after another."""

from collections.abc import Callable

from pydicom import Dataset, Sequence
from pydicom.dataelem import DataElement
from pydicom.dataset import FileMetaDataset

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
