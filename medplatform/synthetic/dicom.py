"""DICOM CT slices and the SEG object that annotates them (PS3.3 A.3 and A.51)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, SegmentationStorage

from medplatform.synthetic.cohort import History
from medplatform.synthetic.draws import generator
from medplatform.synthetic.people import Person
from medplatform.synthetic.phantom import SIZE, draw_slice

SLICE_THICKNESS_MM = 5.0
_AXIAL = [1, 0, 0, 0, 1, 0]
_IMPLEMENTATION = UID("2.25.302043790172249692526321623266752743501")


@dataclass(frozen=True, slots=True)
class Scanner:
    """How one make of scanner stores its slices: stored value = (HU - intercept) / slope."""

    manufacturer: str
    model: str
    intercept: int
    spacing_mm: float


SCANNERS = (
    Scanner("Vendor A", "CT 64", intercept=-1024, spacing_mm=0.75),
    Scanner("Vendor B", "CT 128", intercept=0, spacing_mm=0.9),
)


def write_study(folder: Path, person: Person, history: History, image_seed: int) -> int:
    """Write one study of one or two slices and one SEG object; returns the number of slices.

    Files are named by kind and number. The images depend on (image_seed, patient number) alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = generator(image_seed, f"study:{history.number}")
    scanner = SCANNERS[int(random.integers(len(SCANNERS)))]
    slices = [
        draw_slice(image_seed, history.number, number)
        for number in range(1, 2 + int(random.integers(2)))
    ]
    study = _Study(person, history, scanner)
    for number, content in enumerate(slices, 1):
        study.write_image(folder / f"CT{number:04d}.dcm", number, content.pixels)
    study.write_segmentation(folder / "SEG0001.dcm", [content.mask for content in slices])
    return len(slices)


