"""RT Structure Sets: one annotation per contour, with its points and nothing that was typed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, Sequence
from pydicom.uid import RTStructureSetStorage

from medplatform.modalities.imaging.annotation.objects import read_annotations
from medplatform.modalities.imaging.annotation.rois import public_name
from medplatform.modalities.imaging.records import Annotation
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import Ingested, make_image, save

Ingest = Callable[[], Ingested]

SQUARE = [0.0, 0.0, 5.0, 20.0, 0.0, 5.0, 20.0, 10.0, 5.0, 0.0, 10.0, 5.0]
IMAGE, SERIES, PLACE = "1.2.3.1", "1.2.3.2", "1.2.3.3"


def make_contour(points: list[float], shape: str = "CLOSED_PLANAR", **elements: Any) -> Dataset:
    contour = Dataset()
    contour.ContourGeometricType = shape
    contour.NumberOfContourPoints = len(points) // 3
    contour.ContourData = points
    image = Dataset()
    image.ReferencedSOPInstanceUID = IMAGE
    contour.ContourImageSequence = Sequence([image])
    for keyword, value in elements.items():
        setattr(contour, keyword, value)
    return contour


def make_structures(*contours: Dataset, name: str = "Liver", interpreted: str = "ORGAN") -> Dataset:
    """A structure set of one region of patient MRN-1."""
    dataset = make_image(SOPClassUID=RTStructureSetStorage, Modality="RTSTRUCT")
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(dataset, keyword)
    dataset.StructureSetDate, dataset.StructureSetTime = "20240501", "101500"
    region, observation, drawn = Dataset(), Dataset(), Dataset()
    region.ROINumber, region.ROIName, region.ReferencedFrameOfReferenceUID = 7, name, PLACE
    region.ROIDescription = "seen by Jane Doe"
    region.ROIGenerationAlgorithm = "SEMIAUTOMATIC"
    observation.ReferencedROINumber, observation.RTROIInterpretedType = 7, interpreted
    observation.ROIInterpreter = "Doe^Jane"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "10200004", "SCT", "Liver"
    observation.RTROIIdentificationCodeSequence = Sequence([code])
    drawn.ReferencedROINumber, drawn.ContourSequence = 7, Sequence(contours)
    image, series, study, place = Dataset(), Dataset(), Dataset(), Dataset()
    image.ReferencedSOPInstanceUID, series.SeriesInstanceUID = IMAGE, SERIES
    series.ContourImageSequence = Sequence([image])
    study.RTReferencedSeriesSequence = Sequence([series])
    place.RTReferencedStudySequence = Sequence([study])
    dataset.ReferencedFrameOfReferenceSequence = Sequence([place])
    dataset.StructureSetROISequence = Sequence([region])
    dataset.RTROIObservationsSequence = Sequence([observation])
    dataset.ROIContourSequence = Sequence([drawn])
    return dataset


def annotations_of(dataset: Dataset) -> tuple[list[Annotation], set[str]]:
    """Annotations of a data set, and the codes of the remarks."""
    annotations, problems = read_annotations(dataset, dataset.SOPClassUID)
    return annotations, {problem.code for problem in problems}


def test_each_contour_becomes_an_annotation(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    structures = make_structures(make_contour(SQUARE), make_contour([1.0, 2.0, 3.0], "POINT"))
    save(structures, folder / "rtstruct.dcm")
    ingested = ingest()
    first, second = ingested.rows("annotation")
    assert first["annotation_type"] == second["annotation_type"] == "contour"
    assert (first["geometric_type"], second["geometric_type"]) == ("CLOSED_PLANAR", "POINT")
    assert (first["points"], second["points"]) == (SQUARE, [1.0, 2.0, 3.0])
    assert (first["point_count"], first["coordinate_system"]) == (4, "patient")
    assert (first["item_number"], second["item_number"]) == (1, 2)
    assert first["object_id"] == identity.uid(structures.SOPInstanceUID)
    assert first["instance_id"] == identity.uid(IMAGE)
    assert first["series_id"] == identity.uid(SERIES)
    assert first["frame_of_reference_id"] == identity.uid(PLACE)
    assert first["patient_id"] == ingested.rows("instance")[0]["patient_id"]
    assert first["annotation_id"] != second["annotation_id"]
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}


def test_a_region_keeps_its_type_its_code_and_who_drew_it() -> None:
    (contour,), problems = annotations_of(make_structures(make_contour(SQUARE)))
    assert contour.columns["roi_type"] == "ORGAN"
    assert contour.columns["code"] == "SCT:10200004"
    assert contour.columns["meaning"].startswith("Liver")
    assert (contour.columns["group_number"], contour.columns["source"]) == (7, "semiautomatic")
    assert problems == set()


def test_the_moment_of_a_structure_set_is_shifted_with_its_patient(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    save(make_structures(make_contour(SQUARE)), folder / "rtstruct.dcm")
    (row,) = ingest().rows("annotation")
    moved = row["annotated_at"] - datetime(2024, 5, 1, 10, 15, tzinfo=UTC)
    assert moved == timedelta(days=identity.subject(None, "MRN-1").shift_days) != timedelta()


@pytest.mark.parametrize(
    "name", ["Lung_L", "SpinalCord_PRV05", "PTV_High", "GTVn", "CTVp2_5040", "VB_T12", "Parotid_R"]
)
def test_names_of_tg_263_are_kept(name: str) -> None:
    assert public_name(name) == name


@pytest.mark.parametrize(
    "name", ["liver of Jane Doe", "Doe", "Lung_Doe", "PTV_Jane", "Liver 19560203", "", "Lung_L\n"]
)
def test_other_names_are_not_kept(name: str) -> None:
    assert public_name(name) is None


def test_nothing_that_was_typed_is_staged(folder: Path, ingest: Ingest) -> None:
    structures = make_structures(make_contour(SQUARE), name="Jane Doe", interpreted="DOE")
    structures.StructureSetLabel = "Jane Doe"
    save(structures, folder / "rtstruct.dcm")
    ingested = ingest()
    (row,) = ingested.rows("annotation")
    assert "Doe" not in str(row)
    assert (row["roi_name"], row["roi_type"]) == (None, None)
    assert ingested.refusals("warning")["dicom.unknown_term"] == 1


def test_a_region_without_contours_is_an_annotation_without_points() -> None:
    structures = make_structures()
    del structures.ROIContourSequence
    (region,), _ = annotations_of(structures)
    assert region.annotation_type == "roi"
    assert region.columns["roi_name"] == "Liver"
    assert "points" not in region.columns


def test_a_contour_of_a_region_that_is_not_described_is_kept() -> None:
    structures = make_structures(make_contour(SQUARE))
    del structures.StructureSetROISequence
    (contour,), _ = annotations_of(structures)
    assert contour.columns["points"] == SQUARE
    assert contour.columns["group_number"] == 7


def test_points_that_are_none_leave_the_contour_empty_with_a_remark() -> None:
    for points in ([1.0, 2.0], [1.0, 2.0, float("nan")]):
        contour = make_contour(SQUARE)
        contour.ContourData = points
        (annotation,), problems = annotations_of(make_structures(contour))
        assert annotation.columns["points"] is None
        assert problems == {"dicom.bad_value"}


def test_a_wrong_count_of_points_is_remarked_on_and_the_points_are_kept() -> None:
    contour = make_contour(SQUARE, NumberOfContourPoints=3)
    (annotation,), problems = annotations_of(make_structures(contour))
    assert annotation.columns["point_count"] == 4
    assert problems == {"annotation.point_count"}


def test_a_contour_over_several_images_is_of_none_of_them_but_of_their_series() -> None:
    contour = make_contour(SQUARE)
    other = Dataset()
    other.ReferencedSOPInstanceUID = "1.2.3.9"
    contour.ContourImageSequence.append(other)
    (annotation,), _ = annotations_of(make_structures(contour))
    assert (annotation.instance_uid, annotation.series_uid) == (None, SERIES)


def test_the_area_of_a_contour_is_that_of_its_points() -> None:
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = np.column_stack([30 * np.cos(angle), 30 * np.sin(angle), np.full(200, 5.0)])
    written = [float(f"{value:.6f}") for value in circle.ravel()]
    (annotation,), _ = annotations_of(make_structures(make_contour(written)))
    x, y, _ = np.reshape(annotation.columns["points"], (-1, 3)).T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == pytest.approx(np.pi * 30**2, rel=1e-3)
