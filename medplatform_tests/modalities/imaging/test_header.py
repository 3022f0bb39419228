"""Headers: typed values, null with a remark for everything else, never an exception."""

import warnings
from datetime import UTC, datetime
from typing import Any

import pytest
from pydicom import Dataset, Sequence
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from medplatform.modalities.imaging.flatten.tree import flatten_dataset
from medplatform.modalities.imaging.header import read_header
from medplatform.modalities.imaging.records import Header, Problem

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def _raw(**elements: tuple[int, str, bytes]) -> Dataset:
    """A data set of elements (tag, VR, bytes) as they come from a file."""
    dataset = Dataset()
    for number, vr, content in elements.values():
        tag = Tag(number)
        dataset._dict[tag] = RawDataElement(tag, vr, len(content), content, 0, False, True)
    return dataset


NEVER_NULL = {"frames", "has_modality_lut"}
"""Columns that say something of every data set."""


def _header(**elements: Any) -> Header:
    dataset = Dataset()
    with warnings.catch_warnings(action="ignore"):
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        return read_header(flatten_dataset(dataset))


def test_an_empty_data_set_gives_an_empty_header() -> None:
    header = _header()
    assert header.problems == []
    assert {name for name, value in header.columns.items() if value is not None} == NEVER_NULL


def test_values_get_the_types_and_names_of_the_table() -> None:
    header = _header(
        Modality="CT",
        PatientSex="F",
        BodyPartExamined="Whole Body",
        PixelSpacing=[0.5, 0.25],
        ImagePositionPatient=[1, 2, 3],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        WindowCenter=[40, 400],
        RescaleIntercept="-1024",
        BurnedInAnnotation="NO",
        Manufacturer=" ACME  Imaging ",
        InstanceNumber="7",
    )
    expected = {
        "modality": "CT",
        "patient_sex": "female",
        "body_part": "WHOLEBODY",
        "pixel_spacing_row_mm": 0.5,
        "pixel_spacing_column_mm": 0.25,
        "image_position_mm": [1.0, 2.0, 3.0],
        "image_orientation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "window_center": 40.0,
        "rescale_intercept": -1024.0,
        "has_burned_in_annotation": False,
        "manufacturer": "ACME Imaging",
        "instance_number": 7,
    }
    assert header.columns.items() >= expected.items()
    assert header.problems == []


@pytest.mark.parametrize(
    ("vr", "written", "is_signed", "meant"),
    [
        ("US", 63536, 1, -2000),
        ("SS", -2000, 1, -2000),
        ("US", 2000, 1, 2000),
        ("US", 63536, 0, 63536),
        ("SS", -2000, 0, 63536),
        ("US", 63536, None, 63536),
    ],
)
def test_padding_is_signed_where_the_pixels_are(
    vr: str, written: int, is_signed: int | None, meant: int
) -> None:
    dataset = Dataset()
    dataset.add_new("PixelPaddingValue", vr, written)
    if is_signed is not None:
        dataset.PixelRepresentation = is_signed
    header = read_header(flatten_dataset(dataset))
    assert header.columns["pixel_padding_value"] == meant
    assert header.problems == []


def test_a_table_of_modality_values_is_not_passed_over() -> None:
    table = Dataset()
    table.LUTDescriptor = [2, 0, 16]
    table.LUTData = [0, 100]
    assert _header(ModalityLUTSequence=[table]).columns["has_modality_lut"]
    assert not _header(RescaleIntercept="-1024").columns["has_modality_lut"]


