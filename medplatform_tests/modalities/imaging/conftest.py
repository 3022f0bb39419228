"""Writes small DICOM objects and pictures into a delivery, and reads it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, Sequence
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, SegmentationStorage, generate_uid

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery, open_delivery
from medplatform.modalities.imaging import IMAGING
from medplatform.modalities.imaging.codec import decode
from medplatform.modalities.imaging.deidentify import Policy
from medplatform.modalities.imaging.isolation import ReadingProcess
from medplatform.modalities.imaging.pool import ReadingPool
from medplatform.modalities.imaging.reader import read_files
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity, KeyRing

PIXELS = np.arange(12, dtype=np.uint16).reshape(3, 4)


def make_image(pixels: np.ndarray = PIXELS, **elements: Any) -> Dataset:
    """A CT slice of patient MRN-1; `elements` replace or (with None) remove some."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.PatientID = "MRN-1"
    dataset.Modality = "CT"
    describe_pixels(dataset, pixels)
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def describe_pixels(dataset: Dataset, pixels: np.ndarray, *, frames: int | None = None) -> None:
    """Set the Image Pixel module: (rows, columns), (frames, rows, columns) with `frames`."""
    shape = pixels.shape if frames is None else pixels.shape[1:]
    dataset.Rows, dataset.Columns = shape[:2]
    dataset.SamplesPerPixel = shape[2] if len(shape) == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if len(shape) == 3 else "MONOCHROME2"
    if len(shape) == 3:
        dataset.PlanarConfiguration = 0
    if frames is not None:
        dataset.NumberOfFrames = frames
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW" if pixels.dtype.itemsize > 1 else "OB"


def save(
    dataset: Dataset, path: Path, transfer_syntax: str = ExplicitVRLittleEndian, **meta: Any
) -> Path:
    """Write a data set as a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "1.2.3")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", None) or "1.2.3"
    dataset.save_as(path, enforce_file_format=True, **meta)
    return path


def make_segmentation(
    masks: np.ndarray, sources: list[tuple[str, int | None]], kind: str = "BINARY"
) -> Dataset:
    """A segmentation of one segment with (frames, rows, columns), one (UID, frame) per frame."""
    dataset = make_image()
    dataset.SOPClassUID = SegmentationStorage
    dataset.Modality = "SEG"
    describe_pixels(dataset, masks.astype(np.uint8), frames=len(masks))
    dataset.SegmentationType = kind
    if kind == "BINARY":
        dataset.BitsAllocated = dataset.BitsStored = 1
        dataset.HighBit = 0
        packed = np.packbits(masks.astype(np.uint8).ravel(), bitorder="little").tobytes()
        dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    if kind == "FRACTIONAL":
        dataset.SegmentationFractionalType = "PROBABILITY"
        dataset.MaximumFractionalValue = 200
    dataset.SegmentSequence = Sequence([make_segment()])
    dataset.PerFrameFunctionalGroupsSequence = Sequence(
        [make_frame_group(uid, frame) for uid, frame in sources]
    )
    return dataset


def make_segment(scheme: str = "SCT", meaning: str = "Lesion") -> Dataset:
    """The description of segment 1."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "52988006", scheme, meaning
    segment = Dataset()
    segment.SegmentNumber = 1
    segment.SegmentLabel = "outlined for Jane Doe"
    segment.SegmentedPropertyTypeCodeSequence = Sequence([code])
    return segment


def make_frame_group(uid: str, frame: int | None, segment: int = 1) -> Dataset:
    """Functional groups of a frame drawn on a frame of an image."""
    image, derivation, identification, group = Dataset(), Dataset(), Dataset(), Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CTImageStorage, uid
    if frame is not None:
        image.ReferencedFrameNumber = frame
    derivation.SourceImageSequence = Sequence([image])
    identification.ReferencedSegmentNumber = segment
    group.DerivationImageSequence = Sequence([derivation])
    group.SegmentIdentificationSequence = Sequence([identification])
    return group


def save_picture(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """Write an array as PNG or JPEG, by the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@dataclass(frozen=True)
class Ingested:
    """What came of a delivery."""

    delivery: Delivery
    stage: Stage

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows of a table, without its prefix."""
        staged = self.stage.tables()
        name = f"imaging_{table}"
        return self.stage.read(name).to_pylist() if name in staged else []

    def refusals(self, severity: str = "error") -> Counter[str]:
        """Codes of the refusals, or of the warnings."""
        if not self.stage.refusals:
            return Counter()
        rows = self.stage.read("quarantine").to_pylist()
        return Counter(row["code"] for row in rows if row["severity"] == severity)

    def totals(self, unit: str) -> dict[str, int]:
        """Counts of a unit that are not 0."""
        total: Counter[str] = Counter()
        for (_, counted), counts in self.stage.counts.items():
            if counted == unit:
                total.update(counts.model_dump())
        return {name: amount for name, amount in total.items() if amount}

    def pixels(self, number: int = 0) -> np.ndarray:
        """The pixels of the n-th frame row."""
        row = self.rows("frame")[number]
        shape = (row["height"], row["width"])
        if row["channels"] > 1:
            shape = (*shape, row["channels"])
        return decode(row["codec"], row["pixels"], dtype=row["dtype"], shape=shape)

    def mask(self, number: int = 0) -> np.ndarray:
        """The pixels of the n-th mask row."""
        row = self.rows("mask")[number]
        shape = (row["height"], row["width"])
        return decode(row["codec"], row["pixels"], dtype="uint8", shape=shape)

    def assert_accounted(self) -> None:
        """Every record of every file is accounted for, and recounting the files agrees."""
        recount: Counter[tuple[str, str]] = Counter()
        for source in self.delivery.sources:
            for unit, records in IMAGING.count_records(source).items():
                recount[source.source_id, unit] += records
        assert all(counts.is_balanced for counts in self.stage.counts.values())
        assert recount == {k: c.delivered for k, c in self.stage.counts.items() if c.delivered}


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity(
        KeyRing(b"k" * 32),
        tmp_path / "vault",
        default_system="urn:mrn",
        issuer_systems={"WARD": "urn:ward"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an imaging delivery."""
    folder = tmp_path / "landing" / "imaging" / "d"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def process() -> Iterator[ReadingProcess]:
    """One reading process for all tests: starting one takes half a second.

    It takes the pixels of any image, so that tests need not say that theirs show no text.
    """
    with ReadingProcess(policy=Policy(clean_pixel_data=False)) as process:
        yield process


@pytest.fixture
def ingest(
    folder: Path, identity: Identity, process: ReadingProcess, tmp_path: Path
) -> Callable[[], Ingested]:
    """Reads the delivery and checks that all of it is accounted for."""

    def read() -> Ingested:
        delivery = open_delivery(folder.parents[1], "imaging", folder.name)
        stage = Stage(tmp_path / "stage", "g")
        read_files(delivery, stage, identity, ReadingPool([process]), silent)
        stage.close()
        ingested = Ingested(delivery, stage)
        ingested.assert_accounted()
        return ingested

    return read
