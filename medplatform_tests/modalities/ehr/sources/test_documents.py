"""Bundles, arrays and single resources: where the records stand in the bytes."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medplatform.modalities.ehr import outline
from medplatform.modalities.ehr.sources import (
    Deletion,
    documents,
    layout,
    member,
    plain,
    value,
    window,
)
from medplatform.modalities.ehr.sources.entry import MAX_NESTING, cut

from .conftest import A, B, Found, Read, bundle, deletion, entry

HELD = 400


@pytest.fixture(params=["held in memory", "read twice"], autouse=True)
def _limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever holds of a document holds of one that is too long for the memory."""
    if request.param == "read twice":
        for module in (layout, documents):
            monkeypatch.setattr(module, "MAX_HELD_BYTES", HELD)
        for module in (member, documents, plain):
            monkeypatch.setattr(module, "CHUNK_BYTES", 64)


@pytest.fixture(params=["one line", "pretty", "gzipped"])
def load(request: pytest.FixtureRequest, read: Read):
    """Read a document as it may be laid out."""

    def load_document(document: Any, **more: Any) -> Found:
        indent = 1 if request.param == "pretty" else None
        data = json.dumps(document, indent=indent).encode()
        return read(gzip.compress(data) if request.param == "gzipped" else data, "x.json", **more)

    return load_document


def test_the_entries_of_a_bundle_in_order(load) -> None:
    ids = [f"p{number}" for number in range(40)]
    found = load(bundle(*map(entry, ids)))
    assert found.ids == ids
    assert [number for number, _ in found.places] == list(range(1, 41))


@pytest.mark.parametrize(
    "form",
    ["collection", "transaction", "batch", "history", "searchset", "document", "message"],
)
def test_bundles_of_every_type_are_opened(load, form: str) -> None:
    outcome = {"resourceType": "OperationOutcome", "id": "o", "issue": []}
    found = load(bundle(entry("a"), {"resource": outcome}, type=form, total=2, link=[{"url": "x"}]))
    assert found.ids == ["a", "o"]


def test_a_bundle_is_known_even_when_its_type_comes_last(load) -> None:
    assert load({"entry": [entry("a")] * 9, "resourceType": "Bundle"}).ids == ["a"] * 9


def test_nested_bundles_and_arrays_of_bundles_are_opened(load) -> None:
    inner = {"resource": bundle(entry("b"), entry("c"))}
    assert load([bundle(entry("a"), inner), bundle(entry("d"))]).ids == ["a", "b", "c", "d"]


def test_bundles_within_bundles_are_opened_to_a_limit(load) -> None:
    nested: dict[str, Any] = entry("a")
    for _ in range(MAX_NESTING):
        nested = {"resource": bundle(nested)}
    assert load(bundle(nested)).ids == ["a"]
    (line,) = load(bundle({"resource": bundle(nested)})).lines
    assert json.loads(line)["resourceType"] == "Bundle"


def test_responses_without_resource_are_faults(load) -> None:
    responses = [{"response": {"status": "201"}}, None, 5, "x", [], {"resource": None}]
    found = load(bundle(entry("a"), *responses, entry("b"), type="batch-response"))
    assert found.ids == ["a", "b"]
    assert found.codes == [(number, "entry.no_resource") for number in range(2, 8)]
    assert [number for number, _ in found.places] == [1, 8]


def test_a_bundle_without_entries_is_a_record_of_its_own(load) -> None:
    assert [json.loads(line) for line in load(bundle()).lines] == [bundle()]


def test_a_list_with_entries_is_no_bundle(load) -> None:
    working_list = {"resourceType": "List", "entry": [{"item": {"reference": "Patient/1"}}] * 20}
    assert [json.loads(line) for line in load(working_list).lines] == [working_list]


def test_elements_of_an_array_that_are_no_objects(load) -> None:
    found = load([1, {"id": "a"}, None, "x,y", [{}], {"id": "b"}, True])
    assert [json.loads(line) for line in found.lines] == [{"id": "a"}, [{}], {"id": "b"}]
    assert found.codes == [(number, "json.not_an_object") for number in (1, 3, 4, 7)]


