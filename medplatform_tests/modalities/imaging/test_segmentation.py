"""DICOM SEG to masks: one per source frame and segment, with the right pixels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, Sequence
from pydicom.uid import generate_uid

from medplatform.modalities.imaging.codec import decode
from medplatform.modalities.imaging.dicom import LABEL_MAP_SEGMENTATION_STORAGE
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import (
    Ingested,
    describe_pixels,
    make_frame_group,
    make_image,
    make_segment,
    make_segmentation,
    save,
)

Ingest = Callable[[], Ingested]
MASKS = np.array([[[0, 1, 0], [1, 1, 0]], [[0, 0, 0], [0, 0, 1]]], np.uint8)


def test_each_frame_becomes_a_mask_of_its_source_frame(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    image = make_image()
    save(image, folder / "1.dcm")
    elsewhere = generate_uid()
    sources = [(image.SOPInstanceUID, None), (elsewhere, 7)]
    save(make_segmentation(MASKS, sources), folder / "seg.dcm")
    ingested = ingest()
    first, second = ingested.rows("mask")
    assert (first["instance_id"], first["frame_number"]) == (identity.uid(image.SOPInstanceUID), 1)
    assert (second["instance_id"], second["frame_number"]) == (identity.uid(elsewhere), 7)
    assert [row["foreground_pixels"] for row in (first, second)] == [3, 1]
    assert np.array_equal([ingested.mask(0), ingested.mask(1)], MASKS)
    assert first["patient_id"] == ingested.rows("instance")[0]["patient_id"]


def test_the_segmentation_itself_is_an_instance_without_frames(
    folder: Path, ingest: Ingest
) -> None:
    save(make_segmentation(MASKS, [("1.2.3", 1)] * 2), folder / "seg.dcm")
    ingested = ingest()
    assert [row["modality"] for row in ingested.rows("instance")] == ["SEG"]
    assert ingested.rows("frame") == []
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}


def test_fractions_of_half_the_maximum_and_more_are_in_the_segment(
    folder: Path, ingest: Ingest
) -> None:
    fractions = np.array([[[0, 99, 100], [101, 200, 50]]], np.uint8)
    save(make_segmentation(fractions, [("1.2.3", 1)], "FRACTIONAL"), folder / "seg.dcm")
    assert ingest().mask().tolist() == [[0, 0, 1], [1, 1, 0]]


def test_a_label_map_gives_one_mask_per_segment_that_it_shows(folder: Path, ingest: Ingest) -> None:
    label_map = np.array([[[0, 1, 1], [5, 0, 1]]], np.uint8)
    segmentation = make_segmentation(label_map, [("1.2.3", 1)], "LABELMAP")
    segmentation.SOPClassUID = LABEL_MAP_SEGMENTATION_STORAGE
    save(segmentation, folder / "seg.dcm")
    ingested = ingest()
    assert [row["segment_number"] for row in ingested.rows("mask")] == [1, 5]
    assert ingested.mask(1).tolist() == [[0, 0, 0], [1, 0, 0]]
    assert ingested.refusals("warning") == {"mask.undescribed_segment": 1}


def test_the_meaning_of_a_segment_is_its_code_and_never_its_free_label(
    folder: Path, ingest: Ingest
) -> None:
    save(make_segmentation(MASKS, [("1.2.3", 1)] * 2), folder / "seg.dcm")
    row = ingest().rows("mask")[0]
    assert (row["segment_code"], row["segment_label"]) == ("SCT:52988006", "Lesion")


def test_a_code_of_a_private_scheme_stays_behind(folder: Path, ingest: Ingest) -> None:
    segmentation = make_segmentation(MASKS, [("1.2.3", 1)] * 2)
    segmentation.SegmentSequence = Sequence([make_segment("99WARD", "tumour of Jane Doe")])
    save(segmentation, folder / "seg.dcm")
    row = ingest().rows("mask")[0]
    assert (row["segment_code"], row["segment_label"]) == (None, None)


def test_a_frame_without_one_source_frame_keeps_its_mask(folder: Path, ingest: Ingest) -> None:
    segmentation = make_segmentation(MASKS, [("1.2.3", 1)] * 2)
    none, several = make_frame_group("1.2.3", 1), make_frame_group("1.2.3", 1)
    del none.DerivationImageSequence
    other = make_frame_group("1.2.4", 1).DerivationImageSequence[0].SourceImageSequence[0]
    several.DerivationImageSequence[0].SourceImageSequence.append(other)
    segmentation.PerFrameFunctionalGroupsSequence = Sequence([none, several])
    save(segmentation, folder / "seg.dcm")
    ingested = ingest()
    assert [row["instance_id"] for row in ingested.rows("mask")] == [None, None]
    assert np.array_equal([ingested.mask(0), ingested.mask(1)], MASKS)
    assert ingested.refusals("warning") == {"mask.no_place": 1}
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}


def test_a_mask_lies_where_its_plane_says(folder: Path, ingest: Ingest, identity: Identity) -> None:
    segmentation = make_segmentation(MASKS, [("1.2.3", 1)] * 2)
    segmentation.FrameOfReferenceUID = "1.2.9"
    series = Dataset()
    series.SeriesInstanceUID = "1.2.8"
    segmentation.ReferencedSeriesSequence = Sequence([series])
    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    measures.PixelSpacing = [0.5, 0.25]
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    segmentation.SharedFunctionalGroupsSequence = Sequence([shared])
    for number, group in enumerate(segmentation.PerFrameFunctionalGroupsSequence):
        del group.DerivationImageSequence
        position = Dataset()
        position.ImagePositionPatient = [1, 2, number]
        group.PlanePositionSequence = Sequence([position])
    save(segmentation, folder / "seg.dcm")
    ingested = ingest()
    assert ingested.refusals("warning") == {}
    first, second = ingested.rows("mask")
    assert (first["image_position_mm"], second["image_position_mm"]) == ([1, 2, 0], [1, 2, 1])
    assert first["image_orientation"] == [1, 0, 0, 0, 0, -1]
    assert (first["pixel_spacing_row_mm"], first["pixel_spacing_column_mm"]) == (0.5, 0.25)
    assert (first["segmentation_frame"], second["segmentation_frame"]) == (1, 2)
    assert first["segmentation_id"] == identity.uid(segmentation.SOPInstanceUID)
    assert first["series_id"] == identity.uid("1.2.8")
    assert first["frame_of_reference_id"] == identity.uid("1.2.9")


def test_each_segment_is_an_annotation_that_its_masks_name(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    segmentation = make_segmentation(MASKS, [("1.2.3", 1)] * 2)
    segment = segmentation.SegmentSequence[0]
    segment.SegmentAlgorithmType, segment.SegmentAlgorithmName = "AUTOMATIC", "Doe's net"
    segment.TrackingUID, segment.TrackingID = "1.2.7", "Jane Doe 1"
    save(segmentation, folder / "seg.dcm")
    ingested = ingest()
    (annotation,) = ingested.rows("annotation")
    assert annotation["annotation_type"] == "segment"
    assert (annotation["code"], annotation["source"]) == ("SCT:52988006", "automatic")
    assert annotation["tracking_id"] == identity.uid("1.2.7")
    assert {(row["segmentation_id"], row["segment_number"]) for row in ingested.rows("mask")} == {
        (annotation["segmentation_id"], annotation["segment_number"])
    }
    assert "Doe" not in str(annotation)


def test_the_fractions_behind_a_mask_are_kept(folder: Path, ingest: Ingest) -> None:
    fractions = np.array([[[0, 99, 100], [101, 200, 50]]], np.uint8)
    save(make_segmentation(fractions, [("1.2.3", 1)], "FRACTIONAL"), folder / "seg.dcm")
    (row,) = ingest().rows("mask")
    assert row["maximum_fraction"] == 200
    kept = decode(row["codec"], row["fractions"], dtype="uint8", shape=(2, 3))
    assert np.array_equal(kept, fractions[0])


@pytest.mark.parametrize(
    ("padding", "described", "shown"), [(None, 1, [1, 5]), (5, 0, [0, 1]), (None, 0, [0, 1, 5])]
)
def test_the_background_of_a_label_map_is_what_it_says_it_is(
    padding: int | None, described: int, shown: list[int], folder: Path, ingest: Ingest
) -> None:
    segmentation = make_segmentation(
        np.array([[[0, 1, 1], [5, 0, 1]]], np.uint8), [("1.2.3", 1)], "LABELMAP"
    )
    segmentation.SOPClassUID = LABEL_MAP_SEGMENTATION_STORAGE
    segmentation.SegmentSequence[0].SegmentNumber = described
    if padding is not None:
        segmentation.PixelPaddingValue = padding
    save(segmentation, folder / "seg.dcm")
    assert [row["segment_number"] for row in ingest().rows("mask")] == shown


def test_tiles_without_groups_lie_where_the_standard_orders_them(
    folder: Path, ingest: Ingest
) -> None:
    from highdicom.spatial import iter_tiled_full_frame_data

    tiles = np.random.default_rng(0).integers(0, 2, (2 * 2 * 2 * 3, 2, 3)).astype(np.uint8)
    segmentation = make_segmentation(tiles, [])
    del segmentation.PerFrameFunctionalGroupsSequence
    segmentation.DimensionOrganizationType = "TILED_FULL"
    segmentation.TotalPixelMatrixRows, segmentation.TotalPixelMatrixColumns = 3, 9
    segmentation.TotalPixelMatrixFocalPlanes = 2
    segmentation.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    segmentation.SegmentSequence.append(make_segment())
    segmentation.SegmentSequence[1].SegmentNumber = 2
    origin, measures, shared = Dataset(), Dataset(), Dataset()
    origin.XOffsetInSlideCoordinateSystem = 20.5
    origin.YOffsetInSlideCoordinateSystem = 30.25
    segmentation.TotalPixelMatrixOriginSequence = Sequence([origin])
    measures.PixelSpacing, measures.SpacingBetweenSlices = [0.5, 0.25], 2
    shared.PixelMeasuresSequence = Sequence([measures])
    segmentation.SharedFunctionalGroupsSequence = Sequence([shared])
    save(segmentation, folder / "seg.dcm")
    ingested = ingest()
    assert ingested.refusals("warning") == {}
    rows = ingested.rows("mask")
    expected = list(iter_tiled_full_frame_data(segmentation))
    assert len(rows) == len(expected) == len(tiles)
    for index, (row, (segment, _, column, line, *position)) in enumerate(
        zip(rows, expected, strict=True)
    ):
        assert (row["segment_number"], row["matrix_column"], row["matrix_row"]) == (
            segment,
            column,
            line,
        )
        assert row["image_position_mm"] == pytest.approx(position)
        assert np.array_equal(ingested.mask(index), tiles[index])


@pytest.mark.parametrize("keyword", ["PerFrameFunctionalGroupsSequence", "SegmentSequence"])
def test_a_segmentation_without_its_sequences_is_read_without_masks_or_meaning(
    keyword: str, folder: Path, ingest: Ingest
) -> None:
    segmentation = make_segmentation(MASKS, [("1.2.3", 1)] * 2)
    delattr(segmentation, keyword)
    save(segmentation, folder / "seg.dcm")
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}
    assert all(row["segment_code"] is None for row in ingested.rows("mask"))


def test_a_segmentation_whose_pixels_are_cut_off_is_refused(folder: Path, ingest: Ingest) -> None:
    segmentation = make_segmentation(MASKS, [("1.2.3", 1)] * 2)
    describe_pixels(segmentation, np.zeros((9, 9, 9), np.uint8), frames=9)
    segmentation.PixelData = bytes(8)
    save(segmentation, folder / "seg.dcm")
    ingested = ingest()
    assert ingested.refusals() == {"pixels.truncated": 1}
    assert ingested.rows("mask") == []


@pytest.mark.filterwarnings("ignore")
def test_masks_written_by_highdicom_come_back_on_their_slices(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    import highdicom
    from pydicom.sr.codedict import codes

    slices = [_slice(number) for number in range(3)]
    masks = np.zeros((3, 3, 4), np.uint8)
    masks[0, 1, 1], masks[2, :2, 3] = 1, 1
    description = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="lesion",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type="MANUAL",
    )
    segmentation = highdicom.seg.Segmentation(
        source_images=slices,
        pixel_array=masks,
        segmentation_type="BINARY",
        segment_descriptions=[description],
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
        omit_empty_frames=True,
    )
    segmentation.save_as(folder / "seg.dcm")
    ingested = ingest()
    found = {row["instance_id"]: number for number, row in enumerate(ingested.rows("mask"))}
    assert found.keys() == {identity.uid(slices[0].SOPInstanceUID)} | {
        identity.uid(slices[2].SOPInstanceUID)
    }
    for index in (0, 2):
        number = found[identity.uid(slices[index].SOPInstanceUID)]
        assert np.array_equal(ingested.mask(number), masks[index])


_STUDY, _SERIES, _SPACE = generate_uid(), generate_uid(), generate_uid()


def _slice(number: int):
    image = make_image(
        StudyInstanceUID=_STUDY,
        SeriesInstanceUID=_SERIES,
        FrameOfReferenceUID=_SPACE,
        ImagePositionPatient=[0, 0, number],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[1, 1],
        SliceThickness=1,
        InstanceNumber=number + 1,
        PatientName="",
        PatientBirthDate="",
        PatientSex="",
        StudyDate="",
        StudyTime="",
        StudyID="",
        AccessionNumber="",
        ReferringPhysicianName="",
        SeriesNumber=1,
        Manufacturer="m",
        PositionReferenceIndicator="",
    )
    from pydicom.dataset import FileMetaDataset

    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return image
