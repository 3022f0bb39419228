"""Which free texts may stay."""

import pytest

from medplatform.modalities.imaging.deidentify.vocabulary import (
    is_code_string,
    is_technical,
    is_term,
)


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


def test_code_strings_hold_no_number_of_somebody() -> None:
    assert is_code_string("ORIGINAL")
    assert is_code_string("ISO_10918_1")
    assert not is_code_string("77013313")
    assert not is_code_string("Doe^Jane")
