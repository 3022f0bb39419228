"""Resources as nested columns, de-identified by the engine and by the oracle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from medplatform.modalities.ehr.columns.leaves import leaves_in_array
from medplatform.modalities.ehr.columns.shape import Shape
from medplatform.modalities.ehr.definitions import Release, elements_of
from medplatform.modalities.ehr.deidentify import (
    SHIFTED_SAFE_HARBOR,
    Deidentified,
    Deidentifier,
    Policy,
    RowSubjects,
)
from medplatform.privacy import Identity, KeyRing
from medplatform_tests.modalities.ehr.deidentify.oracle import Oracle, prune

TODAY = date(2024, 5, 17)
SHIFT = 40


class _Number(str):
    """A JSON number as it is written."""


def read(text: str | bytes) -> dict[str, Any]:
    """A resource as the parser delivers it: decimals as text, nothing contained."""
    content = json.loads(text, parse_float=_Number, parse_int=_Number)
    return typed(content, content["resourceType"])


def typed(content: Mapping[str, Any], type_name: str, release: Release = Release.R4B) -> Any:
    """JSON content with the types that FHIR gives its values; contained resources left out."""
    made = {}
    for name, value in content.items():
        if name in ("resourceType", "fhir_comments"):
            continue
        definition = elements_of(type_name, release)[name]
        if definition.type == "Resource":
            continue
        items = value if isinstance(value, list) else [value]
        parts = [_typed(item, definition.type, release) for item in items]
        made[name] = parts if definition.is_list else parts[0]
    return made


def _typed(value: Any, type_name: str, release: Release) -> Any:
    if isinstance(value, dict):
        return typed(value, type_name, release)
    if isinstance(value, str) and type_name.startswith(("integer", "positiveInt", "unsignedInt")):
        return int(value)
    if type_name == "decimal" and value is not None:
        return str(value)
    return str(value) if isinstance(value, _Number) else value


@dataclass
class Comparer:
    """Runs both ways of de-identification over the same resources."""

    identity: Identity

    def resolve_all(self, references: Sequence[str]) -> list[str | None]:
        return list(map(self.resolve, references))

    def resolve(self, reference: str) -> str | None:
        """A stand-in for the resolution of references: `Type/id` and `#id` are known."""
        if reference.startswith("#"):
            return f"#{self.identity.token('contained', reference[1:])}"
        kind, slash, value = reference.rpartition("/")
        kind = kind.rpartition("/")[2]
        return f"{kind}/{self.identity.token(kind, value)}" if slash and kind.isalpha() else None

    def columns(
        self, resources: Sequence[dict[str, Any]], shape: Shape, release: Release = Release.R4B
    ) -> pa.StructArray:
        """Resources as one struct column; the shape grows."""
        for resource in resources:
            shape.grow(resource, release)
        return pa.array(resources, shape.raw_type())

    def subjects(self, size: int, *, without: Sequence[int] = ()) -> RowSubjects:
        """Every row of a patient with a shift of its own, but for some rows."""
        ids = [None if row in without else f"patient-{row}" for row in range(size)]
        shifts = np.array([SHIFT + row for row in range(size)], np.int32)
        return RowSubjects(pa.array(ids, pa.string()), shifts, self.resolve_all)

    def engine(
        self,
        resource_type: str,
        resources: Sequence[dict[str, Any]],
        policy: Policy = SHIFTED_SAFE_HARBOR,
        *,
        without: Sequence[int] = (),
        release: Release = Release.R4B,
    ) -> Deidentified:
        """What the columnar engine makes of resources; every value is accounted for."""
        shape = Shape.root(resource_type)
        content = self.columns(resources, shape, release)
        deidentifier = Deidentifier(policy, self.identity, release, today=TODAY)
        subjects = self.subjects(len(resources), without=without)
        made = deidentifier.apply(content, shape, subjects)
        made.content.validate(full=True)
        assert sum(made.leaves.values()) == leaves_in_array(content)
        assert deidentifier.published_type(shape) == made.content.type
        return made

    def compare(
        self,
        resource_type: str,
        resources: Sequence[dict[str, Any]],
        policy: Policy = SHIFTED_SAFE_HARBOR,
        *,
        without: Sequence[int] = (),
        release: Release = Release.R4B,
    ) -> list[Any]:
        """What both ways make of resources, after asserting that it is the same."""
        made = self.engine(resource_type, resources, policy, without=without, release=release)
        published = [prune(row) for row in made.content.to_pylist()]
        leaves = sum(made.leaves.values())
        expected, invalid, decided = [], [], {}
        for row, resource in enumerate(resources):
            oracle = Oracle(
                policy,
                self.identity,
                release,
                TODAY,
                None if row in without else f"patient-{row}",
                SHIFT + row,
                self.resolve,
                decided,
            )
            expected.append(oracle.publish(resource, resource_type))
            invalid += [(row, path) for path in oracle.invalid]
            made.leaves.subtract(oracle.leaves)
        assert published == expected
        assert sorted((row, path) for row, path, _ in made.invalid) == sorted(invalid)
        assert not any(made.leaves.values()), made.leaves
        assert leaves == 0 or resources
        return published


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    """An identity map with a fixed key."""
    return Identity(KeyRing(bytes(range(32))), tmp_path / "vault")


@pytest.fixture
def comparer(identity: Identity) -> Comparer:
    """Both ways of de-identification."""
    return Comparer(identity)
