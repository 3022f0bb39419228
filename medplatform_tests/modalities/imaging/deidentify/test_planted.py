"""Identifiers that are planted are found nowhere in what is published."""

from collections.abc import Callable

import pytest
from pydicom import Dataset

from medplatform.modalities.imaging.deidentify import PLATFORM_POLICY, Policy, finish, prepare
from medplatform.modalities.imaging.flatten.tree import flatten_dataset
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.deidentify.planted import NUMBER, PLANTS, SECRETS

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
