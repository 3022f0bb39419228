"""Small DICOM files, and what is equal about two of them."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
from pydicom import FileDataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

ROOT = "1.2.826.0.1.3680043.10.1234"


def make_image(
    path: Path,
    *,
    study: int = 1,
    series: int = 1,
    number: int = 1,
    modality: str = "CT",
    patient: str = "P1",
    date: str = "20260131",
    sop_class: str | None = None,
    seed: int = 0,
    size: int = 16,
) -> FileDataset:
    """Write one image; its UIDs follow from study, series and number."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = sop_class or (MRImageStorage if modality == "MR" else CTImageStorage)
    ds.SOPInstanceUID = f"{ROOT}.{study}.{series}.{number}"
    ds.StudyDate = date
    ds.AccessionNumber = f"A{study}"
    ds.Modality = modality
    ds.PatientName = "Doe^Jane"
    ds.PatientID = patient
    ds.StudyInstanceUID = f"{ROOT}.{study}"
    ds.SeriesInstanceUID = f"{ROOT}.{study}.{series}"
    ds.StudyID = str(study)
    ds.SeriesNumber = series
    ds.InstanceNumber = number
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows = ds.Columns = size
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    pixels = np.random.default_rng(seed * 1000 + number).integers(0, 4096, (size, size), np.uint16)
    ds.PixelData = pixels.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return ds


def make_series(folder: Path, count: int = 3, **options: object) -> list[Path]:
    """Write so many images of one series."""
    stem = "-".join(str(options.get(name, 1)) for name in ("study", "series"))
    paths = [folder / f"{stem}-{number}.dcm" for number in range(1, count + 1)]
    for number, path in enumerate(paths, 1):
        make_image(path, number=number, **options)  # pyright: ignore[reportArgumentType]
    return paths


def pixels_of(folder: Path) -> Counter[tuple[str, str]]:
    """SOP Instance UID and digest of the pixel data of each file below a folder."""
    return Counter(map(pixels_of_file, files_of(folder)))


def pixels_of_file(path: Path) -> tuple[str, str]:
    ds = dcmread(path, force=True)
    pixels = ds.get("PixelData", b"")
    return str(ds.SOPInstanceUID), hashlib.sha256(pixels).hexdigest()


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("**/*.dcm"))
