"""CT slices and their SEG objects, as pydicom and highdicom read them."""

import highdicom
import numpy as np
import pydicom
import pytest

from medplatform.synthetic.ceilings import compute_ceilings
from medplatform.synthetic.cohort import draw_histories
from medplatform.synthetic.people import identify
from medplatform.synthetic.phantom import OUTLINE_SCALE, draw_geometry, draw_slice
from medplatform_tests.synthetic.conftest import IMAGED, SEED, Written


@pytest.fixture(scope="module")
def studies(written: Written) -> list[tuple[list[pydicom.Dataset], highdicom.seg.Segmentation]]:
    return [
        (
            [pydicom.dcmread(path) for path in sorted(folder.glob("CT*.dcm"))],
            highdicom.seg.segread(folder / "SEG0001.dcm"),
        )
        for folder in sorted(path for path in written.delivery("imaging").iterdir())
        if folder.is_dir()
    ]


def test_each_of_the_first_patients_has_one_study(studies) -> None:
    people = [identify(SEED, history) for history in draw_histories(SEED, 0, IMAGED)]
    assert [images[0].PatientID for images, _ in studies] == [person.mrn for person in people]
    assert {len(images) for images, _ in studies} == {1, 2}


def test_stored_values_give_the_drawn_hounsfield_units(studies) -> None:
    for patient, (images, _) in enumerate(studies):
        for number, image in enumerate(images, 1):
            units = image.pixel_array * int(image.RescaleSlope) + int(image.RescaleIntercept)
            assert image.pixel_array.dtype == np.int16
            assert np.array_equal(units, draw_slice(SEED, patient, number).pixels)


def test_segmentation_frames_belong_to_the_images(studies) -> None:
    for patient, (images, segmentation) in enumerate(studies):
        uids = [image.SOPInstanceUID for image in images]
        assert [source[2] for source in segmentation.get_source_image_uids()] == uids
        masks = segmentation.get_pixels_by_source_instance(uids, segment_numbers=[1])
        for number, mask in enumerate(masks, 1):
            assert np.array_equal(mask[..., 0], draw_slice(SEED, patient, number).mask)
        assert segmentation.get_segment_description(1).segment_label == "Lesion"


def test_objects_of_a_study_agree(studies) -> None:
    for images, segmentation in studies:
        for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
            assert len({str(o[keyword].value) for o in (*images, segmentation)}) == 1
        uids = [o.SOPInstanceUID for o in (*images, segmentation)]
        assert len(set(uids)) == len(uids)
        assert "IssuerOfPatientID" not in images[0]


def test_scanners_differ_in_how_they_store(studies) -> None:
    stored = {(images[0].Manufacturer, int(images[0].RescaleIntercept)) for images, _ in studies}
    assert stored == {("Vendor A", -1024), ("Vendor B", 0)}


def test_lesions_are_visible_and_apart() -> None:
    for number in range(100):
        lesions = draw_geometry(1, number)
        assert 1 <= len(lesions) <= 3
        cover = np.sum([lesion.radius() <= OUTLINE_SCALE[1] for lesion in lesions], axis=0)
        assert cover.max() == 1
        assert all(lesion.contrast >= 40 for lesion in lesions)


def test_predicting_the_true_outlines_reaches_the_dice_ceiling() -> None:
    ceiling = compute_ceilings()
    dices = []
    for patient in range(250):
        drawn = draw_slice(3, patient, 1)
        true = np.any([lesion.radius() <= 1.0 for lesion in drawn.lesions], axis=0)
        dices.append(2 * (true & drawn.mask).sum() / (true.sum() + drawn.mask.sum()))
    error = ceiling.dice_deviation / np.sqrt(len(dices))
    assert abs(np.mean(dices) - ceiling.dice) < 3 * error
    assert abs(np.std(dices) - ceiling.dice_deviation) < 0.25 * ceiling.dice_deviation