class _Study:
    """The objects of one study."""

    def __init__(self, person: Person, history: History, scanner: Scanner) -> None:
        self.person = person
        self.history = history
        self.scanner = scanner
        self.at = history.last_visit_at + timedelta(minutes=45)

    def write_image(self, path: Path, number: int, pixels: np.ndarray) -> None:
        """Write one slice of int16 Hounsfield units."""
        scanner = self.scanner
        dataset = self._common(CTImageStorage, self.person.uid(f"image:{number}"), "CT")
        dataset.SeriesInstanceUID = self.person.uid("series:CT")
        dataset.SeriesNumber = 1
        dataset.SeriesDescription = "Axial"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.BodyPartExamined = "CHEST"
        dataset.PatientPosition = "HFS"
        dataset.KVP = 120
        dataset.AcquisitionNumber = 1
        dataset.AcquisitionDate, dataset.AcquisitionTime = dataset.StudyDate, dataset.StudyTime
        dataset.InstanceNumber = number
        dataset.SliceThickness = SLICE_THICKNESS_MM
        dataset.ImagePositionPatient = self._position(number)
        dataset.ImageOrientationPatient = _AXIAL
        dataset.PixelSpacing = [scanner.spacing_mm, scanner.spacing_mm]
        dataset.BurnedInAnnotation = "NO"
        dataset.RescaleIntercept = scanner.intercept
        dataset.RescaleSlope = 1
        dataset.RescaleType = "HU"
        dataset.WindowCenter = 60
        dataset.WindowWidth = 400
        _describe_pixels(dataset, bits=16, signed=True)
        dataset.PixelData = (pixels - scanner.intercept).astype("<i2").tobytes()
        dataset["PixelData"].VR = "OW"
        _save(dataset, path)

    def write_segmentation(self, path: Path, masks: Sequence[np.ndarray]) -> None:
        """Write one binary segment "Lesion" with a frame for each slice."""
        dataset = self._common(SegmentationStorage, self.person.uid("seg"), "SEG")
        dataset.SeriesInstanceUID = self.person.uid("series:SEG")
        dataset.SeriesNumber = 2
        dataset.SeriesDescription = "Lesion outlines"
        dataset.ImageType = ["DERIVED", "PRIMARY"]
        dataset.InstanceNumber = 1
        dataset.ContentDate, dataset.ContentTime = dataset.StudyDate, dataset.StudyTime
        dataset.ContentLabel = "LESION"
        dataset.ContentDescription = "Outlines of lesions"
        dataset.ContentCreatorName = None
        dataset.SoftwareVersions = "1.0"
        dataset.DeviceSerialNumber = "1"
        dataset.LossyImageCompression = "00"
        dataset.SegmentationType = "BINARY"
        dataset.NumberOfFrames = len(masks)
        _describe_pixels(dataset, bits=1, signed=False)
        dataset.SegmentSequence = Items([_segment()])
        dataset.ReferencedSeriesSequence = Items([self._referenced_series(len(masks))])
        organization = self.person.uid("dimensions")
        dataset.DimensionOrganizationSequence = _items(DimensionOrganizationUID=organization)
        dataset.DimensionIndexSequence = _dimensions(organization)
        dataset.SharedFunctionalGroupsSequence = Items([self._shared_groups()])
        dataset.PerFrameFunctionalGroupsSequence = Items(
            [self._frame_groups(number) for number in range(1, len(masks) + 1)]
        )
        packed = np.packbits(np.stack(masks).ravel(), bitorder="little").tobytes()
        dataset.PixelData = packed + b"\0" * (len(packed) % 2)
        dataset["PixelData"].VR = "OB"
        _save(dataset, path)

    def _common(self, sop_class: str, uid: str, modality: str) -> Dataset:
        """Attributes of the patient, study, equipment and frame of reference modules."""
        person, history, scanner = self.person, self.history, self.scanner
        age = (self.at.date() - person.birth_date).days // 365.25
        dataset = Dataset()
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.SOPClassUID = sop_class
        dataset.SOPInstanceUID = uid
        dataset.StudyInstanceUID = person.uid("study")
        dataset.FrameOfReferenceUID = person.uid("frame")
        dataset.PositionReferenceIndicator = None
        dataset.StudyDate = dataset.SeriesDate = f"{self.at:%Y%m%d}"
        dataset.StudyTime = dataset.SeriesTime = f"{self.at:%H%M%S}"
        dataset.StudyID = "1"
        dataset.AccessionNumber = person.accession
        dataset.Modality = modality
        dataset.Manufacturer = scanner.manufacturer
        dataset.ManufacturerModelName = scanner.model
        dataset.InstitutionName = person.institution
        dataset.ReferringPhysicianName = None
        dataset.PatientName = f"{person.family}^{person.given}"
        dataset.PatientID = person.mrn
        dataset.PatientBirthDate = f"{person.birth_date:%Y%m%d}"
        dataset.PatientSex = "M" if history.is_male else "F"
        dataset.PatientAge = f"{int(age):03d}Y"
        return dataset

    def _position(self, number: int) -> list[float]:
        corner = -SIZE * self.scanner.spacing_mm / 2
        return [corner, corner, SLICE_THICKNESS_MM * number]

    def _referenced_series(self, slices: int) -> Dataset:
        series = Dataset()
        series.SeriesInstanceUID = self.person.uid("series:CT")
        series.ReferencedInstanceSequence = Items(
            [self._reference(number) for number in range(1, slices + 1)]
        )
        return series

    def _reference(self, number: int) -> Dataset:
        reference = Dataset()
        reference.ReferencedSOPClassUID = CTImageStorage
        reference.ReferencedSOPInstanceUID = self.person.uid(f"image:{number}")
        return reference

    def _shared_groups(self) -> Dataset:
        groups = Dataset()
        groups.PixelMeasuresSequence = _items(
            SliceThickness=SLICE_THICKNESS_MM,
            SpacingBetweenSlices=SLICE_THICKNESS_MM,
            PixelSpacing=[self.scanner.spacing_mm, self.scanner.spacing_mm],
        )
        groups.PlaneOrientationSequence = _items(ImageOrientationPatient=_AXIAL)
        groups.SegmentIdentificationSequence = _items(ReferencedSegmentNumber=1)
        return groups

    def _frame_groups(self, number: int) -> Dataset:
        source = self._reference(number)
        source.SpatialLocationsPreserved = "YES"
        source.PurposeOfReferenceCodeSequence = Items(
            [_code("121322", "DCM", "Source image for image processing operation")]
        )
        derivation = Dataset()
        derivation.DerivationCodeSequence = Items([_code("113076", "DCM", "Segmentation")])
        derivation.SourceImageSequence = Items([source])
        groups = Dataset()
        groups.DerivationImageSequence = Items([derivation])
        groups.FrameContentSequence = _items(DimensionIndexValues=[1, number])
        groups.PlanePositionSequence = _items(ImagePositionPatient=self._position(number))
        return groups


def _describe_pixels(dataset: Dataset, *, bits: int, signed: bool) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = dataset.Columns = SIZE
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(signed)


def _segment() -> Dataset:
    segment = Dataset()
    segment.SegmentNumber = 1
    segment.SegmentLabel = "Lesion"
    segment.SegmentAlgorithmType = "MANUAL"
    segment.SegmentedPropertyCategoryCodeSequence = Items(
        [_code("49755003", "SCT", "Morphologically Altered Structure")]
    )
    segment.SegmentedPropertyTypeCodeSequence = Items([_code("52988006", "SCT", "Lesion")])
    return segment


def _dimensions(organization: str) -> Items:
    """Frames are ordered by segment number, then by position (PS3.3 C.7.6.17)."""
    items = []
    for group, element in ((0x0062000A, 0x0062000B), (0x00209113, 0x00200032)):
        index = Dataset()
        index.DimensionOrganizationUID = organization
        index.FunctionalGroupPointer = group
        index.DimensionIndexPointer = element
        items.append(index)
    return Items(items)


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _items(**attributes: object) -> Items:
    """A sequence of one item with these attributes."""
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return Items([item])


def _save(dataset: Dataset, path: Path) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION
    dataset.file_meta = meta
    dataset.save_as(path, enforce_file_format=True)
