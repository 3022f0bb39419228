"""Public FHIR resources: the columnar engine does what the oracle does, value by value."""

import json
import tarfile
from collections import defaultdict
from typing import Any

import pytest

from medplatform_tests.modalities.ehr.deidentify.conftest import Comparer, read
from medplatform_tests.public_data import PUBLIC_DATA

_EXAMPLES = PUBLIC_DATA / "fhir" / "r4-hl7-examples" / "hl7-r4-examples.tar.gz"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not _EXAMPLES.exists(), reason=f"no public FHIR in {PUBLIC_DATA}"),
]


def _examples() -> dict[str, list[dict[str, Any]]]:
    """The HL7 examples that the models of R4B know, by type."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with tarfile.open(_EXAMPLES) as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member)
            if stream is None or not member.name.endswith(".json"):
                continue
            text = stream.read()
            try:
                resource_type = json.loads(text)["resourceType"]
                found[resource_type].append(read(text))
            except KeyError:
                continue
    return found


def test_the_examples_of_the_specification(comparer: Comparer) -> None:
    examples = _examples()
    for resource_type, resources in examples.items():
        comparer.compare(resource_type, resources, without=range(1, len(resources), 3))
    assert sum(map(len, examples.values())) > 600
