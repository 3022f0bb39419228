"""Public SEG, RTSTRUCT, SR, ANN and NIfTI files, beside what other libraries read of them."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from medplatform.modalities.imaging.codec import decode
from medplatform.modalities.imaging.dicom import read_dicom
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.records import Annotation, Cell, FrameCell, Limits, MaskCell
from medplatform.modalities.imaging.refusals import REASONS
from medplatform_tests.public_data import PUBLIC_DATA

PEER, NIFTI = PUBLIC_DATA / "dicom" / "peer", PUBLIC_DATA / "dicom" / "nifti"
HIGHDICOM = PEER / "highdicom" / "data" / "test_files"
REPORT = PEER / "dcmqi" / "data" / "sr-example" / "sr.dcm"
STRUCTURES = PEER / "pydicom/src/pydicom/data/test_files/rtstruct.dcm"

pytestmark = [
    pytest.mark.real,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        not (PEER.is_dir() and NIFTI.is_dir()), reason=f"no public imaging data in {PUBLIC_DATA}"
    ),
]


def read(process: ReadingProcess, path: Path, task: str = "dicom") -> list[Cell]:
    opened = process.read(task, path)
    assert isinstance(opened, Opened), path.name
    return list(opened.cells)


def annotations(cells: list[Cell], kind: str) -> list[Annotation]:
    return [c for c in cells if isinstance(c, Annotation) and c.annotation_type == kind]


def segmentations() -> Iterator[Path]:
    for folder in (HIGHDICOM, PEER / "dcmqi", PEER / "pydicom", PEER / "pydicom-data"):
        for pattern in ("seg*.dcm", "liver*.dcm", "*labelmap*.dcm", "partial*.dcm", "*.seg"):
            yield from sorted(folder.rglob(pattern))


def items_of(item: Dataset, kind: str) -> Iterator[Dataset]:
    """All content items of a kind, however deep."""
    for child in item.get("ContentSequence", []):
        if child.get("ValueType") == kind:
            yield child
        yield from items_of(child, kind)


def area(points: list[float]) -> float:
    """mm2 in a polygon of x, y, z on a plane."""
    corners = np.reshape(points, (-1, 3))
    return float(np.linalg.norm(np.cross(corners, np.roll(corners, -1, axis=0)).sum(axis=0)) / 2)


def test_every_frame_and_segment_of_a_segmentation_is_kept(process: ReadingProcess) -> None:
    compared = 0
    for path in segmentations():
        opened = process.read("dicom", path)
        if not isinstance(opened, Opened):
            continue
        cells = list(opened.cells)
        dataset = pydicom.dcmread(path)
        described = [item.SegmentNumber for item in dataset.SegmentSequence]
        found = annotations(cells, "segment")
        assert [a.columns["segment_number"] for a in found] == described, path.name
        masks = [cell for cell in cells if isinstance(cell, MaskCell)]
        frames = {mask.segmentation_frame for mask in masks}
        if dataset.SegmentationType != "LABELMAP":
            assert frames == set(range(1, int(dataset.get("NumberOfFrames") or 1) + 1)), path.name
        assert all(
            mask.source_uid or mask.plane.image_position_mm or mask.plane.matrix_row
            for mask in masks
        ), path.name
        compared += 1
    assert compared >= 10


@pytest.mark.parametrize(
    "name", ["ct_binary_overlap", "ct_true_fractional", "sm_control_labelmap", "sm_dots"]
)
def test_masks_have_the_pixels_that_highdicom_reads(name: str, process: ReadingProcess) -> None:
    path = HIGHDICOM / f"seg_image_{name}.dcm"
    masks = [cell for cell in read(process, path) if isinstance(cell, MaskCell)]
    frames = highdicom.seg.segread(path).pixel_array
    for mask in masks:
        assert mask.segmentation_frame
        shape = (mask.height, mask.width)
        frame = frames[mask.segmentation_frame - 1]
        pixels = decode(mask.codec, mask.pixels, dtype="uint8", shape=shape)
        if mask.fractions:
            kept = decode(mask.codec, mask.fractions, dtype="uint8", shape=shape)
            assert np.array_equal(kept, frame)
        elif "labelmap" in name:
            assert np.array_equal(pixels, frame == mask.segment_number)
        else:
            assert np.array_equal(pixels, frame)


def test_a_report_has_the_measurements_that_highdicom_finds(process: ReadingProcess) -> None:
    cells = read(process, REPORT)
    report = pydicom.dcmread(REPORT)
    numbers = list(items_of(report, "NUM"))
    found = annotations(cells, "measurement")
    assert [a.columns["value_number"] for a in found] == [
        float(item.MeasuredValueSequence[0].NumericValue) for item in numbers
    ]
    content = highdicom.sr.MeasurementReport.from_sequence([report])
    (group,) = content.get_volumetric_roi_measurement_groups()
    measured = group.get_measurements()
    in_group = [a for a in found if a.tracking_uid == group.tracking_uid]
    assert [a.columns["value_number"] for a in in_group] == [m.value for m in measured]
    assert [a.columns["unit"] for a in in_group] == [m.unit.value for m in measured]
    referenced = group.referenced_segment
    assert {a.segmentation_uid for a in in_group} == {referenced.referenced_sop_instance_uid}
    assert {a.columns["segment_number"] for a in in_group} == set(
        referenced.referenced_segment_numbers
    )


def test_a_structure_set_has_the_contours_that_pydicom_reads(process: ReadingProcess) -> None:
    found = annotations(read(process, STRUCTURES), "contour")
    dataset = pydicom.dcmread(STRUCTURES, force=True)
    contours = [
        (item.ReferencedROINumber, contour)
        for item in dataset.ROIContourSequence
        for contour in item.ContourSequence
    ]
    assert len(found) == len(contours) == 5
    for annotation, (number, contour) in zip(found, contours, strict=True):
        assert annotation.columns["group_number"] == number
        assert annotation.columns["points"] == [float(value) for value in contour.ContourData]
        assert annotation.columns["point_count"] == contour.NumberOfContourPoints
        assert annotation.columns["geometric_type"] == contour.ContourGeometricType
    body = [a for a in found if a.columns["geometric_type"] == "CLOSED_PLANAR"]
    # A phantom of 30 to 40 cm across.
    assert all(70_000 < area(a.columns["points"]) < 160_000 for a in body)


def test_shapes_are_those_that_highdicom_reads(process: ReadingProcess) -> None:
    path = HIGHDICOM / "sm_annotations.dcm"
    cells = read(process, path)
    shapes, measured = annotations(cells, "shape"), annotations(cells, "measurement")
    (group,) = highdicom.ann.annread(path).get_annotation_groups()
    expected = group.get_graphic_data(coordinate_type="2D")
    assert len(shapes) == len(expected)
    for shape, points in zip(shapes, expected, strict=True):
        assert shape.columns["geometric_type"] == group.graphic_type.value
        assert shape.columns["points"] == pytest.approx(np.ravel(points).tolist())
    _, values, units = group.get_measurements()
    assert [a.columns["value_number"] for a in measured] == values.ravel().tolist()
    assert {a.columns["unit"] for a in measured} == {unit.value for unit in units}


@pytest.mark.parametrize("path", sorted(NIFTI.glob("*.nii*")), ids=lambda path: path.name)
def test_voxels_and_places_are_those_of_nibabel(path: Path, process: ReadingProcess) -> None:
    image = nibabel.load(path)
    assert isinstance(image, nibabel.Nifti1Image)
    voxels = np.asanyarray(image.dataobj.get_unscaled())
    frames = [cell for cell in read(process, path, "volume") if isinstance(cell, FrameCell)]
    read_back = np.stack(
        [
            decode(cell.codec, cell.pixels, dtype=cell.dtype, shape=(cell.height, cell.width)).T
            for cell in frames
        ],
        axis=2,
    )
    assert np.array_equal(read_back.reshape(voxels.shape, order="F"), voxels)
    for number, cell in enumerate(frames):
        level = number % voxels.shape[2]
        x, y, z = (image.affine @ (0, 0, level, 1))[:3]
        assert cell.columns["image_position_mm"] == pytest.approx([-x, -y, z], abs=1e-4)


@pytest.mark.parametrize(
    "path",
    [REPORT, STRUCTURES, HIGHDICOM / "sm_annotations.dcm", HIGHDICOM / "seg_image_sm_dots.dcm"],
    ids=lambda path: path.stem,
)
def test_damaged_objects_are_read_or_refused_but_raise_nothing(path: Path, tmp_path: Path) -> None:
    random = Random(path.stem)
    content, damaged = path.read_bytes(), tmp_path / "damaged.dcm"
    read_at_least_once = False
    for _ in range(15):
        mutated = bytearray(content)
        for _ in range(random.choice((1, 3, 20))):
            place = random.randrange(len(mutated))
            mutated[place : place + random.randrange(3)] = random.randbytes(random.randrange(3))
        damaged.write_bytes(mutated)
        try:
            list(read_dicom(damaged, Limits()).cells)
            read_at_least_once = True
        except Unusable as error:
            assert error.failure.code in REASONS
    assert read_at_least_once
