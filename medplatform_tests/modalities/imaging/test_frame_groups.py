"""Each frame has what is said of it: by itself, by all frames, or by the object."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydicom import Dataset, Sequence

from medplatform.modalities.imaging.frame_groups import FrameGroups
from medplatform_tests.modalities.imaging.conftest import (
    Ingested,
    describe_pixels,
    make_image,
    save,
)

Ingest = Callable[[], Ingested]


def item(**elements: object) -> Sequence:
    """A sequence of one item."""
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return Sequence([dataset])


def enhanced(groups: list[dict[str, Sequence]], **shared: object) -> Dataset:
    """An image with functional groups, one for each frame and some for all."""
    dataset = make_image()
    pixels = np.arange(len(groups) * 12, dtype=np.uint16).reshape(-1, 3, 4)
    describe_pixels(dataset, pixels, frames=len(groups))
    dataset.PerFrameFunctionalGroupsSequence = Sequence([item(**g)[0] for g in groups])
    dataset.SharedFunctionalGroupsSequence = item(**shared)
    return dataset


def test_groups_of_a_frame_go_before_those_of_all_and_these_before_the_object() -> None:
    dataset = enhanced(
        [{"PixelMeasuresSequence": item(SliceThickness=2)}, {}],
        PixelMeasuresSequence=item(PixelSpacing=[0.5, 0.7], SliceThickness=1),
        PixelValueTransformationSequence=item(
            RescaleSlope=2, RescaleIntercept=-1000, RescaleType="hu"
        ),
    )
    dataset.RescaleSlope, dataset.WindowCenter, dataset.WindowWidth = 5, [40, 50], 400
    groups = FrameGroups(dataset)
    first, second = (groups.describe(number).columns for number in (1, 2))
    assert (first["slice_thickness_mm"], second["slice_thickness_mm"]) == (2, 1)
    assert (first["pixel_spacing_row_mm"], first["pixel_spacing_column_mm"]) == (0.5, 0.7)
    assert (first["rescale_slope"], first["rescale_intercept"]) == (2, -1000)
    assert (first["rescale_type"], first["window_center"], first["window_width"]) == ("HU", 40, 400)
    assert groups.elements.problems == []


def test_each_frame_has_its_place(folder: Path, ingest: Ingest) -> None:
    frames = [
        {
            "PlanePositionSequence": item(ImagePositionPatient=[0, 0, 3 * n]),
            "FrameContentSequence": item(
                DimensionIndexValues=[1, n],
                StackID="1",
                InStackPositionNumber=n,
                TemporalPositionIndex=2,
            ),
            "FrameVOILUTSequence": item(WindowCenter=n, WindowWidth=9, VOILUTFunction="SIGMOID"),
        }
        for n in (1, 2, 3)
    ]
    plane = item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    save(enhanced(frames, PlaneOrientationSequence=plane), folder / "1.dcm")
    rows = ingest().rows("frame")
    assert [row["frame_number"] for row in rows] == [1, 2, 3]
    assert [row["image_position_mm"] for row in rows] == [[0, 0, 3], [0, 0, 6], [0, 0, 9]]
    assert {tuple(row["image_orientation"]) for row in rows} == {(1, 0, 0, 0, 1, 0)}
    assert [row["dimension_index_values"] for row in rows] == [[1, 1], [1, 2], [1, 3]]
    assert [row["in_stack_position"] for row in rows] == [row["window_center"] for row in rows]
    assert {(row["stack_id"], row["temporal_position"]) for row in rows} == {("1", 2)}
    assert {row["voi_lut_function"] for row in rows} == {"SIGMOID"}
    assert len({row["pixel_sha256"] for row in rows}) == 3


def test_a_classic_image_gives_its_one_frame_all_it_says(folder: Path, ingest: Ingest) -> None:
    dataset = make_image(
        ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"],
        ImagePositionPatient=[1, 2, 3],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[0.5, 0.5],
        SliceThickness=2,
        SpacingBetweenSlices=2.5,
        RescaleSlope=1,
        RescaleIntercept=-1024,
    )
    save(dataset, folder / "1.dcm")
    ingested = ingest()
    (row,) = ingested.rows("frame")
    assert row["image_position_mm"] == [1, 2, 3]
    assert (row["slice_thickness_mm"], row["spacing_between_slices_mm"]) == (2, 2.5)
    assert (row["rescale_slope"], row["rescale_intercept"]) == (1, -1024)
    assert row["image_type"] == ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]
    assert row["photometric"] == "MONOCHROME2"


def test_the_moment_of_a_frame_is_shifted_with_those_of_the_image(
    folder: Path, ingest: Ingest
) -> None:
    dataset = enhanced(
        [{"FrameContentSequence": item(FrameAcquisitionDateTime="20200101101530")}, {}]
    )
    dataset.AcquisitionDateTime = "20200101101500"
    save(dataset, folder / "1.dcm")
    ingested = ingest()
    (instance,) = ingested.rows("instance")
    first, second = ingested.rows("frame")
    assert (first["acquired_at"] - instance["acquired_at"]).total_seconds() == 30
    assert second["acquired_at"] == instance["acquired_at"]
    assert instance["acquired_at"] != datetime(2020, 1, 1, 10, 15, tzinfo=UTC)


def test_the_planes_of_a_dose_lie_along_its_normal() -> None:
    dataset = make_image(
        ImagePositionPatient=[10, 20, 30],
        ImageOrientationPatient=[1, 0, 0, 0, 0, -1],  # coronal: the normal is y
        GridFrameOffsetVector=[0, 2.5, 5],
        NumberOfFrames=3,
    )
    groups = FrameGroups(dataset)
    positions = [groups.describe(number).columns["image_position_mm"] for number in (1, 2, 3)]
    assert positions == [[10, 20, 30], [10, 22.5, 30], [10, 25, 30]]


def test_one_position_is_none_of_several_frames() -> None:
    dataset = make_image(
        ImagePositionPatient=[10, 20, 30],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[1, 1],
        NumberOfFrames=3,
    )
    columns = [FrameGroups(dataset).describe(number).columns for number in (1, 2, 3)]
    assert [each["image_position_mm"] for each in columns] == [None, None, None]
    assert [each["pixel_spacing_row_mm"] for each in columns] == [1, 1, 1]
    dataset.NumberOfFrames = 1
    assert FrameGroups(dataset).describe(1).columns["image_position_mm"] == [10, 20, 30]


def test_what_is_not_of_its_type_is_null_and_remarked_on_once() -> None:
    frame = {"PixelMeasuresSequence": item(PixelSpacing=[0.5, 0.5, 0.5])}
    groups = FrameGroups(enhanced([frame, frame]))
    assert groups.describe(2).columns["pixel_spacing_row_mm"] is None
    assert [(p.code, p.element) for p in groups.elements.problems] == [
        ("dicom.bad_value", "(0028,0030)")
    ]


def test_a_stack_named_by_a_text_is_left_without_a_name() -> None:
    frames = [{"FrameContentSequence": item(StackID=name)} for name in ("Jane Doe", "axial-1")]
    groups = FrameGroups(enhanced(frames))
    assert "stack_id" not in groups.describe(1).columns
    assert groups.describe(2).columns["stack_id"] == "axial-1"