def test_an_empty_array_has_no_records(load) -> None:
    assert load([]).delivered == 0


def test_records_are_the_bytes_that_were_delivered(read: Read) -> None:
    first, second = b'{"n": 72.50, "m":1E+2}', '{"t":"Ω\\u0000𝄞"}'.encode()
    data = b'{"resourceType":"Bundle","entry":[{"resource":%s},\r\n{"resource" : %s }]}'
    data = b"\n" + data % (first, second)
    found = read(data, "x.json")
    assert found.lines == [first, second]
    for line, (_, offset) in zip(found.lines, found.places, strict=True):
        assert offset is not None
        assert data[offset:].startswith(line)


def test_a_pretty_resource_comes_on_one_line(read: Read) -> None:
    data = json.dumps(json.loads(A), indent=2).encode()
    (line,) = read(data, "x.json").lines
    assert line == data.replace(b"\n", b"\t")


def test_documents_one_after_the_other(read: Read) -> None:
    texts = [json.dumps(d, indent=1) for d in (bundle(entry("a"), entry("b")), entry("c"))]
    found = read("\n".join([*texts, "[", A.decode(), "]"]).encode(), "all.json")
    assert [json.loads(line).get("id") for line in found.lines] == ["a", "b", None, "a"]


def test_deletions_name_what_they_delete(load) -> None:
    found = load(
        bundle(
            deletion("Patient/p1"),
            entry("b"),
            deletion(
                "https://x.example/fhir/Observation/o.1/_history/2", response={"status": "204"}
            ),
            entry("c", request={"method": "DELETE", "url": "Patient/c"}),
            deletion("Patient/p2", response={"status": "204", "lastModified": "2021-01-01"}),
            type="history",
            meta={"lastUpdated": "2020-04-27T02:56:00Z"},
        )
    )
    assert found.ids == ["b"]
    assert [(d.number, d.resource_type, d.resource_id, d.deleted_at) for d in found.deletions] == [
        (1, "Patient", "p1", "2020-04-27T02:56:00Z"),
        (3, "Observation", "o.1", "2020-04-27T02:56:00Z"),
        (4, "Patient", "c", "2020-04-27T02:56:00Z"),
        (5, "Patient", "p2", "2021-01-01"),
    ]


def test_to_delete_a_version_does_not_delete_the_resource(load) -> None:
    found = load(bundle(deletion("Patient/p1/_history/1"), type="transaction"))
    assert found.deletions == []
    assert found.codes == [(1, "entry.deletes_version")]


def test_the_time_of_a_bundle_goes_before_when_it_was_stored(load) -> None:
    found = load(bundle(deletion("Patient/1"), timestamp="2022", meta={"lastUpdated": "2023"}))
    assert [deletion.deleted_at for deletion in found.deletions] == ["2022"]


def test_deleted_files_of_a_bulk_export(read: Read) -> None:
    lines = [bundle(deletion(f"Patient/{n}"), type="transaction") for n in range(3)]
    found = read(b"\n".join(json.dumps(line).encode() for line in lines))
    assert found.deletions == [
        Deletion(number + 1, found.deletions[number].offset, "Patient", str(number), None)
        for number in range(3)
    ]


@pytest.mark.parametrize(
    "url", ["Patient?identifier=x|1", "Patient", "", None, 5, "urn:uuid:1", "patient/1", "A b/1"]
)
def test_a_deletion_that_names_no_resource_is_a_fault(load, url: object) -> None:
    found = load(bundle({"request": {"method": "DELETE", "url": url}}))
    assert found.codes == [(1, "entry.deletion")]


