"""Which free texts may stay."""

import pytest

from medplatform.modalities.imaging.deidentify.code_strings import (
    is_code_string,
    is_image_type,
    is_kernel,
    is_stack_name,
)
from medplatform.modalities.imaging.deidentify.vocabulary import is_technical, is_term


@pytest.mark.parametrize(
    "text",
    [
        "T1 AX FLAIR 5.0 mm",
        "t2_tse_tra_320",
        "CT, HEAD/BRAIN WO CONTRAST",
        "ep2d_diff_b1000 ADC",
        "Thorax 1.0 B31f",
        "L-Spine 3 Level 2.5mm",
        "CHEST",
        "TSPINE",
    ],
)
def test_terms_of_imaging_stay(text: str) -> None:
    assert is_term(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Jane Doe",
        "MRI of Jane",
        "T1 AX SMITH",
        "Brain 19131113",
        "Brain 13.11.1913",
        "Brain 13 11 13",
        "MRN 123 456 789",
        "12",
        "555-0199",
        "AB1234",
        "Dr. Brown",
        "head " * 20,
    ],
)
def test_anything_else_goes(text: str) -> None:
    assert not is_term(text)


@pytest.mark.parametrize("text", ["Ann", "Art", "Brown", "Rose", "Gray", "Young", "Mark", "May"])
def test_a_name_that_is_a_word_is_no_term(text: str) -> None:
    assert not is_term(text)


def test_names_of_makers_stay_without_long_numbers() -> None:
    assert is_technical("SOMATOM Definition AS+")
    assert not is_technical("SOMATOM 77013313")
    assert not is_technical("a" * 65)
    assert not is_technical("two\nlines")


@pytest.mark.parametrize(
    "text",
    [
        "Jane Doe 04/05/1961",
        "Doe 4.5.1961",
        "Doe 4/5/61",
        "Doe 1961-4-5",
        "MRN 1234-567",
        "MRN 12 34 56",
        "MRN 1.2.3.4.5",
        "MRN ١٢٣٤٥",
        "Doe^Jane",
    ],
)
def test_no_name_of_a_device_holds_a_date_or_a_number_in_groups(text: str) -> None:
    assert not is_technical(text)


@pytest.mark.parametrize(
    "text", ["LOGIQ 700", "Eclipse 1.5T", "syngo MR 2004V", "5.3.0.3", "HiSpeed CT/i", "ADC_5146"]
)
def test_models_and_versions_stay(text: str) -> None:
    assert is_technical(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ORIGINAL",
        "GRAPH_GEMS",
        "ISO_10918_1",
        "ISO_IR 192",
        "GB18030",
        "ISO 2022 IR 149",
        "HAS OBS CONTEXT",
        "FOR PROCESSING",
        "PALETTE COLOR",
        "HELICAL MODE",
    ],
)
def test_terms_stay_in_code_strings(text: str) -> None:
    assert is_code_string(text)


@pytest.mark.parametrize(
    "text", ["77013313", "Doe^Jane", "DOE JANE", "DOE  JANE", "JANE D", "04_05_1961", "12 34 5"]
)
def test_code_strings_hold_no_name_or_number_of_somebody(text: str) -> None:
    assert not is_code_string(text)


@pytest.mark.parametrize("text", ["ORIGINAL", "M_FFE", "PHASE MAP", "MOSAIC", "CSA MIP", "0011"])
def test_terms_of_makers_stay_in_image_types(text: str) -> None:
    assert is_image_type(text)


@pytest.mark.parametrize("text", ["DOE JANE", "DOE", "MRN1234", "1961"])
def test_an_image_type_is_nobody(text: str) -> None:
    assert not is_image_type(text)


@pytest.mark.parametrize("text", ["B30f", "Br40d", "H31s", "STANDARD", "STD+", "FC08", "C", "11"])
def test_kernels_of_makers_stay(text: str) -> None:
    assert is_kernel(text)


@pytest.mark.parametrize("text", ["Doe", "DOE JANE", "MRN 1234", "JD", "1961"])
def test_a_kernel_is_nobody(text: str) -> None:
    assert not is_kernel(text)


def test_a_stack_has_a_number() -> None:
    assert is_stack_name("12")
    assert is_stack_name("axial-1")
    assert not is_stack_name("MRN12345678")
    assert not is_stack_name("DOE1")
