"""DICOM headers to a table: the platform's way, and what else a Python user has.

`python -m benchmarks.imaging.header CANDIDATE FOLDER` reads the DICOM files below a folder, those
of `write` or real ones, in a process of its own, and prints files per CPU second as JSON. All work
is counted: reading, typing, de-identifying where that is done, and writing Parquet.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

FILES = 400
SIDE = 128
COMPRESSION = "zstd"
OUTPUT = "headers.parquet"
ELEVEN = (
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "Modality"),
    *("Rows", "Columns", "PixelSpacing", "SliceThickness", "ImagePositionPatient"),
    "ImageOrientationPatient",
)

Candidate = Callable[[Sequence[Path], Path], None]


def medplatform(files: Sequence[Path], out: Path) -> None:
    """Typed columns and all elements, de-identified; handed over between processes as in ingest."""
    import pickle

    from medplatform.lake import Stage
    from medplatform.modalities.delivery import Source
    from medplatform.modalities.imaging.account import Record
    from medplatform.modalities.imaging.deidentify import PLATFORM_POLICY, prepare, rules_of
    from medplatform.modalities.imaging.header import read_header
    from medplatform.modalities.imaging.opening import DicomFile
    from medplatform.modalities.imaging.records import Header, Limits
    from medplatform.modalities.imaging.rows import instance_row
    from medplatform.modalities.imaging.tables import IMAGING_INSTANCE
    from medplatform.modalities.imaging.transport import Receiver, Sender
    from medplatform.privacy import Identity, KeyRing

    identity = Identity(KeyRing(b"b" * 32), out / "vault", default_system="urn:mrn")
    stage = Stage(out / "stage", "0")
    keeps_private = rules_of(PLATFORM_POLICY).may_keep_private
    sender, receiver = Sender(), Receiver()
    record = Record(Source(files[0], "0" * 64, 0), "instance", 1)
    for path in files:
        file = DicomFile(path, Limits(), keeps_private)
        header = read_header(file.elements)
        header.prepared = prepare(file.elements, PLATFORM_POLICY)
        answer = pickle.loads(pickle.dumps(sender.answer(header, 0)))
        header: Header = receiver.header(answer)
        subject = identity.subject_of_issuer(None, header.patient_id or "none")
        instance_id = identity.uid(header.sop_instance_uid or "")
        row = instance_row(record, header, instance_id, subject, identity)
        stage.write(IMAGING_INSTANCE, [row])
    stage.close()


def pydicom_json(files: Sequence[Path], out: Path) -> None:
    """pydicom's JSON of each header as a text."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pydicom import dcmread

    texts = [
        json.dumps(dcmread(path, stop_before_pixels=True, force=True).to_json_dict())
        for path in files
    ]
    pq.write_table(pa.table({"header": texts}), out / OUTPUT, compression=COMPRESSION)


