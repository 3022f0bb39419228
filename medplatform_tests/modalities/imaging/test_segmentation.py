"""DICOM SEG to masks: one per source frame and segment, with the right pixels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Sequence
from pydicom.uid import generate_uid

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


def test_a_frame_without_one_source_frame_is_left_out_with_a_warning(
    folder: Path, ingest: Ingest
) -> None:
    segmentation = make_segmentation(MASKS, [("1.2.3", 1)] * 2)
    none, several = make_frame_group("1.2.3", 1), make_frame_group("1.2.3", 1)
    del none.DerivationImageSequence
    other = make_frame_group("1.2.4", 1).DerivationImageSequence[0].SourceImageSequence[0]
    several.DerivationImageSequence[0].SourceImageSequence.append(other)
    segmentation.PerFrameFunctionalGroupsSequence = Sequence([none, several])
    save(segmentation, folder / "seg.dcm")
    ingested = ingest()
    assert ingested.rows("mask") == []
    assert ingested.refusals("warning") == {"mask.no_source_image": 1}
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}


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