@pytest.mark.parametrize(
    ("tag", "vr", "content"),
    [
        (0x00200013, "IS", b"1A"),
        (0x00180050, "DS", b"1.9.10.0"),
        (0x00180050, "DS", b"nan "),
        (0x00280030, "DS", b"0.5 "),
        (0x00200037, "DS", b"1\\0\\0\\0\\1\\x "),
        (0x00280010, "US", b"\x01"),
        (0x00280103, "US", b"\x07\x00"),
        (0x00080020, "DA", b"20231301"),
        (0x00080020, "DA", b"2023"),
        (0x0008002A, "DT", b"20231"),
        (0x00101010, "AS", b"45  "),
        (0x00100020, "LO", b"A\\B "),
        (0x0020000D, "UI", b"1.2.x\0"),
        (0x00080060, "SQ", b"\x01\x02\x03\x04"),
        (0x00080070, "LO", b"a\x01b "),
    ],
)
def test_a_value_that_is_not_of_its_type_is_dropped_with_a_remark(
    tag: int, vr: str, content: bytes
) -> None:
    header = read_header(flatten_dataset(_raw(element=(tag, vr, content))))
    named = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    assert header.problems == [Problem("dicom.bad_value", named)]
    ids = (header.patient_id, header.study_uid, header.study_at, header.acquired_at)
    assert ids == (None,) * 4
    assert {name for name, value in header.columns.items() if value is not None} == NEVER_NULL


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Modality", "JANE"),
        ("BodyPartExamined", "DOE"),
        ("ViewPosition", "DOE"),
        ("Laterality", "X"),
        ("PatientSex", "JANE"),
        ("BurnedInAnnotation", "MAYBE"),
    ],
)
def test_a_term_that_the_standard_does_not_define_is_dropped(keyword: str, value: str) -> None:
    header = _header(**{keyword: value})
    assert [problem.code for problem in header.problems] == ["dicom.unknown_term"]
    assert value not in header.columns.values()


@pytest.mark.parametrize(
    ("age", "years"),
    [("045Y", 45), ("089Y", 89), ("090Y", 90), ("104Y", 90), ("018M", 1), ("3M", 0), ("010D", 0)],
)
def test_ages_are_whole_years_and_over_89_they_are_one(age: str, years: int) -> None:
    assert _header(PatientAge=age).columns["patient_age_years"] == years


def test_a_missing_age_follows_from_the_date_of_birth() -> None:
    columns = _header(PatientBirthDate="19500615", StudyDate="20200614").columns
    assert columns["patient_age_years"] == 69
    assert 1950 not in columns.values()


@pytest.mark.parametrize(
    ("elements", "moment"),
    [
        ({"StudyDate": "20200131", "StudyTime": "235959.5"}, (2020, 1, 31, 23, 59, 59, 500000)),
        ({"StudyDate": "2020.01.31"}, (2020, 1, 31)),
        ({"StudyDate": "20200131", "StudyTime": "10"}, (2020, 1, 31, 10)),
        (
            {"StudyDate": "20200101", "StudyTime": "0030", "TimezoneOffsetFromUTC": "+0100"},
            (2019, 12, 31, 23, 30),
        ),
    ],
)
def test_moments_are_in_utc(elements: dict[str, str], moment: tuple[int, ...]) -> None:
    assert _header(**elements).study_at == datetime(*moment, tzinfo=UTC)  # pyright: ignore[reportArgumentType]


def test_the_date_and_time_of_acquisition_may_stand_in_one_element() -> None:
    header = _header(AcquisitionDateTime="20200102030405.25-0200")
    assert header.acquired_at == datetime(2020, 1, 2, 5, 4, 5, 250000, tzinfo=UTC)


def test_geometry_of_a_multi_frame_image_comes_from_its_shared_groups() -> None:
    measures, groups = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [2, 3], 4
    groups.PixelMeasuresSequence = Sequence([measures])
    columns = _header(SharedFunctionalGroupsSequence=Sequence([groups])).columns
    assert (columns["pixel_spacing_row_mm"], columns["slice_thickness_mm"]) == (2, 4)


@pytest.mark.parametrize("uid", ["1.2.840.113619.4.30", "1.2.840.10008.5.1.4.1.1.2.DOE"])
def test_a_uid_that_the_standard_does_not_define_stays_behind(uid: str) -> None:
    assert _header(SOPClassUID=uid).columns["sop_class_uid"] is None
