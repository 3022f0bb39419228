"""What the filter takes of a primitive value, and what is right."""

import re
from typing import Any

import jsonschema_rs
import pytest
from fhir_core import types as fhir_types
from pydantic import TypeAdapter, ValidationError

from medplatform.modalities.ehr.conformance.primitives import PRIMITIVES

from .mutation import VALUES

SCALARS = [value for value in VALUES if isinstance(value, str | int | float | bool)]


def is_taken(name: str, value: Any) -> bool:
    return jsonschema_rs.is_valid(PRIMITIVES[name].schema, value)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_what_the_filter_takes_is_right_and_fhir_resources_takes_it(name: str) -> None:
    adapter = TypeAdapter(getattr(fhir_types, f"{name[0].upper()}{name[1:]}Type"))
    primitive = PRIMITIVES[name]
    taken = [value for value in SCALARS if is_taken(name, value)]
    assert taken
    for value in taken:
        assert primitive.is_json_type(value), value
        assert primitive.is_valid(value), value
        adapter.validate_python(value)


@pytest.mark.parametrize(
    "name", sorted(PRIMITIVES.keys() - {"base64Binary", "id", "uuid", "integer64"})
)
def test_what_is_right_is_what_fhir_resources_takes(name: str) -> None:
    """But for four: it takes odd base64 and long ids, and not every UUID and integer64."""
    adapter = TypeAdapter(getattr(fhir_types, f"{name[0].upper()}{name[1:]}Type"))
    for value in SCALARS:
        if PRIMITIVES[name].is_json_type(value):
            try:
                adapter.validate_python(value)
            except ValidationError:
                assert not PRIMITIVES[name].is_valid(value), value
            else:
                assert PRIMITIVES[name].is_valid(value), value


@pytest.mark.parametrize(
    ("name", "value", "is_certain", "is_right"),
    [
        ("date", "2020-02-29", True, True),
        ("date", "1900-02-29", False, False),
        ("date", "2000-02-29", True, True),
        ("date", "2100-02-29", False, False),
        ("date", "0999", False, True),
        ("dateTime", "2016-12-31T23:59:60Z", False, True),
        ("dateTime", "2015-02-07T13:28:17", False, False),
        ("dateTime", "2015-02-07T13:28:17.1234567+02:00", True, True),
        ("dateTime", "2015-02-07T24:00:00Z", False, False),
        ("instant", "2015-02-07", False, False),
        ("string", "和", True, True),
        ("string", " ", False, True),
        ("string", "\u00a0", False, False),
        ("code", "وزن-الجسم", True, True),
        ("code", "a  b", False, False),
        ("id", "x" * 64, True, True),
        ("id", "x" * 65, False, False),
        ("integer64", "9223372036854775807", False, True),
        ("integer64", "104274", True, True),
        ("base64Binary", "aGVs bG8=", True, True),
        ("boolean", "true", False, True),
    ],
)
def test_certain_and_right(name: str, value: Any, is_certain: bool, is_right: bool) -> None:
    primitive = PRIMITIVES[name]
    assert is_taken(name, value) == is_certain
    assert primitive.is_valid(value) == is_right


def test_every_day_of_four_centuries_is_told_right() -> None:
    pattern = re.compile(PRIMITIVES["date"].schema["pattern"])
    for year in range(1896, 2300):
        for month in range(1, 13):
            for day in (28, 29, 30, 31):
                text = f"{year}-{month:02}-{day:02}"
                assert (pattern.match(text) is not None) == PRIMITIVES["date"].is_valid(text), text
