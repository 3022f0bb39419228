"""All elements of one type, wherever they stand."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from medplatform.modalities.ehr.columns.occurrences import find_occurrences
from medplatform.modalities.ehr.columns.parse import parse
from medplatform.modalities.ehr.columns.shape import Shape
from medplatform.modalities.ehr.definitions import Release, elements_of

from .written import Style, read, resources, without_nulls, write

PLAIN = Style("", ascii_only=False, escaped_names=False)


def walk(content: Any, kind: str, path: str, wanted: str) -> Iterator[tuple[str, str]]:
    """Path and content of the elements of a type."""
    for name, value in content.items():
        element = elements_of(kind, Release.R4)[name]
        for item in value if element.is_list else [value]:
            if item is None or element.is_primitive:
                continue
            if element.type == wanted:
                yield f"{path}.{name}", json.dumps(item)
            yield from walk(item, element.type, f"{path}.{name}", wanted)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_all_are_found_with_their_rows(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["Patient", "Observation", "Claim"]))
    wanted = data.draw(st.sampled_from(["Extension", "Reference", "Coding", "Period"]))
    contents = data.draw(st.lists(resources(kind, Release.R4), min_size=1, max_size=4))
    lines = [write({"resourceType": kind, **content}, PLAIN).encode() for content in contents]
    shape = Shape.root(kind)
    array, _ = parse(lines, shape, Release.R4)
    for start in (0, 1):  # of a slice too
        found = [
            (int(row), occurrence.path, json.dumps(without_nulls(element)))
            for occurrence in find_occurrences(array.slice(start), shape, wanted)
            for row, element in zip(occurrence.rows, occurrence.content.to_pylist(), strict=True)
        ]
        expected = [
            (row, path, text)
            for row, content in enumerate(contents[start:])
            for path, text in walk(read(content, kind, Release.R4), kind, kind, wanted)
        ]
        assert sorted(map(normal, found)) == sorted(map(normal, expected))


def normal(found: tuple[int, str, str]) -> tuple[int, str, str]:
    row, path, text = found
    return row, path, json.dumps(json.loads(text), sort_keys=True)
