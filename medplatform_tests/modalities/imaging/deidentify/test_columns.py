"""What a policy keeps out of the columns of tables."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydicom import Dataset, Sequence

from medplatform.modalities.imaging.deidentify import Policy
from medplatform.modalities.imaging.deidentify.columns import withhold_moment
from medplatform.modalities.imaging.dicom import read_dicom
from medplatform.modalities.imaging.records import Annotation, FrameCell, Limits
from medplatform_tests.modalities.imaging.conftest import make_image, save
from medplatform_tests.modalities.imaging.deidentify.conftest import make

WITHOUT_DATES = Policy(dates="remove")
MOMENT = datetime(2020, 1, 2, tzinfo=UTC)


def _dated() -> Dataset:
    """An image of which object and frame say when they were taken."""
    content = make(FrameAcquisitionDateTime="20200102030405")
    group = make(FrameContentSequence=Sequence([content]))
    return make_image(
        AcquisitionDateTime="20200102030405", PerFrameFunctionalGroupsSequence=Sequence([group])
    )


def test_no_moment_of_a_frame_stays_where_dates_are_removed(tmp_path: Path) -> None:
    path = save(_dated(), tmp_path / "a.dcm")
    for policy, is_there in ((Policy(), True), (WITHOUT_DATES, False)):
        reading = read_dicom(path, Limits(), policy)
        (cell,) = reading.cells
        assert isinstance(cell, FrameCell)
        assert (cell.acquired_at is not None) is is_there
        assert (reading.header.acquired_at is not None) is is_there


def test_no_moment_of_an_annotation_stays_where_dates_are_removed() -> None:
    annotation = Annotation(number=1, annotation_type="roi", annotated_at=MOMENT)
    assert withhold_moment(annotation, Policy()) == annotation
    assert withhold_moment(annotation, WITHOUT_DATES) == replace(annotation, annotated_at=None)


def test_what_is_no_term_of_imaging_is_in_no_column(tmp_path: Path) -> None:
    dataset = _dated()
    dataset.ImageType = ["ORIGINAL", "DOE JANE", "M_FFE"]
    dataset.Manufacturer = "Jane Doe 04/05/1961"
    dataset.ManufacturerModelName = "MRN 1234-567"
    dataset.ConvolutionKernel = ["B30f", "DOE JANE"]
    dataset.SequenceName = "MRN 1234-567"
    group = dataset.PerFrameFunctionalGroupsSequence[0]
    group.FrameContentSequence[0].StackID = "MRN12345678"
    group.MRImageFrameTypeSequence = Sequence([make(FrameType=["ORIGINAL", "DOE JANE"])])
    dataset.ScanOptions = ["FS", "DOE JANE"]
    reading = read_dicom(save(dataset, tmp_path / "a.dcm"), Limits())
    (cell,) = reading.cells
    columns = reading.header.columns
    assert columns["image_type"] == ["ORIGINAL", "", "M_FFE"]
    assert columns["convolution_kernel"] == ["B30f", ""]
    assert columns["manufacturer"] is columns["model_name"] is None
    assert {"(0008,0008)", "(0008,0070)", "(0018,1210)"} <= {
        problem.element for problem in reading.header.problems
    }
    read = repr((cell, columns, reading.header.prepared, reading.header.problems))
    assert [secret for secret in ("JANE", "Jane", "MRN", "1961", "1234") if secret in read] == []
