"""Identifiers that are planted are found nowhere in what is published."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from medplatform.modalities.imaging.deidentify import PLATFORM_POLICY, Policy, finish, prepare
from medplatform.modalities.imaging.export.original import read_original
from medplatform.modalities.imaging.export.written import write_dicom
from medplatform.modalities.imaging.flatten.tree import flatten_dataset
from medplatform.modalities.imaging.records import Limits
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import make_image, save
from medplatform_tests.modalities.imaging.deidentify.planted import (
    NUMBER,
    PIXEL_PLANTS,
    PLANTS,
    SECRETS,
    WORD,
    read_unused_bits,
)

POLICIES = [
    PLATFORM_POLICY,
    Policy(dates="remove", clean_structured_content=False, clean_graphics=False),
    Policy(retain_patient_characteristics=False, retain_safe_private=False),
]


def found_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("policy", POLICIES, ids=["platform", "without trees", "strict"])
@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_a_planted_identifier_is_gone(
    plant: Callable[[Dataset], None], policy: Policy, identity: Identity
) -> None:
    dataset = Dataset()
    plant(dataset)
    elements = flatten_dataset(dataset)
    assert found_in(repr(elements)), "nothing was planted"
    published = finish(prepare(elements, policy), identity, identity.subject(None, NUMBER))
    assert found_in(repr(published)) == []


def test_nothing_planted_is_said_in_an_error(identity: Identity) -> None:
    """Whatever the VR of an element, and whatever it holds: nothing is raised."""
    dataset = Dataset()
    for plant in PLANTS.values():
        plant(dataset)
    subject = identity.subject(None, NUMBER)
    for vr in ("CS", "DA", "DS", "SQ", "UI", "UN", "US"):
        elements = [each._replace(vr=vr) for each in flatten_dataset(dataset)]
        finish(prepare(elements, PLATFORM_POLICY), identity, subject)


@pytest.mark.filterwarnings("ignore:The pixel data is")
@pytest.mark.parametrize("plant", PIXEL_PLANTS.values(), ids=PIXEL_PLANTS)
def test_an_identifier_beside_the_pixels_is_gone(
    plant: Callable[[Dataset], None], identity: Identity, tmp_path: Path
) -> None:
    image = make_image()
    plant(image)
    delivered = save(image, tmp_path / "in.dcm", image.file_meta.TransferSyntaxUID)
    reading = read_original(delivered, Limits(), PLATFORM_POLICY)
    elements = finish(reading.header.prepared, identity, identity.subject(None, "MRN-1"))
    write_dicom(elements, reading.cells[0], tmp_path / "out.dcm")
    content = (tmp_path / "out.dcm").read_bytes()
    assert WORD.encode() not in content
    before, after = dcmread(delivered), dcmread(tmp_path / "out.dcm")
    used = (1 << before.BitsStored) - 1
    assert np.array_equal(after.pixel_array, before.pixel_array & used)
    if after.BitsAllocated == 16 and not after.file_meta.TransferSyntaxUID.is_encapsulated:
        assert not any(read_unused_bits(after.PixelData))
