"""Which images may show text, and where it is blanked."""

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import (
    CTImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    VLWholeSlideMicroscopyImageStorage,
)

from medplatform.modalities.imaging.deidentify import (
    PLATFORM_POLICY,
    Policy,
    Treatment,
    blank,
    pixel_treatment,
    undescribed_treatment,
)
from medplatform.modalities.imaging.deidentify.burned_in import (
    MAY_SHOW_FACE,
    MAY_SHOW_TEXT,
    Region,
)
from medplatform.modalities.imaging.flatten.tree import flatten_dataset
from medplatform_tests.modalities.imaging.deidentify.conftest import make


def treat(policy: Policy = PLATFORM_POLICY, **elements: object) -> Treatment:
    return pixel_treatment(flatten_dataset(make(**elements)), policy)


def region(left: int, top: int, right: int, bottom: int) -> Dataset:
    return make(
        RegionLocationMinX0=left,
        RegionLocationMinY0=top,
        RegionLocationMaxX1=right,
        RegionLocationMaxY1=bottom,
    )


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "DX", "CR", "MG", "XA", "SM", "SEG"])
def test_images_that_were_measured_are_clean(modality: str) -> None:
    found = treat(Modality=modality, ImageType=["ORIGINAL", "PRIMARY"])
    assert found == Treatment()


@pytest.mark.parametrize("modality", ["US", "ES", "XC", "OT", "IVUS", "ECG", "", None])
def test_images_that_usually_show_text_are_refused(modality: str | None) -> None:
    assert treat(Modality=modality).refusal == MAY_SHOW_TEXT