def test_aliases_of_a_bundle(load) -> None:
    found = load(
        bundle(
            entry("a", fullUrl="urn:uuid:1"),
            entry("b", fullUrl="https://x.example/fhir/Patient/b"),
            {
                "fullUrl": "urn:uuid:3",
                "resource": {
                    "resourceType": "Observation",
                    "subject": {"reference": "urn:uuid:1"},
                },
            },
            entry("d", fullUrl="https://x.example/fhir/Patient/other"),
            {"resource": {"link": {"reference": "https://x.example/fhir/Patient/other"}}},
            type="transaction",
        )
    )
    (aliases,) = found.aliases
    assert aliases == {
        "urn:uuid:1": "Patient/a",
        "https://x.example/fhir/Patient/other": "Patient/d",
    }
    assert found.full_urls[:3] == ["urn:uuid:1", "https://x.example/fhir/Patient/b", "urn:uuid:3"]


def test_a_long_bundle_gives_each_block_the_aliases_it_needs(load) -> None:
    linked = [entry(f"p{n}", fullUrl=f"urn:uuid:{n}") for n in range(30)] + [
        {"resource": {"subject": {"reference": f"urn:uuid:{n}"}}} for n in range(30)
    ]
    found = load(bundle(*linked), block_bytes=100)
    for block in found.blocks:
        named = {json.loads(line).get("subject", {}).get("reference") for line in block.lines}
        assert {block.aliases[url][9:] for url in named if url} == {url[9:] for url in named if url}


def test_what_an_alias_stands_for_never_changes_within_a_block(load) -> None:
    def linked(resource_id: str) -> dict[str, Any]:
        reference = {"resource": {"subject": {"reference": "urn:uuid:1"}}}
        return bundle(entry(resource_id, fullUrl="urn:uuid:1"), reference)

    found = load([linked("a"), linked("c")])
    assert found.aliases == [{"urn:uuid:1": "Patient/a"}, {"urn:uuid:1": "Patient/c"}]


def test_an_alias_of_two_resources_stands_for_none(load) -> None:
    link = {"resource": {"subject": {"reference": "urn:uuid:1"}}}
    twice = [entry("a", fullUrl="urn:uuid:1"), entry("b", fullUrl="urn:uuid:1")]
    assert load(bundle(*twice, link)).aliases == [{}]


@pytest.mark.parametrize(
    ("broken", "kept"),
    [
        (b"[", 0),
        (b"[" + A, 1),
        (b"[" + A + b"," + B[:9], 1),
        (b"[" + A + b"," + B, 2),
        (b'{"resourceType":"Bundle","entry":[{"resource":' + A + b"},{", 1),
        (b'{"resourceType":"Bundle","entry":[{"resource":' + A + b'}],"x":', 1),
        (b'{"entry":[{"resource":' + A + b'}],"resourceType":"Bundle"', 0),
        (b'{"resourceType":"Patient",', 0),
    ],
)
def test_a_document_that_ends_early_keeps_what_was_read(
    read: Read, broken: bytes, kept: int
) -> None:
    for data, code in (
        (broken.replace(b",", b",\n"), "file.not_json"),
        (gzip.compress(broken.replace(b",", b",\n"))[:-8], "file.truncated"),
    ):
        found = read(data, "x.json")
        assert len(found.lines) == kept
        assert found.codes == [(kept + 1, code)]


@pytest.mark.parametrize(
    "broken",
    [
        b"[" + A + b",\n]",
        b"[\n" + A + B + b"]",
        b"[\n" + A + b",\n," + B + b"]",
        b"[\n" + A + b"}",
        b'{"resourceType":"Bundle",\n"entry":[{"resource":' + A + b"}],}",
        b'{"resourceType":"Bundle",\n"entry":[' + A + b"],\n" + b'"entry":[' + A + b"]}",
        b'{"resourceType":"Bundle",\n"resourceType":"List","entry":[{"resource":' + A + b"}]}",
        b'{\n"resourceType":"Patient"\n"id":"a"}',
        b'{\n"resourceType":"Patient","id":NULL}',
        b"[\n" * 5000 + b"}" * 5000,
    ],
)
def test_a_broken_document_is_one_fault(read: Read, broken: bytes) -> None:
    found = read(broken, "x.json")
    assert found.lines == []
    assert found.codes == [(1, "file.not_json")]


