"""A data set, de-identified; an identity to do it with."""

from collections.abc import Callable

import pytest
from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag

from medplatform.modalities.imaging.deidentify import PLATFORM_POLICY, Policy, finish, prepare
from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.flatten.tree import flatten_dataset
from medplatform.privacy import Identity, KeyRing, Subject

Deidentify = Callable[..., dict[str, Element]]


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity(KeyRing(b"k" * 32), tmp_path_factory.mktemp("vault"))


@pytest.fixture(scope="session")
def subject(identity: Identity) -> Subject:
    return identity.subject(None, "MRN-1")


@pytest.fixture
def deidentify(identity: Identity, subject: Subject) -> Deidentify:
    """What is left of a data set, by path."""

    def run(dataset: Dataset, policy: Policy = PLATFORM_POLICY, **options: bool):
        prepared = prepare(flatten_dataset(dataset), policy, **options)
        return {each.path: each for each in finish(prepared, identity, subject)}

    return run


def make(**values: object) -> Dataset:
    """A data set, or an item, of these elements, whose values may be none that a writer allows."""
    dataset = Dataset()
    for keyword, value in values.items():
        tag = Tag(keyword)
        dataset.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE))
    return dataset