@pytest.mark.parametrize(
    "made",
    [
        {"SOPClassUID": SecondaryCaptureImageStorage},
        {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
        {"ImageType": ["DERIVED", "PRIMARY", "DOSE_INFO"]},
        {"PhotometricInterpretation": "RGB"},
        {"ConversionType": "DF"},
        {"BurnedInAnnotation": "YES"},
    ],
)
def test_captures_of_a_screen_are_refused(made: dict[str, object]) -> None:
    assert treat(Modality="CT", **made).refusal == MAY_SHOW_TEXT


def test_a_modality_that_is_missing_is_that_of_the_class() -> None:
    assert treat(SOPClassUID=CTImageStorage) == Treatment()


@pytest.mark.parametrize("kind", ["LABEL", "OVERVIEW"])
def test_the_label_of_a_slide_is_refused_whoever_calls_it_clean(kind: str) -> None:
    policy = Policy(declared_clean=frozenset({"SM"}))
    image = {"Modality": "SM", "ImageType": ["ORIGINAL", "PRIMARY", kind, "NONE"]}
    assert treat(policy, **image, BurnedInAnnotation="NO").refusal == MAY_SHOW_TEXT


def test_the_sender_may_say_that_there_is_none() -> None:
    assert treat(Modality="US", BurnedInAnnotation="NO") == Treatment()


def test_the_policy_may_call_a_modality_clean_but_not_against_the_image() -> None:
    policy = Policy(declared_clean=frozenset({"US"}))
    assert treat(policy, Modality="US") == Treatment()
    assert treat(policy, Modality="US", BurnedInAnnotation="YES").refusal == MAY_SHOW_TEXT


def test_where_a_device_shows_text_it_is_blanked() -> None:
    found = treat(
        Modality="US", Manufacturer="GE Healthcare", ManufacturerModelName="LOGIQ9", Rows=480
    )
    assert found.blanks == (Region(0, 0, 640, 30),)
    assert found.refusal is None


def test_a_rule_is_for_images_of_its_size() -> None:
    device = {"Modality": "US", "Manufacturer": "Philips Medical", "ManufacturerModelName": "iU22"}
    assert treat(**device, Rows=480).blanks == (Region(0, 0, 640, 47),)
    assert treat(**device, Rows=481).refusal == MAY_SHOW_TEXT


def test_only_the_regions_of_ultrasound_stay() -> None:
    found = treat(
        Modality="US",
        Rows=100,
        Columns=100,
        SequenceOfUltrasoundRegions=[region(10, 20, 59, 79), region(60, 20, 89, 49)],
    )
    assert found.keeps == (Region(10, 20, 60, 80), Region(60, 20, 90, 50))
    pixels = blank(np.full((100, 100), 7, np.uint8), found)
    assert pixels.sum() == 7 * (50 * 60 + 30 * 30)
    assert pixels[:20].max() == 0


SCAN = {
    "Modality": "US",
    "Rows": 100,
    "Columns": 100,
    "SequenceOfUltrasoundRegions": [region(10, 20, 59, 79)],
}


@pytest.mark.parametrize(
    "made",
    [
        {"BurnedInAnnotation": "YES"},
        {"ImageType": ["ORIGINAL", "PRIMARY", "LABEL"]},
        {"ConversionType": "SD"},
        {"SOPClassUID": SecondaryCaptureImageStorage},
        {"SOPClassUID": MultiFrameTrueColorSecondaryCaptureImageStorage},
        {"Modality": "OT"},
    ],
)
def test_regions_do_not_go_against_what_is_said_of_the_image(made: dict[str, object]) -> None:
    assert treat(**SCAN | made).refusal == MAY_SHOW_TEXT


def test_words_are_looked_for_in_regions_that_are_said_to_show_some() -> None:
    image = SCAN | {"BurnedInAnnotation": "YES"}
    found = treat(Policy(ocr="blank"), **image)
    assert (found.keeps, found.words) == ((Region(10, 20, 60, 80),), "blank")
    assert treat(Policy(ocr="refuse"), **image).refusal == MAY_SHOW_TEXT


def test_a_rule_for_the_device_blanks_the_text_that_the_sender_knows_of() -> None:
    device = {"Manufacturer": "GE Healthcare", "ManufacturerModelName": "LOGIQ9", "Rows": 480}
    assert treat(Modality="US", **device, BurnedInAnnotation="YES").blanks
    document = treat(Modality="US", **device, ConversionType="SD")
    assert document.refusal == MAY_SHOW_TEXT


def test_images_of_visible_light_are_no_secondary_captures() -> None:
    assert treat(Modality="SM", SOPClassUID=VLWholeSlideMicroscopyImageStorage) == Treatment()


def test_regions_that_include_what_stands_above_the_picture_say_nothing() -> None:
    found = treat(
        Modality="US", Rows=100, Columns=100, SequenceOfUltrasoundRegions=[region(0, 0, 99, 99)]
    )
    assert found.refusal == MAY_SHOW_TEXT


def test_a_policy_may_leave_pixels_alone() -> None:
    found = treat(Policy(clean_pixel_data=False), Modality="US")
    assert found == Treatment(is_clean=False)


def test_blanking_leaves_the_frame_that_was_given_as_it_was() -> None:
    frame = np.full((4, 6, 3), 9, np.uint8)
    pixels = blank(frame, Treatment(blanks=(Region(0, 0, 6, 2),)))
    assert frame.min() == 9
    assert pixels[:2].max() == 0
    assert pixels[2:].min() == 9


def test_signed_pixels_are_blanked_with_the_least_of_them() -> None:
    frame = np.array([[-1000, 40], [30, 20]], np.int16)
    pixels = blank(frame, Treatment(blanks=(Region(1, 0, 2, 1),)))
    assert pixels.tolist() == [[-1000, -1000], [30, 20]]


def test_a_region_beyond_the_frame_is_cut() -> None:
    pixels = blank(np.ones((3, 3), np.uint8), Treatment(blanks=(Region(0, 0, 900, 1),)))
    assert pixels.tolist() == [[0, 0, 0], [1, 1, 1], [1, 1, 1]]


def test_nothing_is_copied_where_nothing_is_blanked() -> None:
    frame = np.ones((3, 3), np.uint8)
    assert blank(frame, Treatment()) is frame


@pytest.mark.parametrize(
    ("elements", "refusal"),
    [
        ({"Modality": "CT", "BodyPartExamined": "HEAD"}, MAY_SHOW_FACE),
        ({"Modality": "MR"}, MAY_SHOW_FACE),
        ({"Modality": "XC"}, MAY_SHOW_FACE),
        ({"Modality": "CT", "BodyPartExamined": "KNEE"}, None),
        ({"Modality": "DX", "BodyPartExamined": "SKULL"}, None),
    ],
)
def test_images_of_a_face_are_refused_where_a_policy_says_so(
    elements: dict[str, object], refusal: str | None
) -> None:
    assert treat(Policy(recognizable_features="refuse"), **elements).refusal == refusal


@pytest.mark.parametrize("modality", ["OT", "SM", "DX", "MR", "CT", "MG", "OP"])
def test_pictures_of_what_was_measured_or_is_not_declared_are_taken(modality: str) -> None:
    assert undescribed_treatment(modality, PLATFORM_POLICY) == Treatment()


@pytest.mark.parametrize("modality", ["US", "ES", "XC", "ECG", "DOC", "SC", "ultrasound"])
def test_pictures_of_what_usually_shows_text_are_refused(modality: str) -> None:
    assert undescribed_treatment(modality, PLATFORM_POLICY).refusal == MAY_SHOW_TEXT


def test_a_policy_has_its_say_in_pictures_too() -> None:
    clean = Policy(declared_clean=frozenset({"US"}))
    assert undescribed_treatment("US", clean) == Treatment()
    assert undescribed_treatment("ES", clean).refusal == MAY_SHOW_TEXT
    assert undescribed_treatment("US", Policy(clean_pixel_data=False)).refusal is None
    for modality in ("US", "OT"):
        assert undescribed_treatment(modality, Policy(ocr="blank")) == Treatment(words="blank")
    assert undescribed_treatment("DX", Policy(ocr="blank")) == Treatment()


@pytest.mark.parametrize(
    ("modality", "is_volume", "refusal"),
    [
        ("XC", False, MAY_SHOW_FACE),
        ("MR", True, MAY_SHOW_FACE),
        ("MR", False, MAY_SHOW_FACE),
        ("OT", True, MAY_SHOW_FACE),
        ("OT", False, None),
        ("DX", False, None),
    ],
)
def test_nobody_says_of_which_part_of_the_body_a_volume_is(
    modality: str, is_volume: bool, refusal: str | None
) -> None:
    policy = Policy(recognizable_features="refuse")
    assert undescribed_treatment(modality, policy, is_volume=is_volume).refusal == refusal