def pydicom_values(files: Sequence[Path], out: Path) -> None:
    """Eleven values with pydicom, one column each."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pydicom import dcmread

    rows: list[dict[str, Any]] = []
    for path in files:
        dataset = dcmread(path, stop_before_pixels=True, force=True)
        rows.append({name: _plain(dataset.get(name)) for name in ELEVEN})
    pq.write_table(pa.Table.from_pylist(rows), out / OUTPUT, compression=COMPRESSION)


CANDIDATES: dict[str, Candidate] = {
    "medplatform": medplatform,
    "pydicom, to_json_dict": pydicom_json,
    "pydicom, 11 values": pydicom_values,
}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return [float(part) for part in value] if hasattr(value, "__iter__") else float(value)


def write(folder: Path, files: int = FILES) -> None:
    """Slices of an MR series with the elements that scanners write, 140 in each."""
    folder.mkdir(parents=True)
    rng = random.Random(0)
    for number in range(files):
        _slice(number, rng).save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)


def _slice(number: int, rng: random.Random) -> Any:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
    uid = generate_uid(entropy_srcs=[str(number)])
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    for keyword, value in _SAME.items():
        setattr(dataset, keyword, value)
    second = f"{10 + number // 3600:02d}{number // 60 % 60:02d}{number % 60:02d}.{number:06d}"
    dataset.InstanceCreationTime = dataset.ContentTime = dataset.AcquisitionTime = second
    dataset.InstanceNumber, dataset.EchoNumbers = number + 1, 1 + number % 2
    dataset.SliceLocation = f"{-60 + 1.2 * number:.6f}"
    dataset.ImagePositionPatient = [-112.5, -98.25, f"{-60 + 1.2 * number:.6f}"]
    dataset.WindowCenter = [40, rng.randrange(100, 900)]
    dataset.WindowWidth = [400, rng.randrange(100, 900)]
    dataset.SmallestImagePixelValue, dataset.LargestImagePixelValue = 0, rng.randrange(900, 4000)
    for keyword in _REFERENCES:
        item = Dataset()
        item.ReferencedSOPClassUID = MRImageStorage
        item.ReferencedSOPInstanceUID = generate_uid(entropy_srcs=[keyword, str(number)])
        setattr(dataset, keyword, [item])
    request, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "P5-09024", "SRT", "MRI"
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP17", "SPS17"
    request.ScheduledProtocolCodeSequence = [code]
    dataset.RequestAttributesSequence = [request]
    for group, creator in ((0x0019, "MAKER ACQU"), (0x0021, "MAKER RELA"), (0x0051, "MAKER SHOWS")):
        block = dataset.private_block(group, creator, create=True)
        for offset in range(6):
            block.add_new(offset, "DS", f"{rng.random():.8f}")
            block.add_new(0x20 + offset, "LO", f"setting {offset}")
        block.add_new(0x50, "OB", rng.randbytes(600))
    dataset.add_new("PixelData", "OW", bytes(2 * SIDE * SIDE))
    return dataset


_REFERENCES = ("ReferencedStudySequence", "ReferencedImageSequence", "SourceImageSequence")
_SAME: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 100",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
    "InstanceCreationDate": "20200103",
    "StudyDate": "20200103",
    "SeriesDate": "20200103",
    "AcquisitionDate": "20200103",
    "ContentDate": "20200103",
    "StudyTime": "101112.123000",
    "SeriesTime": "101530.250000",
    "AccessionNumber": "A1700042",
    "Modality": "MR",
    "Manufacturer": "Maker",
    "InstitutionName": "Hospital",
    "InstitutionAddress": "Street 1",
    "ReferringPhysicianName": "Doe^Jane",
    "StationName": "MR01",
    "OperatorsName": "Roe^Jo",
    "StudyDescription": "HEAD",
    "SeriesDescription": "t1 sag",
    "ManufacturerModelName": "M3",
    "InstitutionalDepartmentName": "Radiology",
    "PerformingPhysicianName": "Poe^Ann",
    "PatientName": "Example^Patient",
    "PatientID": "MRN-1",
    "PatientBirthDate": "19500615",
    "PatientSex": "F",
    "PatientAge": "069Y",
    "PatientSize": "1.70",
    "PatientWeight": "71",
    "BodyPartExamined": "BRAIN",
    "ScanningSequence": "GR",
    "SequenceVariant": ["SP", "MP"],
    "ScanOptions": "IR",
    "MRAcquisitionType": "3D",
    "SequenceName": "tfl3d1",
    "AngioFlag": "N",
    "SliceThickness": "1.2",
    "RepetitionTime": "2300",
    "EchoTime": "2.98",
    "InversionTime": "900",
    "NumberOfAverages": "1",
    "ImagingFrequency": "123.251815",
    "ImagedNucleus": "1H",
    "MagneticFieldStrength": "3",
    "NumberOfPhaseEncodingSteps": "239",
    "EchoTrainLength": "1",
    "PercentSampling": "100",
    "PercentPhaseFieldOfView": "93.75",
    "PixelBandwidth": "240",
    "DeviceSerialNumber": "41017",
    "SoftwareVersions": "E11",
    "ProtocolName": "t1 sag",
    "TransmitCoilName": "Body",
    "AcquisitionMatrix": [0, 256, 240, 0],
    "InPlanePhaseEncodingDirection": "ROW",
    "FlipAngle": "9",
    "VariableFlipAngleFlag": "N",
    "SAR": "0.0419",
    "dBdt": "0",
    "PatientPosition": "HFS",
    "SeriesNumber": "4",
    "StudyInstanceUID": "1.2.3.1",
    "SeriesInstanceUID": "1.2.3.1.1",
    "StudyID": "1",
    "AcquisitionNumber": "1",
    "ImageOrientationPatient": [0, 1, 0, 0, 0, -1],
    "FrameOfReferenceUID": "1.2.3.9",
    "PositionReferenceIndicator": "",
    "Laterality": "",
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "Rows": SIDE,
    "Columns": SIDE,
    "PixelSpacing": ["0.9375", "0.9375"],
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
    "RescaleSlope": "1",
    "RescaleIntercept": "0",
    "RescaleType": "US",
    "RequestedProcedureDescription": "MRI head",
    "PerformedProcedureStepStartDate": "20200103",
    "PerformedProcedureStepID": "MR17",
    "PerformedProcedureStepStartTime": "101112.125000",
    "PerformedProcedureStepDescription": "MRI head",
}


def measure(name: str, folder: Path) -> dict[str, float]:
    """Files per CPU second."""
    from medplatform.modalities.imaging.worker import collect_seldom

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    run = CANDIDATES[name]
    with tempfile.TemporaryDirectory() as scratch:
        (first := Path(scratch, "first")).mkdir()
        run(files[:1], first)  # what opens and imports is not what is measured
        (out := Path(scratch, "out")).mkdir()
        collect_seldom()  # as the reading process does; the others gain by it too
        start = time.process_time()
        run(files, out)
        return {"rate": len(files) / (time.process_time() - start)}


def main() -> None:
    """Run one candidate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("candidate", choices=CANDIDATES)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    print(json.dumps(measure(given.candidate, given.folder)))


if __name__ == "__main__":
    main()
