"""From lines to columns: every value, to the last digit, on both ways."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medplatform.modalities.ehr.columns import parse as module
from medplatform.modalities.ehr.columns.leaves import leaves_in_array
from medplatform.modalities.ehr.columns.parse import parse
from medplatform.modalities.ehr.columns.shape import MAX_LEVELS, Shape, TooDeep, UnknownElement
from medplatform.modalities.ehr.definitions import Release

from .written import STYLES, Style, leaves, read, resources, without_nulls, write

R4, R5 = Release.R4, Release.R5
PLAIN = Style("", ascii_only=False, escaped_names=False)
TYPES = [
    *((R4, name) for name in ("Patient", "Observation", "Questionnaire", "MolecularSequence")),
    *((R4, name) for name in ("Claim", "ExampleScenario", "SubstanceSpecification")),
    *((R5, name) for name in ("ImagingSelection", "DocumentReference", "Subscription")),
]


def line(resource_type: str, content: dict[str, Any], style: Style = PLAIN) -> bytes:
    return write({"resourceType": resource_type, **content}, style).encode()


def rows(resource_type: str, *lines: bytes, release: Release = R4) -> list[Any]:
    array, _ = parse(lines, Shape.root(resource_type), release)
    return [without_nulls(row) for row in array.to_pylist()]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_columns_hold_what_the_text_says(data: st.DataObject) -> None:
    release, resource_type = data.draw(st.sampled_from(TYPES))
    contents = data.draw(st.lists(resources(resource_type, release), min_size=1, max_size=3))
    lines = [line(resource_type, content, data.draw(STYLES)) for content in contents]
    shape = Shape.root(resource_type)
    array, found = parse(lines, shape, release)
    expected = [read(content, resource_type, release) for content in contents]
    assert [without_nulls(row) for row in array.to_pylist()] == expected
    assert found == leaves_in_array(array) == sum(map(leaves, contents))
    assert array.type == shape.raw_type()
    again, _ = parse(lines, shape, release)
    assert again.equals(array)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_fast_and_the_exact_way_agree(data: st.DataObject) -> None:
    release, resource_type = data.draw(st.sampled_from(TYPES))
    contents = data.draw(st.lists(resources(resource_type, release), min_size=1, max_size=3))
    lines = [line(resource_type, content) for content in contents]
    shape = Shape.root(resource_type)
    exact, _ = module._parse_exactly(lines, shape, release)
    fast = module._parse_fast(b"\n".join(lines), shape, release)
    if fast is not None and leaves_in_array(fast) == leaves_in_array(exact):
        assert _values(fast) == _values(exact)


def _values(array: pa.StructArray) -> list[dict[str, Any]]:
    """Without elements that are null: they may have a column or none."""
    return [without_nulls(row) for row in array.to_pylist()]


@pytest.mark.parametrize(
    "text",
    [
        *("72.50", "1e2", "-0.0", "1E-7", "1.0e+05", "0", "-5"),
        *("0.00000000000000000000000000000001", "123456789012345678901234567890.123456789"),
    ],
)
def test_a_decimal_stays_as_it_was_written(text: str) -> None:
    raw = b'{"resourceType":"Observation","valueQuantity":{"value": %s }}' % text.encode()
    assert rows("Observation", raw) == [{"valueQuantity": {"value": text}}]


def test_a_name_may_be_a_decimal_here_and_an_integer_there() -> None:
    claim = {"item": [{"sequence": 1, "factor": 1.50, "detail": [{"sequence": 2}]}]}
    extension = {"extension": [{"url": "a", "valueDecimal": 2.0}, {"url": "b", "valueInteger": 3}]}
    (row,) = rows("Claim", json.dumps({"resourceType": "Claim", **claim, **extension}).encode())
    assert row["item"] == [{"sequence": 1, "factor": "1.5", "detail": [{"sequence": 2}]}]
    value = {"low": {"value": 1.0}}
    sampled = {"resourceType": "Observation", "valueRange": value, "valueInteger": 4}
    assert rows("Observation", json.dumps(sampled).encode()) == [
        {"valueRange": {"low": {"value": "1.0"}}, "valueInteger": 4}
    ]


def test_lists_of_decimals_keep_their_digits() -> None:
    raw = b'{"resourceType":"MolecularSequence","quality":[{"roc":{"precision":[0.50, 1e-3]}}]}'
    assert rows("MolecularSequence", raw) == [
        {"quality": [{"roc": {"precision": ["0.50", "1e-3"]}}]}
    ]


def test_a_long_integer_of_r5_is_a_number() -> None:
    raw = b'{"resourceType":"Practitioner","photo":[{"size":"9007199254740993"}]}'
    for written in (raw, raw.replace(b'"9007199254740993"', b"9007199254740993")):
        array, _ = parse([written], Shape.root("Practitioner"), R5)
        assert without_nulls(array.to_pylist()) == [{"photo": [{"size": 9007199254740993}]}]


def test_an_element_may_be_named_like_the_type_of_a_resource() -> None:
    raw = (
        b'{"resourceType":"ExampleScenario","instance":[{"resourceId":"a","resourceType":"Basic"}]}'
    )
    assert rows("ExampleScenario", raw) == [
        {"instance": [{"resourceId": "a", "resourceType": "Basic"}]}
    ]


def test_nulls_that_hold_places_stay() -> None:
    name = {"given": ["Ann", None], "_given": [None, {"extension": [{"url": "u"}]}]}
    assert rows("Patient", json.dumps({"resourceType": "Patient", "name": [name]}).encode()) == [
        {"name": [name]}
    ]


def test_an_element_seen_late_is_not_lost() -> None:
    shape = Shape.root("Patient")
    first, _ = parse([b'{"resourceType":"Patient","id":"a"}'] * 3, shape, R4)
    late, _ = parse([b'{"resourceType":"Patient","id":"b","active":true}'], shape, R4)
    assert (first.type.names, late.type.names) == (["id"], ["id", "active"])


def test_columns_stand_in_the_order_of_fhir() -> None:
    raw = b'{"gender":"male","resourceType":"Patient","active":true,"id":"a"}'
    array, _ = parse([raw], Shape.root("Patient"), R4)
    assert array.type.names == ["id", "active", "gender"]


def test_no_lines_are_no_rows() -> None:
    array, found = parse([], Shape.root("Patient"), R4)
    assert (len(array), found) == (0, 0)


def test_a_line_without_elements_is_a_row() -> None:
    assert rows(
        "Patient", b'{"resourceType":"Patient"}', b'{"resourceType":"Patient","id":"a"}'
    ) == [
        {},
        {"id": "a"},
    ]
    assert rows("Patient", b'{"resourceType":"Patient"}') == [{}]


def test_an_element_that_fhir_does_not_define_is_an_error() -> None:
    with pytest.raises(UnknownElement, match="HumanName"):
        rows("Patient", b'{"resourceType":"Patient","name":[{"nick":"x"}]}')


@pytest.mark.parametrize(
    ("levels", "is_deep"), [(MAX_LEVELS, False), (MAX_LEVELS + 1, True), (240, True)]
)
def test_depth_is_bounded(levels: int, is_deep: bool) -> None:
    raw = (
        b'{"resourceType":"Patient"'
        + b',"extension":[{"url":"u"' * (levels - 1)
        + b"}]" * (levels - 1)
        + b"}"
    )
    if is_deep:
        with pytest.raises(TooDeep):
            rows("Patient", raw)
    else:
        assert json.dumps(rows("Patient", raw)).count('"u"') == levels - 1


def test_what_is_lost_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(lines: Any, shape: Shape, release: Release) -> tuple[pa.StructArray, int]:
        array = pa.array([{"id": "a"}], pa.struct([("id", pa.string())]))
        return array, 2

    monkeypatch.setattr(module, "_parse_fast", lambda *_: None)
    monkeypatch.setattr(module, "_parse_exactly", forget)
    with pytest.raises(module.LostLeaves, match="2 values were delivered, 1 read"):
        parse([b'{"resourceType":"Patient","id":"a","active":true}'], Shape.root("Patient"), R4)
