"""Bundles, arrays and nested Bundles: where the resources stand in the bytes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medplatform.modalities.ehr.count import count_parsed
from medplatform.modalities.ehr.document import split_document


def resources(document: Any, **layout: Any) -> list[Any]:
    raw = json.dumps(document, **layout).encode()
    return [
        json.loads(raw[part.start : part.end]) if part.end > part.start else None
        for part in split_document(raw)
    ]


def entry(resource_id: str, **more: Any) -> dict[str, Any]:
    return {"resource": {"resourceType": "Patient", "id": resource_id}, **more}


def ids(document: Any) -> list[str]:
    return [resource["id"] for resource in resources(document)]


def bundle(*entries: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(entries)}


def test_the_entries_of_a_bundle_in_order() -> None:
    assert ids(bundle(entry("a"), entry("b"), entry("c"))) == ["a", "b", "c"]


def test_a_bundle_is_known_even_when_its_type_comes_last() -> None:
    assert ids({"entry": [entry("a")], "resourceType": "Bundle"}) == ["a"]


def test_nested_bundles_and_arrays_of_bundles_are_opened() -> None:
    inner = {"resource": bundle(entry("b"), entry("c"))}
    assert ids([bundle(entry("a"), inner), bundle(entry("d"))]) == ["a", "b", "c", "d"]


def test_an_entry_without_resource_is_a_record_without_bytes() -> None:
    deletion = {"request": {"method": "DELETE", "url": "Patient/1"}}
    assert resources(bundle(deletion, None, entry("a")))[:2] == [None, None]


def test_a_bundle_without_entries_is_a_record_of_its_own() -> None:
    assert resources(bundle()) == [bundle()]


def test_a_list_resource_with_entries_is_no_bundle() -> None:
    working_list = {"resourceType": "List", "entry": [{"item": {"reference": "Patient/1"}}]}
    assert resources(working_list) == [working_list]


def test_numbers_keep_the_text_that_was_delivered() -> None:
    raw = b'{"resourceType":"Bundle","entry":[{"resource":{"n": 72.50, "m":1E+2}}]}'
    (part,) = split_document(raw)
    assert raw[part.start : part.end] == b'{"n": 72.50, "m":1E+2}'


def test_positions_are_bytes_beyond_ascii_text() -> None:
    document = bundle({"fullUrl": "urn:uuid:ä", "resource": {"id": "Ω𝄞"}}, entry("b"))
    assert resources(document, ensure_ascii=False) == resources(document)
    parts = split_document(json.dumps(document, ensure_ascii=False).encode())
    assert parts[0].full_url == "urn:uuid:ä"


def test_full_urls_are_aliases_of_ids_within_their_bundle_only() -> None:
    first = bundle(entry("a", fullUrl="urn:uuid:1"), entry("b"))
    second = bundle(entry("c", fullUrl="urn:uuid:1"))
    parts = split_document(json.dumps([first, second]).encode())
    assert [part.aliases for part in parts] == [
        {"urn:uuid:1": "a"},
        {"urn:uuid:1": "a"},
        {"urn:uuid:1": "c"},
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a":1,}',
        b'{"a" 1}',
        b"{1:2}",
        b"[1,]",
        b"[1 2]",
        b"{} {}",
        b'{"entry":[1}',
        b'{"entry":[],"entry":[]}',
    ],
)
def test_text_that_is_not_json_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        split_document(raw)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["resourceType", "entry", "resource", "id", "x"]), inner, max_size=4
        )
        | st.lists(st.fixed_dictionaries({"resource": inner}), max_size=3).map(
            lambda entries: {"resourceType": "Bundle", "entry": entries}
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(values, st.sampled_from([None, 1]), st.booleans())
def test_splitting_agrees_with_counting_parsed_json(document, indent, ascii_only) -> None:
    raw = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    assert len(split_document(raw)) == count_parsed(document)
