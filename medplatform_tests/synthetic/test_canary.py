"""The canary: one patient whose identifiers stand in every modality, in every form looked for."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from fhir.resources.R4B import get_fhir_model_class

from medplatform.synthetic import identifying_bytes, plant_canary
from medplatform_tests.synthetic.conftest import SYSTEM
from medplatform_tests.synthetic.test_fhir import TYPES, read_export


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    landing = tmp_path_factory.mktemp("canary")
    assert plant_canary(landing, identifier_system=SYSTEM) == identifying_bytes()
    return landing


def contents(landing: Path) -> Iterator[bytes]:
    for path in landing.rglob("*"):
        yield path.name.encode()
        if path.is_file():
            content = path.read_bytes()
            yield gzip.decompress(content) if path.suffix == ".gz" else content


def test_every_identifier_is_in_landing(landing: Path) -> None:
    haystack = list(contents(landing))
    for needle in identifying_bytes():
        assert any(needle in content for content in haystack)


def test_identifiers_cannot_occur_by_chance() -> None:
    assert all(len(needle) >= 8 for needle in identifying_bytes())
    assert len(set(identifying_bytes())) == len(identifying_bytes())


@pytest.mark.parametrize("modality", ["ehr", "imaging", "genomics"])
def test_name_and_record_number_are_in_each_modality(landing: Path, modality: str) -> None:
    haystack = b"".join(contents(landing / modality / "canary"))
    for needle in (b"Quaxelthorpe", b"Zephyrantha", b"CANARY-MRN-90817263"):
        assert needle in haystack


def test_the_canary_is_valid_fhir_with_every_type(landing: Path) -> None:
    folder = next(path for path in (landing / "ehr" / "canary").iterdir() if path.is_dir())
    export = read_export(folder)
    assert set(export) == set(TYPES)
    for kind, resources in export.items():
        for resource in resources:
            get_fhir_model_class(kind).model_validate(resource)


def test_its_images_can_be_read(landing: Path) -> None:
    files = list((landing / "imaging").rglob("*.dcm"))
    assert len(files) == 3
    for path in files:
        assert pydicom.dcmread(path).pixel_array.size > 0