def test_what_follows_a_document_is_a_fault(read: Read) -> None:
    found = read(b"[\n" + A + b"]\n  x", "x.json")
    assert found.lines == [A]
    assert found.codes == [(2, "file.not_json")]


def test_a_broken_entry_costs_no_other_entry(load, read: Read) -> None:
    data = json.dumps(bundle(*(entry(f"p{n}") for n in range(9)))).encode()
    broken = data.replace(b'"id": "p3"', b'"id": 01').replace(
        b'{"resource": {"resourceType": "Patient", "id": "p5"}}', b'{"resource" {}}'
    )
    found = read(broken, "x.json")
    assert len(found.lines) == 8
    assert found.codes == [(6, "json.invalid")]


@pytest.mark.parametrize("key", ["resource", "fullUrl", "request"])
def test_an_entry_that_says_a_thing_twice_is_refused_alone(read: Read, key: str) -> None:
    twice = b'{"%s":{},"%s":{}}' % (key.encode(), key.encode())
    data = b'{"resourceType":"Bundle",\n"entry":[{"resource":%s},%s]}' % (A, twice)
    found = read(data, "x.json")
    assert found.lines == [A]
    assert found.codes == [(2, "json.duplicate_key")]


def test_records_beyond_the_limit_are_refused_alone(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (documents, value, window, outline):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", 1000)
    large = entry("x", data="y" * 3000)
    data = json.dumps(bundle(entry("a"), large, entry("b")), indent=1).encode()
    found = read(data, "x.json")
    assert found.ids == ["a", "b"]
    assert found.codes == [(2, "record.too_large")]
    if documents.MAX_HELD_BYTES == HELD:
        single = json.dumps({"resourceType": "Binary", "data": "y" * 3000}, indent=1).encode()
        assert read(single, "x.json").codes == [(1, "record.too_large")]
        single = json.dumps({"resourceType": "List", "a": [{"x": "y" * 99}] * 30}, indent=1)
        assert read(single.encode(), "x.json").codes == [(1, "record.too_large")]


def test_lines_may_follow_a_long_one(read: Read) -> None:
    long = json.dumps(bundle(*(entry(f"p{n}") for n in range(30)))).encode()
    found = read(b"\n".join([long, b"", A, b"oops", long]))
    assert [json.loads(line)["id"] for line in found.lines[:31]] == [f"p{n}" for n in range(30)] + [
        "a"
    ]
    assert len(found.lines) == 62
    assert found.blank == 1
    broken = read(b"\n".join([long[:-2], A, B]))
    assert broken.lines[-2:] == [A, B]


keys = st.sampled_from(["resourceType", "entry", "resource", "id", "fullUrl", "request", "x{"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["Bundle"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.lists(st.fixed_dictionaries({"resource": inner}), max_size=3).map(
            lambda entries: {"resourceType": "Bundle", "entry": entries}
        )
    ),
    max_leaves=14,
)


def expected(document: Any) -> list[Any]:
    """The records of a parsed document; None for an entry without one."""
    if isinstance(document, list):
        return [
            r for e in document for r in ([None] if not isinstance(e, dict | list) else _one(e))
        ]
    return _one(document)


def _one(resource: Any) -> list[Any]:
    is_bundle = isinstance(resource, dict) and resource.get("resourceType") == "Bundle"
    if not is_bundle or not isinstance(resource.get("entry"), list) or not resource["entry"]:
        return [resource]
    found = []
    for item in resource["entry"]:
        inner = item.get("resource") if isinstance(item, dict) else None
        found += _one(inner) if isinstance(inner, dict | list) else [None]
    return found


@settings(deadline=None, max_examples=200)
@given(values, st.sampled_from([None, 1]), st.booleans())
def test_cutting_agrees_with_parsing(document: Any, indent: int | None, ascii_only: bool) -> None:
    raw = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    found = cut(raw)
    parsed = expected(document)
    if found is None:
        assert parsed == [document]
        return
    parts = [part for one in found for part in one.parts]
    assert [json.loads(part.text) if part.text else None for part in parts] == parsed
    for part in parts:
        assert raw[part.offset :].startswith(part.text)
