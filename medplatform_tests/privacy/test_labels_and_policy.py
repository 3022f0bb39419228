"""File names, birth years and postal codes leave the vault only in a harmless form."""

from pathlib import Path, PurePath

import pytest

from medplatform.privacy import (
    SAFE_HARBOR,
    generalise_birth_year,
    generalise_postal_code,
    source_label,
)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Patient.ndjson.gz", "Patient.ndjson.gz"),
        ("Observation.000.ndjson", "Observation.000.ndjson"),
        ("crosswalk.csv", "crosswalk.csv"),
        ("Jane_Doe_1950.dcm", "0a1b.dcm"),
        ("Patient_Jane_Doe.ndjson", "0a1b.ndjson"),
        ("4711", "0a1b"),
        ("Jane.Doe", "0a1b"),
    ],
)
def test_only_names_of_a_fixed_vocabulary_are_shown(name: str, label: str) -> None:
    assert source_label(PurePath("Doe") / name, "0a1b") == label


def test_years_of_birth_of_people_over_89_are_merged() -> None:
    assert generalise_birth_year(1990, 2026) == 1990
    assert generalise_birth_year(1936, 2026) == generalise_birth_year(1901, 2026) == 1936


@pytest.mark.parametrize(
    ("code", "area"),
    [("02139", "021"), ("02139-4307", "021"), ("03601", "000"), ("SW1A 1AA", None), (None, None)],
)
def test_postal_codes_keep_three_digits_of_large_areas(code: str | None, area: str | None) -> None:
    assert generalise_postal_code(code) == area


def test_every_safe_harbor_identifier_has_a_rule() -> None:
    assert len(SAFE_HARBOR) == 18


def test_the_documentation_states_every_safe_harbor_rule() -> None:
    text = (Path(__file__).parents[2] / "docs" / "deidentification.md").read_text()
    for identifier, rule in SAFE_HARBOR.items():
        assert f"| {identifier} | {rule} |" in text
